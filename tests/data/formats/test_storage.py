"""One reader for every format, which opens only the part that it is asked for."""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from digit_files import idx_named
from tiny_collection import (
    assert_same_data,
    sorted_by_class,
    tiny_test,
    tiny_train,
)

from digitnn.data.dataset import Dataset
from digitnn.data.formats.idx import write_idx
from digitnn.data.formats.storage import EXPORT_FORMATS, detect, export, read_part
from digitnn.errors import DataError, FormatError, UsageError


def written(folder: Path, to: str) -> Path:
    export(tiny_train(), tiny_test(), folder, to)
    return folder


def as_kept(data: Dataset, to: str) -> Dataset:
    return sorted_by_class(data) if to == "mat" else data


@pytest.mark.parametrize("to", EXPORT_FORMATS)
def test_every_format_is_recognised_and_read_part_by_part(tmp_path, to):
    folder = written(tmp_path / "new" / "data", to)
    found = detect(folder)
    assert found is not None
    assert found.format.name == to.removesuffix("-gz")
    assert found.parts == ("train", "test")
    assert_same_data(read_part(folder, "train", "tiny train"), as_kept(tiny_train(), to))
    assert_same_data(read_part(folder, "test", "tiny test"), as_kept(tiny_test(), to))
    assert read_part(folder, "test", "tiny test").name == "tiny test"
    images = read_part(folder, "train", "tiny train").images
    assert images.flags.c_contiguous
    assert images.flags.writeable


@pytest.mark.parametrize("to", ["idx", "idx-gz", "png"])
def test_the_training_part_is_read_when_no_byte_of_the_test_part_is_right(tmp_path, to):
    folder = written(tmp_path, to)
    for path in [*tmp_path.glob("t10k*"), *tmp_path.glob("test/*/*.png")]:
        path.write_bytes(b"nobody reads this")
    assert_same_data(read_part(folder, "train", "tiny train"), tiny_train())
    with pytest.raises(FormatError, match="it looks like"):
        read_part(folder, "test", "tiny test")


@pytest.mark.parametrize("to", ["mat", "npz"])
def test_a_file_may_have_any_name_if_it_is_named_itself(tmp_path, to):
    (made,) = export(tiny_train(), tiny_test(), tmp_path / f"my digits.{to}", to)
    assert made == tmp_path / f"my digits.{to}"
    assert_same_data(read_part(made, "train", "tiny"), as_kept(tiny_train(), to))


def test_one_of_the_idx_files_stands_for_its_folder(tmp_path):
    written(tmp_path, "idx")
    found = read_part(tmp_path / "train-images-idx3-ubyte", "test", "tiny test")
    assert_same_data(found, tiny_test())


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_names_with_a_dot_are_known(tmp_path, suffix):
    for name, array in (("images.idx3", tiny_train().images), ("labels.idx1", tiny_train().labels)):
        write_idx(tmp_path / f"train-{name}-ubyte{suffix}", array, compress=bool(suffix))
    assert_same_data(read_part(tmp_path, "train", "tiny"), tiny_train())


def test_a_folder_without_the_test_files_says_so_and_names_the_file(tmp_path):
    written(tmp_path, "idx")
    for path in tmp_path.glob("t10k*"):
        path.unlink()
    found = detect(tmp_path)
    assert found is not None
    assert found.parts == ("train",)
    with pytest.raises(FormatError, match=f"{tmp_path}: no file t10k-images-idx3-ubyte"):
        read_part(tmp_path, "test", "tiny test")


def test_fewer_labels_than_images_are_refused(tmp_path):
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((50, 28, 28), np.uint8))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(49, np.uint8))
    with pytest.raises(DataError, match="labels-idx1-ubyte: 49 labels for 50 images"):
        read_part(tmp_path, "train", "tiny train")


def test_a_label_of_ten_makes_eleven_classes_and_a_note(tmp_path, caplog):
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((2, 28, 28), np.uint8))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.array([3, 10], np.uint8))
    assert read_part(tmp_path, "train", "tiny train").classes[-1] == "10"
    assert "labels up to 10 are 11 classes by number" in caplog.messages[0]


def test_images_of_another_type_are_refused(tmp_path):
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((2, 28, 28), np.float32))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.zeros(2, np.uint8))
    with pytest.raises(DataError, match="images must be uint8"):
        read_part(tmp_path, "train", "tiny train")


@pytest.mark.parametrize("state", ["missing", "empty", "a text file"])
def test_where_there_are_no_data_the_expected_formats_are_named(tmp_path, state):
    path = tmp_path / "x"
    if state == "empty":
        path.mkdir()
    elif state == "a text file":
        path.write_text("hello")
    assert detect(path) is None
    with pytest.raises(FormatError, match=r"expected the four IDX files, mnist_all.mat"):
        read_part(path, "train", "tiny")


@pytest.mark.parametrize("to", EXPORT_FORMATS)
def test_nothing_is_overwritten_without_force(tmp_path, to):
    made = export(tiny_train(), tiny_test(), tmp_path / "out", to)
    before = sorted((tmp_path / "out").rglob("*"))
    with pytest.raises(UsageError, match=f"{made[0]} already exists; --force"):
        export(tiny_test(), tiny_train(), tmp_path / "out", to)
    assert sorted((tmp_path / "out").rglob("*")) == before
    export(tiny_test(), tiny_train(), tmp_path / "out", to, force=True)
    assert_same_data(read_part(tmp_path / "out", "train", "x"), as_kept(tiny_test(), to))


