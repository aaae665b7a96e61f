"""mnist_all.mat: sorted by class, read by variable, and refused in one line when damaged."""

import contextlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_collection import assert_same_data, sorted_by_class, tiny_part, tiny_test, tiny_train

from digitnn.data.dataset import Dataset
from digitnn.data.formats.mat import list_variables, read_uint8
from digitnn.data.formats.mat_collections import (
    find_mat,
    mat_arrays,
    mat_parts,
    read_mat,
    write_mat,
)
from digitnn.errors import FormatError


@pytest.fixture
def mat(tmp_path: Path) -> Path:
    write_mat(tmp_path / "mnist_all.mat", tiny_train(), tiny_test())
    return tmp_path / "mnist_all.mat"


def refusal(path: Path, part: str = "train") -> str:
    with pytest.raises(FormatError) as raised:
        read_mat(path, part, "tiny")
    message = str(raised.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_the_variables_are_the_classes_stacked_in_the_order_of_the_images(mat):
    written = scipy.io.loadmat(mat)
    for part, data in (("train", tiny_train()), ("test", tiny_test())):
        for digit in range(10):
            expected = data.images[data.labels == digit].reshape(-1, 784)
            found = written[f"{part}{digit}"]
            assert found.dtype == np.uint8
            assert found.tobytes() == expected.tobytes()
            assert found.shape == expected.shape


def test_each_part_is_read_class_by_class(mat):
    assert_same_data(read_mat(mat, "train", "tiny train"), sorted_by_class(tiny_train()))
    assert_same_data(read_mat(mat, "test", "tiny test"), sorted_by_class(tiny_test()))
    assert read_mat(mat, "test", "tiny test").name == "tiny test"


def test_a_class_without_images_is_kept(tmp_path):
    few = tiny_part(30, seed=3)
    few = few[few.labels != 4]
    write_mat(tmp_path / "x.mat", few, few)
    found = read_mat(tmp_path / "x.mat", "train", "few")
    assert found.counts().tolist() == [3, 3, 3, 3, 0, 3, 3, 3, 3, 3]
    assert_same_data(found, sorted_by_class(few))


def test_reading_the_training_part_does_not_need_the_test_variables(tmp_path):
    variables = {f"train{digit}": np.zeros((2, 784), np.uint8) for digit in range(10)}
    scipy.io.savemat(tmp_path / "x.mat", variables)
    assert len(read_mat(tmp_path / "x.mat", "train", "half")) == 20
    assert "no variable test0, test1" in refusal(tmp_path / "x.mat", "test")


def uncompressed(path: Path, **more: object) -> Path:
    arrays = mat_arrays(tiny_train(), "train") | mat_arrays(tiny_test(), "test")
    scipy.io.savemat(path, arrays | more)
    return path


def test_a_file_that_is_not_compressed_is_read(tmp_path):
    path = uncompressed(tmp_path / "x.mat")
    assert_same_data(read_mat(path, "test", "tiny test"), sorted_by_class(tiny_test()))


@pytest.mark.parametrize("compress", [False, True])
def test_variables_of_every_other_class_are_listed_as_scipy_lists_them(tmp_path, compress):
    others = {
        "x": np.eye(3),
        "ans": "a text",
        "truth": np.array([[True, False]]),
        "record": {"field": np.arange(3)},
        "cells": np.array([[1, "two"]], dtype=object),
        "thin": scipy.sparse.csc_array(np.eye(4)),
        "deep": np.zeros((2, 3, 4, 5), np.int16),
        "a_rather_long_name": np.zeros((0, 7), np.uint64),
        "whole": np.arange(6, dtype=np.uint8).reshape(2, 3),
    }
    scipy.io.savemat(tmp_path / "x.mat", others, do_compression=compress)
    listed = list_variables(tmp_path / "x.mat")
    assert [(name, found.shape, found.kind) for name, found in listed.items()] == [
        (name, shape, kind)
        for name, shape, kind in scipy.io.whosmat(tmp_path / "x.mat", chars_as_strings=False)
    ]
    np.testing.assert_array_equal(read_uint8(tmp_path / "x.mat", listed["whole"]), others["whole"])


def test_a_big_endian_file_is_read(tmp_path):
    items = bytes(range(6)) + bytes(2)
    matrix = (
        struct.pack(">4I", 6, 8, 9, 0)  # flags: the class is uint8
        + struct.pack(">2I2i", 5, 8, 2, 3)  # two by three
        + struct.pack(">2H4s", 3, 1, b"abc")  # the name, inside its tag
        + struct.pack(">2I", 2, 6)
        + items
    )
    content = b"MATLAB 5.0".ljust(124) + b"\1\0MI" + struct.pack(">2I", 14, len(matrix)) + matrix
    (tmp_path / "x.mat").write_bytes(content)
    found = list_variables(tmp_path / "x.mat")
    assert list(found) == ["abc"]
    array = read_uint8(tmp_path / "x.mat", found["abc"])
    np.testing.assert_array_equal(array, [[0, 2, 4], [1, 3, 5]])


def test_one_wrong_byte_in_a_type_does_not_end_the_process(tmp_path):
    """scipy's reader ends in a segmentation fault on this."""
    path = uncompressed(tmp_path / "x.mat")
    content = bytearray(path.read_bytes())
    where = content.index(b"test0") + 8
    assert content[where : where + 4] == b"\2\0\0\0"  # the items are said to be uint8
    content[where] = 252
    path.write_bytes(bytes(content))
    assert "an element of type 252" in refusal(path, "test")


def test_a_variable_that_promises_more_than_its_bytes_can_hold_is_refused(tmp_path):
    bomb = zlib.compress(
        struct.pack("<2I", 14, 2**31 - 1)
        + struct.pack("<4I", 6, 8, 9, 0)
        + struct.pack("<2I2i", 5, 8, 2**31 // 784 - 1, 784)
        + struct.pack("<2I8s", 1, 6, b"train0")
        + struct.pack("<2I", 2, 2**31 // 784 * 784 - 784)
    )
    content = b"MATLAB 5.0".ljust(124) + b"\0\1IM" + struct.pack("<2I", 15, len(bomb)) + bomb
    (tmp_path / "x.mat").write_bytes(content)
    found = list_variables(tmp_path / "x.mat")["train0"]
    with pytest.raises(FormatError, match="train0 promises 2,147,483,655 bytes"):
        read_uint8(tmp_path / "x.mat", found)


def test_a_checksum_that_does_not_fit_is_noticed(mat):
    content = bytearray(mat.read_bytes())
    content[-1] ^= 1  # of test9
    mat.write_bytes(bytes(content))
    assert "damaged MATLAB file" in refusal(mat, "test")
    assert_same_data(read_mat(mat, "train", "tiny"), sorted_by_class(tiny_train()))


def test_missing_variables_are_named(tmp_path):
    variables = {f"train{digit}": np.zeros((2, 784), np.uint8) for digit in range(8)}
    scipy.io.savemat(tmp_path / "x.mat", variables)
    message = refusal(tmp_path / "x.mat")
    assert "no variable train8, train9;" in message
    assert "found 'train0', 'train1'" in message


@pytest.mark.parametrize(
    ("array", "got"),
    [
        (np.zeros((2, 784)), r"double (2, 784)"),
        (np.zeros((784, 2), np.uint8), "uint8 (784, 2)"),
        (np.zeros((2, 28, 28), np.uint8), "uint8 (2, 28, 28)"),
    ],
)
def test_a_variable_of_another_type_or_shape_is_refused_by_name(tmp_path, array, got):
    variables = {f"train{digit}": np.zeros((2, 784), np.uint8) for digit in range(10)}
    scipy.io.savemat(tmp_path / "x.mat", variables | {"train3": array})
    message = refusal(tmp_path / "x.mat")
    assert f"train3 must be uint8 of shape (n, 784), got {got}" in message


def test_a_matlab_7_3_file_is_refused_with_the_remedy(tmp_path):
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + b"\x89HDF\r\n\x1a\n" + bytes(99)
    (tmp_path / "x.mat").write_bytes(head)
    assert "'-v7'" in refusal(tmp_path / "x.mat")
    (tmp_path / "y.mat").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(99))
    assert "HDF5" in refusal(tmp_path / "y.mat")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "an empty file"),
        (b"<!doctype html><title>Sign in</title>", "an HTML page"),
        (b"PK\x03\x04" + bytes(600), "a ZIP archive"),
        (bytes(600), "a file that begins with the bytes 00 00 00 00"),
    ],
)
def test_what_is_not_a_matlab_file_is_called_what_it_looks_like(tmp_path, content, kind):
    (tmp_path / "x.mat").write_bytes(content)
    assert f"not a MATLAB file: it looks like {kind}" in refusal(tmp_path / "x.mat")


