"""Labels of every form: digits stay digits, others become named classes, the rest is refused."""

import numpy as np
import pytest
from tiny_collection import tiny_part

from digitnn.data.dataset import DIGITS, Dataset
from digitnn.data.formats.emnist import emnist_names
from digitnn.data.formats.labels import as_labels, order_classes, require_most_classes
from digitnn.errors import FormatError

DATA = tiny_part(30, seed=5)


@pytest.mark.parametrize(
    "labels",
    [
        DATA.labels.astype(np.int32),
        DATA.labels.astype(np.float64),
        DATA.labels[:, None],
        DATA.labels[None, :].astype(np.float32),
        DATA.labels.astype(str),
        DATA.labels.astype("S1"),
        np.eye(10)[DATA.labels],
        np.eye(10, dtype=bool)[DATA.labels],
    ],
)
def test_labels_of_every_form_come_back(labels):
    found = as_labels(labels, "y")
    assert found.indices.dtype == np.uint8
    assert found.classes == DIGITS
    np.testing.assert_array_equal(found.indices, DATA.labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([3, 255]), "y: label 1 is 255; labels count from 0, at most 254"),
        (np.array([3, -1]), "label 1 is -1"),
        (np.array([3, 1.5]), "y must be integers, got float64: label 1 is 1.5"),
        (np.array([np.nan]), "label 0 is nan"),
        (np.array([1e30]), "label 0 is 1e"),
        (np.array(["3", "three"]), "label 1 is 'three', but others are numbers"),
        (np.array(["a", " "]), "label 1 is empty"),
        (np.array([f"class {n}" for n in range(256)]), "256 different labels; at most 255"),
        (np.array([b"\xff"]), "UTF-8"),
        (np.ones((3, 10)), "row 0 is not one-hot"),
        (np.eye(10)[[1, 2]] * 0.5, "row 0 is not one-hot"),
        (np.full((3, 10), "a"), "one-hot labels must be numbers"),
        (np.zeros((3, 4)), "row 0 is not one-hot"),
        (
            np.zeros((3, 1, 1)),
            r"expected labels of shape \(n,\) or one-hot \(n, k\), got \(3, 1, 1\)",
        ),
    ],
)
def test_what_is_no_label_is_named(labels, message):
    with pytest.raises(FormatError, match=message):
        as_labels(labels, "y")


def test_larger_integers_count_classes_with_a_note(caplog):
    for values in (np.array([46, 0, 12]), np.eye(47)[[46, 0, 12]], np.array(["46", "0", "12"])):
        found = as_labels(values, "y47")
        assert found.classes == tuple(map(str, range(47)))
        assert found.indices.tolist() == [46, 0, 12]
    assert caplog.messages == ["y47: labels up to 46 are 47 classes by number"]


def test_words_are_classes_in_alphabetical_order():
    for values in (np.array(["dog", "cat ", "dog"]), np.array([b"dog", b"cat", b"dog"])):
        found = as_labels(values, "y")
        assert (found.classes, found.indices.tolist()) == (("cat", "dog"), [1, 0, 1])
    assert as_labels(np.array(["7", "A", "a"]), "y").classes == ("7", "A", "a")


def test_a_mapping_names_the_classes(tmp_path):
    letters = emnist_names(tmp_path / "emnist-letters-train-labels-idx1-ubyte.gz")
    found = as_labels(np.array([1, 26, 2]), "y", letters)
    assert found.classes == tuple("abcdefghijklmnopqrstuvwxyz")
    assert found.indices.tolist() == [0, 25, 1]
    with pytest.raises(FormatError, match=r"label 1 is 0; labels are 1 to 26 \(a to z\)"):
        as_labels(np.array([1, 0]), "y", letters)
    digits = emnist_names(tmp_path / "emnist-digits.mat")
    assert as_labels(np.array([3, 1]), "y", digits).classes == DIGITS


@pytest.mark.parametrize(("split", "k"), [("balanced", 47), ("bymerge", 47), ("byclass", 62)])
def test_the_published_classes_stand_in_for_a_missing_mapping(tmp_path, split, k):
    names = emnist_names(tmp_path / f"emnist-{split}-test.csv")
    assert names is not None
    assert (len(names), len(set(names.values()))) == (k, k)
    assert (names[10], names[35], names[36]) == ("A", "Z", "a")
    assert emnist_names(tmp_path / "mnist_test.csv") is None


def test_the_mapping_beside_the_file_counts(tmp_path):
    (tmp_path / "emnist-balanced-mapping.txt").write_text("0 48\n1 120\n")
    assert emnist_names(tmp_path / "emnist-balanced-train.csv") == {0: "0", 1: "x"}
    for text, message in (
        ("0 zero", "expected lines of a label and character codes"),
        ("0 48\n0 49", "occurs twice"),
        ("0 7", "codes from 33 to 126"),
        ("", "expected rows"),
    ):
        (tmp_path / "emnist-balanced-mapping.txt").write_text(text)
        with pytest.raises(FormatError, match=message):
            emnist_names(tmp_path / "emnist-balanced-train.csv")


def test_names_of_folders_are_ordered_as_people_expect():
    assert order_classes({"3", "7"}) == DIGITS
    assert order_classes({"10", "9", "2"}) == ("2", "9", "10")
    assert order_classes({"b", "a"}) == ("a", "b")


def test_labels_with_large_gaps_do_not_count_classes():
    labels = as_labels(np.array([0, 1, 2, 99, 3]), "y")
    data = labels.dataset(np.zeros((5, 8, 8), np.uint8), "x", "x.csv")
    with pytest.raises(
        FormatError, match=r"x.csv: label 3 is 99, but only 5 of the labels 0 to 99"
    ):
        require_most_classes(data, "x.csv")
    require_most_classes(Dataset(data.images, np.zeros(5, np.uint8)), "x.csv")
    require_most_classes(
        as_labels(np.arange(47), "y").dataset(np.zeros((47, 8, 8), np.uint8), "x", "x"), "x"
    )
