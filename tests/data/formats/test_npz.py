"""Keras' mnist.npz: read without unpickling, and not believed about its sizes."""

import contextlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_collection import assert_same_data, tiny_part, tiny_test, tiny_train

from digitnn.data.formats.npz import find_npz, npz_parts, read_npz, write_npz
from digitnn.errors import DataError


@pytest.fixture
def npz(tmp_path: Path) -> Path:
    write_npz(tmp_path / "mnist.npz", tiny_train(), tiny_test())
    return tmp_path / "mnist.npz"


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as raised:
        read_npz(path, "train", "tiny train")
    message = str(raised.value)
    assert "\n" not in message
    return message


def npy(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def archive(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def test_both_parts_come_back_in_order(npz):
    assert_same_data(read_npz(npz, "train", "tiny train"), tiny_train())
    assert_same_data(read_npz(npz, "test", "tiny test"), tiny_test())


def test_numpy_reads_what_is_written_as_keras_names_it(npz):
    with np.load(npz) as arrays:
        assert sorted(arrays) == ["x_test", "x_train", "y_test", "y_train"]
        np.testing.assert_array_equal(arrays["x_test"], tiny_test().images)


def test_an_archive_that_is_not_compressed_is_read(tmp_path):
    data = tiny_train()
    np.savez(tmp_path / "x.npz", x_train=data.images, y_train=data.labels)
    assert_same_data(read_npz(tmp_path / "x.npz", "train", "tiny train"), data)


def test_images_kept_column_by_column_come_back_row_by_row(tmp_path):
    data = tiny_train()
    np.savez(tmp_path / "x.npz", x_train=np.asfortranarray(data.images), y_train=data.labels)
    found = read_npz(tmp_path / "x.npz", "train", "tiny train")
    assert_same_data(found, data)
    assert found.images.flags.c_contiguous


def test_labels_of_a_wider_integer_type_are_taken(tmp_path):
    data = tiny_train()
    np.savez(tmp_path / "x.npz", x_train=data.images, y_train=data.labels.astype(np.int64))
    assert_same_data(read_npz(tmp_path / "x.npz", "train", "tiny train"), data)


@pytest.mark.parametrize("label", [255, -1, 256])
def test_a_label_out_of_range_is_refused_whatever_its_type(tmp_path, label):
    labels = np.array([3, label])
    np.savez(tmp_path / "x.npz", x_train=np.zeros((2, 28, 28), np.uint8), y_train=labels)
    assert f"y_train: label 1 is {label}" in refusal(tmp_path / "x.npz")


def test_labels_that_are_not_whole_numbers_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=np.zeros((2, 28, 28), np.uint8), y_train=np.full(2, 1.5))
    assert "y_train must be integers, got float64: label 0 is 1.5" in refusal(tmp_path / "x.npz")


def test_fewer_labels_than_images_are_refused(tmp_path):
    images = np.zeros((50, 28, 28), np.uint8)
    np.savez(tmp_path / "x.npz", x_train=images, y_train=np.zeros(49, np.uint8))
    assert "49 labels for 50 images" in refusal(tmp_path / "x.npz")


def test_a_missing_array_is_named_with_those_that_are_there(tmp_path):
    np.savez(tmp_path / "x.npz", x_train=np.zeros((2, 28, 28), np.uint8), labels=np.zeros(2))
    message = refusal(tmp_path / "x.npz")
    assert "no array y_train; expected x_train, y_train, x_test, y_test, or a pair" in message
    assert "found 'x_train.npy', 'labels.npy'" in message


def test_a_pickled_array_is_refused_without_loading_it(tmp_path):
    hostile = npy(np.array([print], dtype=object), allow_pickle=True)
    archive(tmp_path / "x.npz", x_train=hostile, y_train=npy(np.zeros(1, np.uint8)))
    assert "pickled Python objects, which are never loaded" in refusal(tmp_path / "x.npz")


def test_a_header_that_promises_more_than_the_archive_holds_is_refused(tmp_path):
    content = npy(np.zeros((2, 28, 28), np.uint8)).replace(b"(2, 28, 28), ", b"(99999, 28), ")
    archive(tmp_path / "x.npz", x_train=content, y_train=npy(np.zeros(2, np.uint8)))
    assert "'x_train': its header promises uint8 (99999, 28)" in refusal(tmp_path / "x.npz")


def test_a_zip_bomb_that_agrees_with_itself_is_refused_by_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr("digitnn.data.formats.npz.MAX_UNPACKED", 1_000_000)
    content = npy(np.zeros((2000, 28, 28), np.uint8))
    archive(tmp_path / "x.npz", x_train=content, y_train=npy(np.zeros(2000, np.uint8)))
    assert (tmp_path / "x.npz").stat().st_size < 10_000
    assert "at most 1,000,000 are unpacked" in refusal(tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("content", "kind"), [(b"", "an empty file"), (b"<html>", "an HTML page"), (bytes(50), "00 00")]
)
def test_what_is_not_an_archive_is_called_what_it_looks_like(tmp_path, content, kind):
    (tmp_path / "x.npz").write_bytes(content)
    message = refusal(tmp_path / "x.npz")
    assert "not an .npz (ZIP) archive: it looks like" in message
    assert kind in message


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_changed_pixel_is_noticed_by_the_checksum(tmp_path, save):
    data = tiny_train()
    save(tmp_path / "x.npz", x_train=data.images, y_train=data.labels)
    with zipfile.ZipFile(tmp_path / "x.npz") as file:
        checksum = file.getinfo("x_train.npy").CRC.to_bytes(4, "little")
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content.replace(checksum, b"\1\2\3\4"))
    assert "damaged .npz archive (Bad CRC-32" in refusal(tmp_path / "x.npz")


