"""Transposed digits are turned upright and named; everything else stays as it is stored."""

from dataclasses import replace

import numpy as np
import pytest
import threadpoolctl
from digit_files import emnist_mat, idx_named, kaggle_csv
from tiny_collection import assert_same_data, tiny_part

from digitnn.data.dataset import DIGITS, Dataset
from digitnn.data.fetch.sources import load_if_on_disk
from digitnn.data.formats import orientation
from digitnn.data.formats.labelled import read_labelled
from digitnn.data.formats.orientation import is_transposed, upright
from digitnn.data.formats.storage import read_part


def digit_like(n: int, seed: int = 0) -> Dataset:
    """The class means of MNIST with noise: digits for a program that knows nothing else."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 10).astype(np.uint8)
    means = orientation._mean_digits().reshape(10, 14, 14)
    means = np.kron(means / means.max(axis=(1, 2), keepdims=True), np.ones((2, 2)))
    images = 200 * means[labels] + rng.normal(0, 60, (n, 28, 28))
    return Dataset(images.clip(0, 255).astype(np.uint8), labels, "like digits")


def transposed(data: Dataset) -> Dataset:
    return replace(data, images=np.ascontiguousarray(data.images.transpose(0, 2, 1)))


def test_transposed_digits_are_turned_and_the_note_names_the_file(caplog):
    data = digit_like(300)
    assert_same_data(upright(transposed(data), "a.idx"), data)
    assert caplog.messages == [
        "a.idx: the images are stored transposed, as in EMNIST; they are turned upright"
    ]


@pytest.mark.parametrize("n", [0, 1, 5, 100, 300])
def test_upright_digits_stay_without_a_note(caplog, n):
    data = digit_like(n)
    assert upright(data, "a.idx") is data
    assert not caplog.messages


@pytest.mark.parametrize("n", [60, 100])
def test_few_images_suffice(n):
    assert is_transposed(transposed(digit_like(n)))


@pytest.mark.parametrize("seed", range(20))
def test_noise_and_wrong_labels_are_never_turned(seed):
    assert not is_transposed(tiny_part(200, seed))
    data = transposed(digit_like(200, seed))
    shuffled = np.random.default_rng(seed).permutation(data.labels)
    assert not is_transposed(replace(data, labels=shuffled))


@pytest.mark.parametrize("decide", ["_digits_lie", "_letters_lie"])
def test_the_decision_wakes_no_threads_of_the_matrix_library(decide, monkeypatch):
    counts = []

    def look(*_):
        found = threadpoolctl.threadpool_info()
        counts.extend(one["num_threads"] for one in found if one["user_api"] == "blas")
        return False

    monkeypatch.setattr(orientation, decide, look)
    part = tiny_part(100, 0)
    letters = replace(part, classes=tuple("abcdefghij"))
    assert not is_transposed(part if decide == "_digits_lie" else letters)
    assert counts
    assert set(counts) == {1}


def test_non_digits_are_left_out_of_the_decision():
    data = transposed(digit_like(300))
    labels = data.labels.copy()
    labels[::2] = 10
    assert is_transposed(replace(data, labels=labels, has_non_digits=True))
    none = replace(data, labels=np.full(300, 10, np.uint8), has_non_digits=True)
    assert not is_transposed(none)


@pytest.mark.parametrize("build", [emnist_mat, idx_named("emnist-digits"), kaggle_csv])
def test_every_format_is_turned(build, tmp_path, caplog):
    train, test = digit_like(200), digit_like(100, seed=1)
    path = build(tmp_path, transposed(train), transposed(test))
    assert_same_data(read_part(path, "train", "x"), train)
    assert_same_data(read_part(path, "test", "x"), test)
    assert len(caplog.messages) == 1  # the same line is told once
    assert caplog.messages[0].startswith(f"{path}: the images are stored transposed")


def test_a_single_file_of_external_images_is_turned(tmp_path):
    data = digit_like(100)
    idx_named("emnist-digits")(tmp_path, transposed(data), transposed(data))
    assert_same_data(read_labelled(tmp_path / "emnist-digits-test-images-idx3-ubyte.gz"), data)


def real(name: str, part: str) -> Dataset:
    data = load_if_on_disk(name, part)
    if data is None:
        pytest.skip(f"{name} is not on this disk")
    return data


@pytest.mark.real_data
def test_mnist_is_recognised_in_both_positions_and_from_any_100_images(rng):
    data = real("mnist", "test")
    assert not is_transposed(data)
    assert is_transposed(transposed(data))
    for _ in range(50):
        few = data[rng.choice(len(data), 100, replace=False)]
        assert not is_transposed(few)
        assert is_transposed(transposed(few))


@pytest.mark.real_data
def test_fashion_is_never_turned(rng):
    data = real("fashion-mnist", "test")
    for images in (data, transposed(data)):
        assert not is_transposed(images)
        for _ in range(50):
            assert not is_transposed(images[rng.choice(len(data), 100, replace=False)])


def letter_like(n: int, seed: int = 0, wide: float = 0.05) -> Dataset:
    """Bars for letters, of which a share is wider than tall, of H, M, N, O, U, W half."""
    rng = np.random.default_rng(seed)
    classes = tuple("abcdefghijklmnopqrstuvwxyz")
    labels = rng.integers(0, 26, n).astype(np.uint8)
    square = np.isin(labels, [classes.index(name) for name in "hmnouw"])
    lies = rng.random(n) < np.where(square, 0.5, wide)
    images = np.zeros((n, 28, 28), np.uint8)
    images[:, 4:24, 8:20] = 200
    images[lies] = images[lies].transpose(0, 2, 1)
    return Dataset(images, labels, "like letters", classes=classes)


@pytest.mark.parametrize("seed", range(5))
def test_letters_of_which_most_are_wider_than_tall_are_turned(seed):
    data = letter_like(200, seed)
    assert not is_transposed(data)
    assert is_transposed(transposed(data))
    assert not is_transposed(letter_like(200, seed, wide=0.5))  # stretched to squares
    assert not is_transposed(transposed(data)[:8])  # too few


def test_letters_as_wide_as_tall_decide_nothing():
    data = transposed(letter_like(400))
    square = np.isin(data.labels, [data.classes.index(name) for name in "hmnouw"])
    assert is_transposed(data)
    assert not is_transposed(replace(data[square], images=data.images[~square][: square.sum()]))


def test_other_classes_are_never_turned():
    data = transposed(letter_like(400))
    clothes = tuple(f"clothes {name}" for name in data.classes)
    assert not is_transposed(replace(data, classes=clothes))


def test_among_digits_and_letters_the_digits_decide():
    data = digit_like(300)
    classes = (*DIGITS, *"ABC")
    mixed = replace(data, classes=classes)
    assert not is_transposed(mixed)
    assert is_transposed(transposed(mixed))


def test_images_of_other_sizes_are_left_alone():
    data = transposed(digit_like(300))
    small = replace(data, images=np.ascontiguousarray(data.images[:, ::2, ::2]))
    assert upright(small, "a.idx") is small