def test_a_file_cut_anywhere_is_refused(mat):
    whole = mat.read_bytes()
    for length in (10, 120, 127, 128, 130, 200, len(whole) // 3, len(whole) // 2, len(whole) - 1):
        mat.write_bytes(whole[:length])
        refusal(mat, "test")


@settings(deadline=None)
@given(data=st.data(), packed=st.booleans())
def test_damaged_bytes_are_read_or_refused_but_never_crash(tmp_path_factory, data, packed):
    path = tmp_path_factory.mktemp("mat") / "x.mat"
    scipy.io.savemat(path, mat_arrays(tiny_part(10, seed=1), "train"), do_compression=packed)
    content = bytearray(path.read_bytes())
    # The head of each variable decides; nearly all of an unpacked file is pixels.
    places = st.integers(0, len(content) - 1) | st.integers(0, 9).map(
        lambda n: min(len(content) - 1, 128 + n * (len(content) - 128) // 10)
    ).flatmap(lambda start: st.integers(start, min(start + 64, len(content) - 1)))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(places)] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with contextlib.suppress(FormatError):
        read_mat(path, "train", "tiny")


def original(path: Path, images: Dataset, **more: object) -> Path:
    variables = {"data": images.images.reshape(-1, 784).T, "label": images.labels[None] * 1.0}
    scipy.io.savemat(path, variables | more)
    return path


def test_the_last_images_of_mnist_original_are_the_test_part(tmp_path, monkeypatch):
    monkeypatch.setattr("digitnn.data.formats.mat_collections.MNIST_IMAGES", 80)
    monkeypatch.setattr("digitnn.data.formats.mat_collections.MNIST_TRAIN", 60)
    path = original(tmp_path / "mnist-original.mat", tiny_train() + tiny_test())
    assert mat_parts(path) == ("train", "test")
    assert_same_data(read_mat(path, "train", "x"), tiny_train())
    assert_same_data(read_mat(path, "test", "x"), tiny_test())


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        (
            {"data": np.zeros((60, 784), np.uint8)},
            "data must have the shape (pixels, n) for a square number of pixels, got (60, 784)",
        ),
        ({"data": np.zeros((784, 50))}, "60 labels for 50 images"),
        ({"data": np.full((784, 60), 0.333)}, "is 0.333, which is not k / 255"),
        ({"label": np.full((1, 60), 300.0)}, "label: label 0 is 300; labels count from 0"),
        ({"label": np.zeros((6, 10, 1))}, "label: expected labels of shape"),
    ],
)
def test_what_does_not_fit_mnist_original_is_refused(tmp_path, variables, message):
    path = original(tmp_path / "x.mat", tiny_train(), **variables)
    assert message in refusal(path)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ({"test": {"images": np.zeros((2, 784), np.uint8)}}, "no dataset.train.images and dataset"),
        ({"train": np.zeros(3)}, "found the fields 'train'"),
        ({"train": {"images": np.zeros((2, 784), np.uint8), "labels": "ab"}}, "no dataset.train"),
        (
            {"train": {"images": np.zeros((2, 700), np.uint8), "labels": np.zeros(2)}},
            "dataset.train.images: expected images of shape",
        ),
        (
            {"train": {"images": np.zeros((2, 784), np.uint8), "labels": np.zeros(3)}},
            "3 labels for 2 images",
        ),
        (
            {"train": {"images": np.zeros((2, 784), np.uint8), "labels": np.array([[3], [-6]])}},
            "dataset.train.labels: label 1 is -6; labels count from 0",
        ),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
def test_what_does_not_fit_emnist_is_refused(tmp_path, dataset, message, compress):
    scipy.io.savemat(tmp_path / "x.mat", {"dataset": dataset}, do_compression=compress)
    assert message in refusal(tmp_path / "x.mat")


def test_a_struct_array_is_refused(tmp_path):
    records = np.zeros((1, 2), dtype=[("train", object), ("test", object)])
    scipy.io.savemat(tmp_path / "x.mat", {"dataset": records})
    assert "is no single struct" in refusal(tmp_path / "x.mat")


def test_a_folder_is_searched_for_the_only_file_with_digits(tmp_path):
    scipy.io.savemat(tmp_path / "weights.mat", {"w": np.zeros(3)})
    (tmp_path / "broken.mat").write_bytes(b"MATLAB")
    assert find_mat(tmp_path) is None
    path = original(tmp_path / "mnist-original.mat", tiny_train())
    assert find_mat(tmp_path) == path
    original(tmp_path / "other.mat", tiny_train())
    assert find_mat(tmp_path) is None  # which of the two?
    write_mat(tmp_path / "mnist_all.mat", tiny_train(), tiny_test())
    assert find_mat(tmp_path) == tmp_path / "mnist_all.mat"
