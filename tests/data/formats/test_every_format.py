"""One contract for every documented format: recognised, read exactly, refused when it is cut."""

import contextlib

import numpy as np
import pytest
from digit_files import OTHERS, PAIRED, SINGLE
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_collection import assert_same_data, tiny_part, tiny_test, tiny_train

from digitnn.data.formats.storage import detect, read_part
from digitnn.errors import FormatError


@pytest.mark.parametrize("name", PAIRED)
def test_both_parts_are_recognised_and_come_back_in_order(name, tmp_path):
    path = PAIRED[name](tmp_path, tiny_train(), tiny_test())
    for place in (path, tmp_path):  # the file itself, or its folder
        found = detect(place)
        assert found is not None
        assert found.parts == ("train", "test")
        assert_same_data(found.read("train", "tiny"), tiny_train())
        assert_same_data(found.read("test", "tiny"), tiny_test())
    images = read_part(path, "train", "tiny").images
    assert images.flags.c_contiguous


@pytest.mark.parametrize("name", SINGLE)
def test_one_set_of_images_is_a_training_file_and_no_test_part(name, tmp_path):
    path = SINGLE[name](tmp_path, tiny_train())
    for place in (path, tmp_path):
        found = detect(place)
        assert found is not None
        assert found.parts == ("train",)
        assert_same_data(found.read("train", "tiny"), tiny_train())
        with pytest.raises(FormatError, match="no test part"):
            found.read("test", "tiny")


@pytest.mark.parametrize("name", OTHERS)
def test_images_of_any_size_and_class_come_back_with_their_names(name, tmp_path):
    path, expected = OTHERS[name](tmp_path)
    for place in (path, tmp_path):
        found = detect(place)
        assert found is not None
        data = found.read("train", "others")
        assert_same_data(data, expected)
        assert data.classes == expected.classes


def built(name, folder, seed=1):
    data = tiny_part(12, seed=seed)
    return (
        PAIRED[name](folder, data, tiny_part(10, seed=2))
        if name in PAIRED
        else SINGLE[name](folder, data)
    )


FOLDERS = {"EMNIST's IDX files", "QMNIST's IDX files", "class folders"}
FOLDERS |= {"labels in file names", "labels.csv"}
SEVERAL = {"KMNIST's .npz files", "Parquet files"}
FILES = [name for name in [*PAIRED, *SINGLE] if name not in FOLDERS | SEVERAL]


# A text of sparse rows does not show that its end is missing, unless it is compressed.
@pytest.mark.parametrize("name", [name for name in FILES if name != "LIBSVM file"])
def test_a_file_cut_anywhere_is_refused_in_one_line_or_lacks_nothing(name, tmp_path):
    path = built(name, tmp_path)
    whole = path.read_bytes()
    places = [0, 1, 2, 9, 50, 130, len(whole) - 1, len(whole) - 20]
    for length in [*places, *(len(whole) * n // 7 for n in range(1, 7))]:
        path.write_bytes(whole[:length])
        try:
            assert_same_data(read_part(path, "train", "tiny"), tiny_part(12, seed=1))
            assert length == len(whole) - 1  # the last line end of a text
        except FormatError as error:
            assert str(error).startswith(str(path))
            assert "\n" not in str(error)


@settings(deadline=None, max_examples=40)
@given(st.data(), st.sampled_from(FILES))
def test_damaged_bytes_are_read_or_refused_but_never_crash(tmp_path_factory, data, name):
    path = built(name, tmp_path_factory.mktemp("x"))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with contextlib.suppress(FormatError):
        assert read_part(path, "train", "tiny").images.dtype == np.uint8
