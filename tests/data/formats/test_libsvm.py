"""LIBSVM's text: read exactly whatever its scale and first index; faults are named by line."""

import io

import numpy as np
import pytest
from digit_files import flat, libsvm_text
from sklearn.datasets import dump_svmlight_file
from tiny_collection import assert_same_data, tiny_test, tiny_train

from digitnn.data.dataset import Dataset
from digitnn.data.formats.libsvm import find_libsvm, libsvm_parts, read_libsvm
from digitnn.data.formats.storage import detect
from digitnn.errors import FormatError

DATA = tiny_train()


def read(path):
    return read_libsvm(path, "train", "tiny")


def saved(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("size", [12_000, 1 << 20])
def test_each_scale_and_first_index_is_read(tmp_path, monkeypatch, first, scaled, size):
    monkeypatch.setattr("digitnn.data.formats.text_blocks.BLOCK_BYTES", size)
    path = saved(tmp_path / "x.svm", libsvm_text(DATA, first, scaled))
    assert_same_data(read(path), DATA)


def test_a_file_of_scikit_learn_is_read(tmp_path):
    file = io.BytesIO()
    dump_svmlight_file(
        flat(DATA).astype(np.int64),
        DATA.labels.astype(np.int64),
        file,
        zero_based=False,
        comment="digits",
    )
    (tmp_path / "x.svm").write_bytes(file.getvalue())
    lines = file.getvalue().decode().splitlines()
    assert lines[0].startswith("#")
    assert_same_data(read(tmp_path / "x.svm"), DATA)


def test_the_scale_may_show_late(tmp_path, monkeypatch):
    """Binary images come first: 1 is white if the others are scaled, else a grey level."""
    monkeypatch.setattr("digitnn.data.formats.text_blocks.BLOCK_BYTES", 12_000)
    images = DATA.images.copy()
    images[:30] = (images[:30] > 128) * np.uint8(255)
    scaled = Dataset(images, DATA.labels)
    path = saved(tmp_path / "x.svm", libsvm_text(scaled, scaled=True))
    assert_same_data(read(path), scaled)
    grey = Dataset(np.where(images == 255, 1, images).astype(np.uint8), DATA.labels)
    assert_same_data(read(saved(path, libsvm_text(grey))), grey)


def test_black_and_white_alone_is_scaled(tmp_path):
    path = saved(tmp_path / "x.svm", "3 1:1 784:1\n4 2:0\n5\n")
    found = read(path)
    assert found.labels.tolist() == [3, 4, 5]
    assert found.images.reshape(3, -1)[0, [0, 1, 783]].tolist() == [255, 0, 255]
    assert found.images[1:].max() == 0


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["mnist", "mnist.t"], ("train", "test")),
        (["mnist.t"], ("test",)),
        (["train.svm", "test.svm"], ("train", "test")),
        (["digits.libsvm"], ("train",)),
    ],
)
def test_usual_names_say_the_part(tmp_path, names, parts):
    for name, data in zip(names, (DATA, tiny_test()), strict=False):
        saved(tmp_path / name, libsvm_text(data))
    found = detect(tmp_path)
    assert found is not None
    assert found.parts == parts
    assert libsvm_parts(tmp_path / names[0]) == parts
    if "train" in parts:
        assert_same_data(found.read("train", "x"), DATA)


def test_other_text_is_not_taken_for_it(tmp_path):
    for text in ("", "hello 1:2\n", "5 6 7\n", "12:30 lunch\n", "\0\0"):
        assert find_libsvm(saved(tmp_path / "notes.txt", text)) is None
    assert find_libsvm(saved(tmp_path / "notes.txt", "5 1:2\n")) is not None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("255 1:2", "line 3: label '255'; labels are whole numbers from 0 to 254"),
        ("3.5 1:2", "label '3.5'"),
        ("three 1:2", "label 'three'"),
        ("3 16385:2", "line 3: pixel 16385; images have at most 16384 pixels"),
        ("3 -1:2", "'-1:2'; expected pixel:value"),
        ("3 99999999999999999999:2", "'99999999999999999999'; expected pixel:value"),
        ("3 1:256", "line 3: pixel 1 is 256; expected whole numbers from 0 to 255"),
        ("3 1:-2", "pixel 1 is -2"),
        ("3 1:2.5", "pixel 1 is 2.5"),
        ("3 1:nan", "'1:nan'; expected pixel:value"),
        ("3 1:1e999", "pixel 1 is inf; expected"),
        ("3 1:2 5", "line 3: '5'; expected pixel:value, such as 153:3"),
        ("3 1:2:3 4", "'1:2:3'; expected pixel:value"),
        ("3 qid:1 4:5", "'qid:1'"),
        ("3 1:1_0", "'1:1_0'"),
        ("3 1:", "'1:'"),
        ("3 0:1 784:1", "pixels from 0 to 784; expected 0 to 783 or 1 to 784"),
    ],
)
def test_a_wrong_line_is_named_with_its_number(tmp_path, line, message):
    path = saved(tmp_path / "x.svm", f"1 5:200\n\n{line}\n")
    with pytest.raises(FormatError) as raised:
        read(path)
    assert message in str(raised.value)
    assert str(raised.value).startswith(str(path))
    assert str(raised.value).isprintable()


def test_a_value_that_fits_no_scale_is_named(tmp_path):
    path = saved(tmp_path / "x.svm", "1 5:0.5\n")
    with pytest.raises(FormatError, match=r"line 1: pixel 5 is 0.5; expected k / 255, from 0 to 1"):
        read(path)


def test_a_missing_part_is_named(tmp_path):
    path = saved(tmp_path / "mnist.t", "1 5:200\n")
    with pytest.raises(FormatError, match=r"no training part; a file such as mnist.bz2"):
        read(path)


@pytest.mark.parametrize("end", ["x", "784:1x", "784:", "784:1.5.5"])
def test_a_fault_at_the_end_of_a_long_line_is_found_at_once(tmp_path, end):
    """A pattern that matches a number in several ways would try 3 ** 783 of them."""
    pairs = " ".join(f"{n}:255" for n in range(1, 784))
    path = saved(tmp_path / "x.svm", f"1 5:200\n3 {pairs} {end}\n")
    with pytest.raises(FormatError, match=f"line 2: '{end}'; expected pixel:value"):
        read(path)
