"""Networks of other inputs and classes than MNIST's, on both engines."""

import numpy as np
import pytest

from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.errors import DataError, ShapeError, UsageError
from digitnn.evaluation.evaluation import evaluate
from digitnn.recipes.builtin import RECIPES
from digitnn.training.training import Training

NAMES = ("left", "right", "up")
ENGINES = ("scratch", "pytorch")


def bars(rng, n=240, shape=(12, 20)):
    """Noise with a bright bar whose place depends on the class."""
    h, w = shape
    labels = rng.integers(0, 3, n, np.uint8)
    images = rng.integers(0, 60, (n, h, w), np.uint8)
    images[labels == 0, :, :2] = 250
    images[labels == 1, :, -2:] = 250
    images[labels == 2, :2] = 250
    return Dataset(images, labels, "bars", classes=NAMES)


def trained(recipe, engine, train, valid, epochs=4):
    training = Training(RECIPES[recipe].with_epochs(epochs), find_engine(engine), train, valid, 0)
    for _ in training:
        pass
    return training


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("recipe", "side"), [("classic", 8), ("mlp", 8), ("cnn", 20)])
def test_images_of_another_size_and_classes_are_learned(recipe, side, engine, rng):
    train, valid = bars(rng, shape=(side, side + 4)), bars(rng, 60, shape=(side, side + 4))
    training = trained(recipe, engine, train, valid, 15)
    assert training.network.labels == NAMES
    assert training.network.input == (1, side, side + 4)
    assert training.history[-1].valid_accuracy > 0.9
    assert training.history[-1].valid_accuracy > training.history[0].valid_accuracy or (
        training.history[0].valid_accuracy > 0.9
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("recipe", ["classic", "mlp"])
def test_features_that_are_no_pixels_are_learned(recipe, engine, rng):
    labels = rng.integers(0, 3, 300, np.uint8)
    features = rng.normal(size=(300, 6)).astype(np.float32) * 40 + 33
    features[np.arange(300), labels] += 300
    data = Dataset(features, labels, "table", classes=NAMES)
    training = trained(recipe, engine, data[:240], data[240:], 15)
    assert training.network.input == (6,)
    assert training.history[-1].valid_accuracy > 0.95


def test_both_engines_agree_on_other_data(rng):
    train, valid = bars(rng), bars(rng, 60)
    training = trained("mlp", "scratch", train, valid)
    network, params = training.network, training.params()
    of = [find_engine(name).classifier(network, params).logits(valid.images) for name in ENGINES]
    np.testing.assert_allclose(*of, atol=1e-4)


def test_validation_labels_are_matched_by_name(rng):
    train, valid = bars(rng), bars(rng, 60)
    order = ("up", "left", "right")
    training = trained("mlp", "scratch", train, valid.with_classes(order), 12)
    assert training.valid.classes == NAMES
    classifier = find_engine("scratch").classifier(training.network, training.params())
    assert evaluate(classifier, valid).accuracy == training.history[-1].valid_accuracy > 0.9


def test_validation_images_of_another_size_are_refused(rng):
    with pytest.raises(DataError, match=r"images of 8 x 8 pixels, but .* 12 x 20"):
        trained("mlp", "scratch", bars(rng), bars(rng, shape=(8, 8)))


@pytest.mark.parametrize(
    ("recipe", "error", "message"),
    [
        ("reader", UsageError, "it rejects what is no digit; choose another recipe"),
        ("cnn", ShapeError, "does not fit .*layer 3: Conv2d.*recipes mlp and classic fit any"),
        ("cnn-fast", ShapeError, "does not fit inputs of shape"),
    ],
)
def test_a_recipe_that_cannot_learn_the_data_says_so_before_it_trains(recipe, error, message, rng):
    data = bars(rng, shape=(8, 8))
    with pytest.raises(error, match=message):
        Training(RECIPES[recipe], find_engine("scratch"), data, data, 0)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_classifier_refuses_images_of_another_size(engine, rng):
    training = trained("mlp", engine, bars(rng), bars(rng, 60), 1)
    classifier = find_engine(engine).classifier(training.network, training.params())
    with pytest.raises(DataError, match=r"uint8 of shape \(n, 12, 20\), got uint8 \(2, 28, 28\)"):
        classifier.logits(np.zeros((2, 28, 28), np.uint8))
