"""Training that starts from the parameters of a trained network."""

from dataclasses import replace

import numpy as np
import pytest
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.errors import TrainingError
from digitnn.network.layers import (
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Flatten,
    MaxPool2d,
    Relu,
)
from digitnn.network.network import DIGITS, Network
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import Adam
from digitnn.recipes.recipe import Recipe
from digitnn.training.starting_point import StartingPoint
from digitnn.training.training import Training

ENGINES = pytest.mark.parametrize("engine", ["scratch", "pytorch"])
LETTERS = ("A", "B", "C", "D")
CONVOLUTIONS = (
    *(Conv2d(8, 5, stride=2), BatchNorm(), Relu()),
    *(Conv2d(12, 3), BatchNorm(), Relu(), AveragePool2d(5)),
)
SMALL = Recipe(
    name="small",
    summary="two convolutions",
    layers=(*CONVOLUTIONS, Flatten(), Dense(10)),
    engines=("scratch", "pytorch"),
    optimiser=Adam(learning_rate=0.01),
    epochs=8,
    batch_size=50,
)


def strokes(rng: np.random.Generator, n: int, classes: tuple[str, ...], at: int) -> Dataset:
    """Pairs of bars anywhere in noise; the angles of the two make the class."""
    labels = (np.arange(n) % len(classes)).astype(np.uint8)
    images = rng.integers(0, 90, (n, 28, 28))
    y, x = np.mgrid[:9, :9] - 4
    for image, label in zip(images, labels, strict=True):
        for part, angle in ((0, label + at), (1, 3 * label + 1)):
            turn = angle * np.pi / 10
            distance = np.abs(x * np.sin(turn) - y * np.cos(turn))
            row, column = rng.integers(0, 20), rng.integers(0, 6) + 13 * part
            image[row : row + 9, column : column + 9] += (distance < 1.2) * 150
    return Dataset(np.clip(images, 0, 255).astype(np.uint8), labels, "strokes", classes=classes)


def point_of(training: Training) -> StartingPoint:
    return StartingPoint("runs/digits", "0" * 64, training.network, training.params())


def trained(
    recipe: Recipe,
    engine: str,
    train: Dataset,
    valid: Dataset,
    start: StartingPoint | None = None,
) -> Training:
    training = Training(recipe, find_engine(engine), train, valid, 0, start=start)
    for _ in training:
        pass
    return training


def random_point(network: Network, seed: int = 5) -> StartingPoint:
    rng = np.random.default_rng(seed)
    params = {
        name: rng.uniform(1, 2, shape).astype(np.float32)
        for name, shape in network.state_shapes().items()
    }
    return StartingPoint("runs/digits", "0" * 64, network, params)


@ENGINES
def test_letters_from_digits_beat_training_from_scratch_with_few_images(engine: str) -> None:
    rng = np.random.default_rng(3)
    digits = strokes(rng, 1500, DIGITS, 0)
    source = trained(SMALL, engine, digits, digits[:100])
    point = point_of(source)
    few, valid = strokes(rng, 40, LETTERS, 5), strokes(rng, 400, LETTERS, 5)
    recipe = replace(SMALL, batch_size=20, epochs=12)
    for name, array in (
        Training(recipe, find_engine(engine), few, valid, 0, start=point).params().items()
    ):
        is_same = np.array_equal(array, point.params[name]) if name in point.params else False
        assert is_same == (not name.startswith("8.")), name
    tuned = trained(recipe, engine, few, valid, point)
    scratch = trained(recipe, engine, few, valid)
    best = tuned.history[-1].valid_accuracy
    assert best > scratch.history[-1].valid_accuracy + 0.05
    assert best > 0.6


def test_both_engines_start_from_equal_parameters() -> None:
    rng = np.random.default_rng(3)
    few = strokes(rng, 60, LETTERS, 0)
    point = random_point(SMALL.network())
    one, two = (
        Training(SMALL, find_engine(engine), few, few, 0, start=point).params()
        for engine in ("scratch", "pytorch")
    )
    assert one.keys() == two.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name])


def test_full_batch_training_starts_from_it(digits: Dataset) -> None:
    recipe = RECIPES["classic"].with_epochs(1)
    point = random_point(recipe.network())
    training = Training(recipe, find_engine("scratch"), digits, digits[:50], 0, start=point)
    start = training.initial_params()
    seen = start["1.weight"] != 0  # pixels that do not vary have weight 0
    assert 0 < seen.mean() < 1
    np.testing.assert_array_equal(start["1.weight"][seen], point.params["1.weight"][seen])
    np.testing.assert_array_equal(start["3.weight"], point.params["3.weight"])
    first = Training(recipe, find_engine("scratch"), digits, digits[:50], 0).initial_params()
    assert not np.array_equal(first["3.weight"], start["3.weight"])
    for _ in training:
        pass
    assert not np.array_equal(training.params()["3.weight"], start["3.weight"])


def test_layers_are_matched_by_their_order_whatever_lies_between() -> None:
    source = Network((Conv2d(4, 3), BatchNorm(), Relu(), MaxPool2d(13), Flatten(), Dense(10)))
    target = Network((Crop(2), Conv2d(4, 3, padding=1), BatchNorm(), MaxPool2d(12), Flatten(),
                      Dense(10)))  # fmt: skip
    point = random_point(source)
    assert point.fitting_layers(target) == {1: 0, 2: 1, 5: 5}
    zeros = {name: np.zeros(s, np.float32) for name, s in target.state_shapes().items()}
    found = point.initial_parameters(target, zeros)
    assert found.keys() == zeros.keys()
    for name, kinds in {"1": "0", "2": "1", "5": "5"}.items():
        for key in found:
            if key.startswith(f"{name}."):
                expected = point.params[f"{kinds}.{key.split('.')[1]}"]
                np.testing.assert_array_equal(found[key], expected)


def test_layers_that_do_not_fit_start_anew_and_are_named() -> None:
    point = random_point(Network((Flatten(), Dense(20), BatchNorm(), Dense(10))))
    wider = Network((Flatten(), Dense(20), BatchNorm(), Dense(3)), labels=("a", "b", "c"))
    assert point.fitting_layers(wider) == {1: 1, 2: 2}
    anew = {name: np.zeros(s, np.float32) for name, s in wider.state_shapes().items()}
    found = point.initial_parameters(wider, anew)
    assert not found["3.weight"].any()
    assert found["2.running_var"].all()
    assert point.describe(wider) == (
        "runs/digits: 2 of 3 layers start from it, anew start 3 Dense(units=3)"
    )
    same = replace(point.network)
    assert point.describe(same) == "runs/digits: 3 of 3 layers start from it"


def test_the_last_layer_starts_anew_for_other_classes_of_the_same_number() -> None:
    network = Network((Flatten(), Dense(20), Relu(), Dense(10)))
    other = replace(network, labels=tuple("abcdefghij"))
    assert random_point(network).fitting_layers(other) == {1: 1}


def test_a_network_of_which_nothing_fits_is_refused() -> None:
    point = random_point(Network((Flatten(), Dense(20), Dense(10))))
    target = Network((Flatten(), Dense(21), BatchNorm(), Dense(10)))
    anew: dict[str, ndarray] = {
        name: np.zeros(s, np.float32) for name, s in target.state_shapes().items()
    }
    with pytest.raises(
        TrainingError,
        match=r"--from runs/digits: none of its layers fits .* are \(20, 784\), \(10, 20\), "
        r"and those to train \(21, 784\), \(10, 21\)$",
    ):
        point.initial_parameters(target, anew)