@settings(deadline=None)
@given(st.data())
def test_damaged_bytes_are_read_or_refused_but_never_crash(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("npz") / "x.npz"
    write_npz(path, tiny_part(10, seed=1), tiny_part(10, seed=2))
    content = bytearray(path.read_bytes())
    # Nearly all of the file is pixels: aim at the tables too.
    places = st.one_of(
        st.integers(0, len(content) - 1), st.integers(len(content) - 300, len(content) - 1)
    )
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(places)] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with contextlib.suppress(DataError):
        assert len(read_npz(path, "train", "tiny")) == 10


@pytest.mark.parametrize(
    ("x", "y"), [("x_train", "y_train"), ("train_images", "train_labels"), ("X_train", "Y_train")]
)
def test_named_parts_win_over_one_set_and_case_does_not_count(tmp_path, x, y):
    data = tiny_train()
    arrays = {x: data.images, y: data.labels, "X": data.images[:2], "y": data.labels[:3]}
    np.savez(tmp_path / "x.npz", **arrays)
    assert npz_parts(tmp_path / "x.npz") == ("train",)
    assert_same_data(read_npz(tmp_path / "x.npz", "train", "x"), data)


def test_a_test_part_without_training_part_is_no_training_file(tmp_path):
    data = tiny_test()
    np.savez(tmp_path / "x.npz", x_test=data.images, y_test=data.labels, x=data.images, y=[1])
    assert npz_parts(tmp_path / "x.npz") == ("test",)
    assert_same_data(read_npz(tmp_path / "x.npz", "test", "x"), data)
    assert "no array x_train" in refusal(tmp_path / "x.npz")


def test_labels_that_do_not_match_in_number_name_the_file(tmp_path):
    np.savez(tmp_path / "x.npz", X=np.zeros((3, 784)), y=np.zeros(2))
    assert f"{tmp_path}/x.npz: 2 labels for 3 images" in refusal(tmp_path / "x.npz")


def test_a_folder_is_searched_for_the_only_archive_with_digits(tmp_path):
    np.savez(tmp_path / "weights.npz", w=np.zeros(3))
    (tmp_path / "broken.npz").write_bytes(b"PK")
    assert find_npz(tmp_path) is None
    np.savez(tmp_path / "kmnist.npz", images=tiny_test().images, labels=tiny_test().labels)
    assert find_npz(tmp_path) == tmp_path / "kmnist.npz"
    np.savez(tmp_path / "more.npz", images=tiny_test().images, labels=tiny_test().labels)
    assert find_npz(tmp_path) is None  # which of the two?
    write_npz(tmp_path / "mnist.npz", tiny_train(), tiny_test())
    assert find_npz(tmp_path) == tmp_path / "mnist.npz"
