"""Data sets, their checks and their splits."""

import numpy as np
import pytest

from digitnn.data.dataset import Dataset, batches, split
from digitnn.errors import DataError


def numbered(n: int, labels: np.ndarray | None = None) -> Dataset:
    """n images that can be told apart by their first pixels; labels 9, 8, ... by default."""
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.arange(n) % 256, np.arange(n) // 256
    labels = (9 - np.arange(n) % 10).astype(np.uint8) if labels is None else labels
    return Dataset(images, labels, "numbered")


def which(dataset: Dataset) -> list[int]:
    """The numbers of the images of a `numbered` data set."""
    return (dataset.images[:, 0, 0] + 256 * dataset.images[:, 0, 1].astype(int)).tolist()


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((50, 28, 28), np.uint8), np.zeros(49, np.uint8), "49 labels for 50 images"),
        (np.zeros((2, 28, 28), np.uint8), np.array([1, 10], np.uint8), "label 1 is 10"),
        (np.zeros((2, 28, 0), np.uint8), np.zeros(2, np.uint8), r"\(2, 28, 0\)"),
        (np.zeros((2, 28, 28, 1), np.uint8), np.zeros(2, np.uint8), r"\(2, 28, 28, 1\)"),
        (np.full((2, 3), np.nan, np.float32), np.zeros(2, np.uint8), "features must be finite"),
        (np.zeros((2, 28, 28), np.float32), np.zeros(2, np.uint8), "float32"),
        (np.zeros((2, 28, 28), np.uint8), np.zeros((2, 1), np.uint8), r"\(2, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    images: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises((DataError, TypeError), match=message if images.ndim else ""):
        _unchecked(images, labels)


def _unchecked(images: np.ndarray, labels: np.ndarray) -> Dataset:
    """A Dataset past the shape annotations that tests enforce, to its own checks."""
    dataset = object.__new__(Dataset)
    for name, value in (("images", images), ("labels", labels), ("name", "bad")):
        object.__setattr__(dataset, name, value)
    dataset.__post_init__()
    return dataset


LETTERS = ("a", "b", "c")


def lettered(classes: tuple[str, ...] = LETTERS, side: int = 8) -> Dataset:
    labels = (np.arange(6) % len(classes)).astype(np.uint8)
    return Dataset(np.zeros((6, side, side), np.uint8), labels, "letters", classes=classes)


def test_labels_are_matched_to_other_classes_by_name() -> None:
    data = lettered().with_classes(("c", "x", "b", "a"))
    assert data.labels.tolist() == [3, 2, 0, 3, 2, 0]
    assert data.counts().tolist() == [2, 0, 2, 2]
    assert data.with_classes(LETTERS).fingerprint() == lettered().fingerprint()


def test_a_class_in_use_that_is_unknown_is_named_and_one_not_in_use_is_ignored() -> None:
    with pytest.raises(DataError, match=r"letters has classes that the network lacks: 'b'; .*a, c"):
        lettered().with_classes(("a", "c"))
    assert lettered()[[0, 2]].with_classes(("a", "c")).labels.tolist() == [0, 1]


def test_data_of_other_sizes_or_classes_are_not_joined() -> None:
    assert len(lettered() + lettered(("c", "b", "a"))) == 12
    with pytest.raises(DataError, match=r"letters: images of 8 x 8 pixels.* takes .*28 x 28"):
        lettered() + lettered(side=28)
    with pytest.raises(DataError, match="that letters lacks"):
        lettered() + numbered(3)


@pytest.mark.parametrize("classes", [("a",), ("a", "a", "b"), tuple(map(str, range(256)))])
def test_classes_without_choice_or_of_one_name_are_refused(classes: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match="2 to 255 classes with different names"):
        lettered(classes)


def test_the_input_of_a_network_is_one_plane_or_the_features() -> None:
    assert lettered().input_shape == (1, 8, 8)
    features = Dataset(np.ones((3, 5), np.float32), np.zeros(3, np.uint8))
    assert features.input_shape == (5,)
    assert features[:2].fingerprint() != features.fingerprint()


def test_the_names_of_classes_are_part_of_a_fingerprint() -> None:
    assert lettered().fingerprint() != lettered(("a", "b", "d")).fingerprint()


def test_the_last_images_validate() -> None:
    train, valid = split(numbered(100), n_valid=20)
    assert which(train) == list(range(80))
    assert which(valid) == list(range(80, 100))


def test_a_sixth_of_a_small_file_validates_and_at_most_ten_thousand_images() -> None:
    assert [len(part) for part in split(numbered(100))] == [84, 16]
    labels = np.arange(70_000, dtype=np.int64).astype(np.uint8) % 10
    large = Dataset(np.zeros((70_000, 1, 1), np.uint8), labels, "large")
    assert [len(part) for part in split(large)] == [60_000, 10_000]


def test_a_split_seed_shuffles_and_loses_nothing() -> None:
    train, valid = split(numbered(100), 20, shuffle_seed=3)
    again, _ = split(numbered(100), 20, shuffle_seed=3)
    other, _ = split(numbered(100), 20, shuffle_seed=4)
    assert sorted(which(train) + which(valid)) == list(range(100))
    assert which(train) == which(again) != which(other)
    assert which(train) != list(range(80))


def test_a_file_sorted_by_class_is_mixed_before_it_is_split() -> None:
    train, valid = split(numbered(100, np.repeat(np.arange(10, dtype=np.uint8), 10)), 20)
    assert train.counts().min() > 0
    assert len(np.unique(valid.labels)) > 5


@pytest.mark.parametrize("n_valid", [0, -1, 100, 101])
def test_a_split_that_leaves_nothing_is_refused(n_valid: int) -> None:
    with pytest.raises(DataError, match="100 images"):
        split(numbered(100), n_valid)


def test_fingerprints_tell_pixels_labels_and_order_apart() -> None:
    data = numbered(30)
    pixels, labels = data.images.copy(), data.labels.copy()
    pixels[3, 4, 5] += 1
    labels[0] = 0
    different = [
        data,
        Dataset(pixels, data.labels),
        Dataset(data.images, labels),
        data[::-1],
        data[:29],
    ]
    assert len({each.fingerprint() for each in different}) == len(different)
    assert data.fingerprint() == Dataset(data.images.copy(), data.labels, "other").fingerprint()


def test_an_epoch_of_batches_holds_each_image_once() -> None:
    found = list(batches(10, 4, np.random.default_rng(0)))
    assert [len(batch) for batch in found] == [4, 4, 2]
    assert sorted(np.concatenate(found).tolist()) == list(range(10))