@pytest.mark.parametrize("to", EXPORT_FORMATS)
def test_what_else_stands_in_the_folder_stays(tmp_path, to):
    (tmp_path / "README").write_text("mine")
    export(tiny_train(), tiny_test(), tmp_path, to)
    export(tiny_train(), tiny_test(), tmp_path, to, force=True)
    assert (tmp_path / "README").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"README", *EXPORT_FORMATS[to].names}


@pytest.mark.parametrize("to", EXPORT_FORMATS)
def test_an_export_that_fails_leaves_nothing_new_and_everything_old(tmp_path, to, monkeypatch):
    export(tiny_train(), tiny_test(), tmp_path / "old", to)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    monkeypatch.setattr("PIL.Image.Image.save", full)
    for out, force in ((tmp_path / "old", True), (tmp_path / "new", False)):
        with pytest.raises(OSError, match="No space left"):
            export(tiny_test(), tiny_train(), out, to, force)
    assert_same_data(read_part(tmp_path / "old", "train", "x"), as_kept(tiny_train(), to))
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert {path.name for path in (tmp_path / "old").iterdir()} == set(EXPORT_FORMATS[to].names)


def test_a_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "x").write_text("a file")
    with pytest.raises(UsageError, match="is a file; expected a folder"):
        export(tiny_train(), tiny_test(), tmp_path / "x", "idx")
    with pytest.raises(UsageError, match="is a file; expected a folder"):
        export(tiny_train(), tiny_test(), tmp_path / "x" / "y.mat", "mat")


def test_an_unknown_format_to_export_to_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(UsageError, match="'hdf5'; expected one of mat, idx, idx-gz, npz, png"):
        export(tiny_train(), tiny_test(), tmp_path, "hdf5")


def test_gzipped_idx_unpacks_to_the_plain_files(tmp_path):
    for plain, packed in zip(
        export(tiny_train(), tiny_test(), tmp_path / "plain", "idx"),
        export(tiny_train(), tiny_test(), tmp_path / "packed", "idx-gz"),
        strict=True,
    ):
        assert packed.name == f"{plain.name}.gz"
        assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


def test_of_several_prefixes_in_a_folder_that_of_digits_counts(tmp_path):
    for name, data in (("digits", tiny_train()), ("byclass", tiny_test()), ("mnist", tiny_test())):
        idx_named(f"emnist-{name}")(tmp_path, data, data)
    assert_same_data(read_part(tmp_path, "train", "tiny"), tiny_train())
    for path in tmp_path.glob("emnist-digits-*"):
        path.unlink()
    assert detect(tmp_path) is None  # byclass or mnist?
    named = tmp_path / "emnist-mnist-test-images-idx3-ubyte.gz"
    assert_same_data(read_part(named, "train", "tiny"), tiny_test())


def test_labels_with_origin_must_be_digits_too(tmp_path):
    write_idx(tmp_path / "qmnist-train-images-idx3-ubyte", tiny_train().images)
    labels = np.zeros((60, 8), np.int32)
    labels[5, 0] = 10
    write_idx(tmp_path / "qmnist-train-labels-idx2-int", labels)
    with pytest.raises(FormatError, match="labels-idx2-int: label 5 is 10; labels are 0 to 9"):
        read_part(tmp_path, "train", "tiny")
    write_idx(tmp_path / "qmnist-train-labels-idx2-int", labels[:, :7])
    with pytest.raises(FormatError, match="labels-idx2-int: "):
        read_part(tmp_path, "train", "tiny")


def test_a_damaged_file_is_recognised_and_its_fault_told_when_it_is_read(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK")
    found = detect(tmp_path / "x.npz")
    assert found is not None
    with pytest.raises(FormatError, match=r"x.npz: not an .npz"):
        found.read("train", "x")


def test_names_of_classes_survive_an_export_or_it_is_refused(tmp_path):
    names = tuple("abcdefghij")
    train, test = (replace(data, classes=names) for data in (tiny_train(), tiny_test()))
    for to in ("npz", "png"):
        export(train, test, tmp_path / to, to)
        for part, data in (("train", train), ("test", test)):
            found = read_part(tmp_path / to, part, "x")
            assert_same_data(found, data)
            assert found.classes == names
    for to, message in (
        ("idx", "IDX files hold no names"),
        ("mat", "28 x 28 pixels of 10 classes"),
    ):
        with pytest.raises(UsageError, match=message):
            export(train, test, tmp_path / to, to)
        assert not (tmp_path / to).exists()
    odd = replace(train, classes=("../x", *names[1:]))
    with pytest.raises(UsageError, match=r"no folder can have the name of the class '\.\./x'"):
        export(odd, odd, tmp_path / "odd", "png")


def test_images_of_any_size_survive_an_export(tmp_path):
    small = [
        replace(data, images=np.ascontiguousarray(data.images[:, :12, :12]))
        for data in (tiny_train(), tiny_test())
    ]
    for to in ("npz", "idx", "mat"):
        export(*small, tmp_path / to, to)
        assert_same_data(read_part(tmp_path / to, "train", "x"), as_kept(small[0], to))
