"""One contract for the classifiers of every engine; a new engine or network is one line."""

import threading
from collections.abc import Mapping

import numpy as np
import pytest
from numpy import ndarray

from digitnn.engines import find as engines
from digitnn.engines.find import find_engine
from digitnn.engines.protocols import Engine
from digitnn.errors import MissingExtraError, ShapeError, UsageError
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import (
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    MaxPool2d,
    Relu,
    Sigmoid,
    Tanh,
)
from digitnn.network.network import Network
from digitnn.recipes.builtin import RECIPES

CLASSIC = RECIPES["classic"].network()
DEEP = Network((Flatten(), Dense(20), Tanh(), Dense(15), Relu(), Dense(10), Sigmoid()))
CONVOLUTIONAL = Network((Conv2d(4, 5, stride=2), Relu(), MaxPool2d(3), Flatten(), Dense(10)))
NORMALISED = Network(
    (
        Conv2d(4, 5),
        BatchNorm(),
        Relu(),
        AveragePool2d(3),
        Flatten(),
        Dropout(),
        Dense(20),
        BatchNorm(),
        Tanh(),
        Dense(10),
    )
)

RUN_BY = [
    pytest.param("scratch", CLASSIC, id="scratch-classic"),
    pytest.param("scratch", DEEP, id="scratch-deep"),
    pytest.param("scratch", CONVOLUTIONAL, id="scratch-convolutional"),
    pytest.param("scratch", NORMALISED, id="scratch-normalised"),
    pytest.param("pytorch", CLASSIC, id="pytorch-classic"),
    pytest.param("pytorch", DEEP, id="pytorch-deep"),
    pytest.param("pytorch", CONVOLUTIONAL, id="pytorch-convolutional"),
    pytest.param("pytorch", NORMALISED, id="pytorch-normalised"),
]

every_classifier = pytest.mark.parametrize(("engine", "network"), RUN_BY)


def random_params(network: Network, rng: np.random.Generator) -> dict[str, ndarray]:
    """Weights, biases and running statistics, none of them zero."""
    params = initial_parameters(network, "pytorch", rng)
    for name, shape in network.buffer_shapes().items():
        params[name] = rng.uniform(0.5, 2, shape).astype(np.float32)
    return params


@pytest.mark.engines
@every_classifier
def test_an_image_has_a_row_of_logits_whichever_images_it_comes_with(engine, network, digits, rng):
    classifier = find_engine(engine).classifier(network, random_params(network, rng))
    logits = classifier.logits(digits.images)
    assert logits.shape == (600, 10)
    assert logits.dtype == np.float32
    assert logits.std(axis=0).min() > 0
    for which in (slice(0, 1), slice(250, 260), slice(599, 600)):
        found = classifier.logits(digits.images[which])
        np.testing.assert_allclose(found, logits[which], rtol=1e-4, atol=1e-5)


@every_classifier
def test_no_images_have_no_logits(engine, network, digits, rng):
    classifier = find_engine(engine).classifier(network, random_params(network, rng))
    assert classifier.logits(digits.images[:0]).shape == (0, 10)


@every_classifier
def test_images_may_be_read_only_or_run_backwards_and_stay_as_they_are(
    engine, network, digits, rng
):
    classifier = find_engine(engine).classifier(network, random_params(network, rng))
    expected = classifier.logits(digits.images[:20])
    images = digits.images[:20].copy()
    images.flags.writeable = False
    np.testing.assert_array_equal(classifier.logits(images), expected)
    backwards = classifier.logits(images[::-1])
    np.testing.assert_allclose(backwards[::-1], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(images, digits.images[:20])


@every_classifier
def test_a_classifier_keeps_what_it_was_given_when_the_giver_learns_on(
    engine, network, digits, rng
):
    params = random_params(network, rng)
    classifier = find_engine(engine).classifier(network, params)
    before = classifier.logits(digits.images[:20])
    for p in params.values():
        p += 1
    np.testing.assert_array_equal(classifier.logits(digits.images[:20]), before)


@pytest.mark.slow
@every_classifier
def test_threads_may_share_a_classifier(engine, network, digits, rng):
    classifier = find_engine(engine).classifier(network, random_params(network, rng))
    parts = [digits.images[start : start + 100] for start in range(0, 600, 100)]
    expected = [classifier.logits(part) for part in parts]
    found = [None] * len(parts)

    def read(index):
        for _ in range(3):
            found[index] = classifier.logits(parts[index])

    threads = [threading.Thread(target=read, args=[index]) for index in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(found, expected)


@every_classifier
def test_parameters_of_another_network_are_refused(engine, network, rng):
    params = random_params(network, rng)
    with pytest.raises(ShapeError, match="unexpected"):
        find_engine(engine).classifier(network, {**params, "99.weight": params.popitem()[1]})


def sigmoid(x: ndarray) -> ndarray:
    return 1 / (1 + np.exp(-x))


def classic_by_hand(params: Mapping[str, ndarray], images: ndarray) -> ndarray:
    """The classic network in one line of double precision."""
    x = (images.reshape(-1, 784) - 33.32) / 78.57
    hidden = sigmoid(x @ params["1.weight"].T.astype(float) + params["1.bias"])
    return hidden @ params["3.weight"].T.astype(float) + params["3.bias"]


@pytest.mark.engines
@pytest.mark.parametrize("engine", ["scratch", "pytorch"])
def test_the_classic_network_gives_the_logits_of_its_formula(engine, digits, rng):
    params = random_params(CLASSIC, rng)
    logits = find_engine(engine).classifier(CLASSIC, params).logits(digits.images)
    expected = classic_by_hand(params, digits.images)
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.engines
@pytest.mark.parametrize(
    "network",
    [CLASSIC, DEEP, CONVOLUTIONAL, NORMALISED],
    ids=["classic", "deep", "convolutional", "normalised"],
)
def test_both_engines_give_the_same_logits_within_rounding(network, digits, rng):
    params = random_params(network, rng)
    scratch = find_engine("scratch").classifier(network, params).logits(digits.images)
    pytorch = find_engine("pytorch").classifier(network, params).logits(digits.images)
    np.testing.assert_allclose(scratch, pytorch, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["scratch", "pytorch"])
def test_an_engine_keeps_the_protocol(name):
    assert isinstance(find_engine(name), Engine)


def test_an_unknown_engine_is_refused():
    with pytest.raises(UsageError, match="unknown engine 'jax'; known: scratch, pytorch"):
        find_engine("jax")


def test_without_pytorch_its_engine_names_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'digitnn\[torch\]'"):
        find_engine("pytorch")
    assert find_engine("scratch")
