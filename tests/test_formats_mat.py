"""mnist_all.mat: sorted by class, read by variable, and refused in one line when damaged."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_collection import assert_same_data, sorted_by_class, tiny_part, tiny_test, tiny_train

from digitnn.errors import FormatError
from digitnn.formats.mat import read_mat, write_mat


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
@given(st.data())
def test_damaged_bytes_are_read_or_refused_but_never_crash(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("mat") / "x.mat"
    write_mat(path, tiny_part(10, seed=1), tiny_part(10, seed=2))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with contextlib.suppress(FormatError):
        assert len(read_mat(path, "train", "tiny")) == 10
