"""Collections in .npz files of one array each: the files belong together by name."""

import numpy as np
import pytest
from digit_files import kmnist_files
from tiny_collection import assert_same_data, tiny_test, tiny_train

from digitnn.data.formats.kmnist import find_kmnist, kmnist_parts, read_kmnist
from digitnn.data.formats.storage import detect, read_part
from digitnn.errors import FormatError


def test_one_of_the_files_stands_for_its_collection(tmp_path):
    kmnist_files(tmp_path, tiny_train(), tiny_test())
    for file in tmp_path.glob("*.npz"):
        assert_same_data(read_part(file, "test", "x"), tiny_test())


def test_of_two_collections_in_a_folder_the_named_file_counts(tmp_path):
    kmnist_files(tmp_path, tiny_train(), tiny_test())
    np.savez(tmp_path / "k49-train-imgs.npz", tiny_test().images)
    np.savez(tmp_path / "k49-train-labels.npz", tiny_test().labels + np.uint8(39))
    assert find_kmnist(tmp_path) is None
    found = detect(tmp_path / "k49-train-imgs.npz")
    assert found is not None
    assert found.parts == ("train",)
    data = found.read("train", "k49")
    assert (len(data.classes), int(data.labels.max())) == (49, 48)


def test_what_is_missing_is_named(tmp_path):
    kmnist_files(tmp_path, tiny_train(), tiny_test())
    (tmp_path / "kmnist-test-imgs.npz").unlink()
    assert kmnist_parts(tmp_path) == ("train",)
    with pytest.raises(FormatError, match="no test part; a file kmnist-test-imgs"):
        read_kmnist(tmp_path, "test", "x")
    (tmp_path / "kmnist-train-labels.npz").unlink()
    with pytest.raises(FormatError, match="no labels next to it; expected kmnist-train-labels"):
        read_kmnist(tmp_path, "train", "x")


def test_files_of_different_length_and_other_arrays_are_refused(tmp_path):
    kmnist_files(tmp_path, tiny_train(), tiny_test())
    np.savez(tmp_path / "kmnist-train-labels.npz", np.zeros(59, np.uint8))
    with pytest.raises(FormatError, match=r"labels.npz: 59 labels for 60 images"):
        read_kmnist(tmp_path, "train", "x")
    np.savez(tmp_path / "kmnist-train-imgs.npz", other=np.zeros(3))
    with pytest.raises(FormatError, match="no array arr_0"):
        read_kmnist(tmp_path, "train", "x")
