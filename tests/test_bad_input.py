"""Invalid images, labels and batches, handed to an engine as a user would."""

from dataclasses import replace

import jaxtyping
import numpy as np
import pytest
from small_trainings import CNN, bits, training_of

from digitnn.engines.find import find_engine
from digitnn.errors import DataError, TrainingError
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import BatchNorm, Conv2d, Dense, Flatten, Relu, SoftmaxCrossEntropy
from digitnn.network.network import Network
from digitnn.recipes.optimisers import Adam

NETWORK = Network((Conv2d(2, 5, stride=3), BatchNorm(), Flatten(), Dense(8), Relu(), Dense(10)))
NORMALISED = Network((Flatten(), Dense(8), BatchNorm(), Relu(), Dense(10)))

both_engines = pytest.mark.parametrize("engine", ["scratch", "pytorch"])


@pytest.fixture(autouse=True)
def _as_users_run_it(monkeypatch):
    """Without the check of annotated types at every call, which only the tests have."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


def start_of(network):
    return initial_parameters(network, "pytorch", np.random.default_rng(2))


def trainer_of(engine, network):
    return find_engine(engine).trainer(
        network, start_of(network), Adam(0.01), SoftmaxCrossEntropy(), 0
    )


NO_IMAGES = [
    (lambda images: images / 255, r"got float64 \(20, 28, 28\): raw pixels, from 0"),
    (lambda images: images.astype(np.float32), r"got float32 \(20, 28, 28\)"),
    (lambda images: images.astype(np.int64), r"got int64 \(20, 28, 28\)"),
    (lambda images: images.reshape(20, 784), r"got uint8 \(20, 784\)"),
    (lambda images: images[:, :20], r"got uint8 \(20, 20, 28\)"),
    (lambda images: images[0], r"got uint8 \(28, 28\)"),
]


@both_engines
@pytest.mark.parametrize(("change", "message"), NO_IMAGES)
def test_anything_but_raw_pixels_is_refused_before_a_step(engine, change, message, digits):
    images, labels = change(digits.images[:20]), digits.labels[:20]
    expected = rf"images must be uint8 of shape \(n, 28, 28\), {message}"
    classifier = find_engine(engine).classifier(NETWORK, start_of(NETWORK))
    with pytest.raises(DataError, match=f"^input: {expected}"):
        classifier.logits(images)
    trainer = trainer_of(engine, NETWORK)
    with pytest.raises(DataError, match=f"^the batch: {expected}"):
        trainer.step(images, labels, 0.01)
    assert bits(trainer.parameters()) == bits(start_of(NETWORK))


@both_engines
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda labels: labels.astype(np.int64),
            r"labels must be uint8 of shape \(n,\), got int64",
        ),
        (lambda labels: labels[:, None], r"got uint8 \(20, 1\)"),
        (lambda labels: labels[:19], "19 labels for 20 images"),
        (lambda labels: labels + np.uint8(1), "labels are 0 to 9"),
    ],
)
def test_labels_that_do_not_fit_are_refused(engine, change, message, digits):
    with pytest.raises(DataError, match=message):
        trainer_of(engine, NETWORK).step(digits.images[:20], change(digits.labels[:20]), 0.01)


@both_engines
@pytest.mark.parametrize("network", [NETWORK, NORMALISED, CNN.network()])
def test_an_empty_batch_is_refused(engine, network, digits):
    with pytest.raises(TrainingError, match="a step needs at least 1 image, got an empty batch"):
        trainer_of(engine, network).step(digits.images[:0], digits.labels[:0], 0.01)


@both_engines
def test_one_image_has_no_variance_unless_it_has_pixels(engine, digits):
    images, labels = digits.images[:1], digits.labels[:1]
    with pytest.raises(TrainingError, match=r"^layer 2: BatchNorm.* a single image has none"):
        trainer_of(engine, NORMALISED).step(images, labels, 0.01)
    assert np.isfinite(trainer_of(engine, NETWORK).step(images, labels, 0.01).total)


def test_a_last_batch_of_one_image_is_refused_before_the_first_epoch(digits):
    recipe = replace(CNN, layers=NORMALISED.layers, batch_size=50)
    message = (
        r"cnn: of 351 images, 50 at a time, the last batch of an epoch holds 1: layer 2: Batch"
    )
    with pytest.raises(TrainingError, match=message):
        training_of(recipe, "scratch", digits, n=351)
    assert training_of(recipe, "scratch", digits, n=352)
    assert training_of(CNN, "scratch", digits, n=351)
    with pytest.raises(TrainingError, match="use another batch size"):
        training_of(replace(recipe, batch_size=1), "scratch", digits)


@both_engines
def test_a_classifier_runs_in_single_precision_and_a_trainer_in_that_of_its_start(engine, digits):
    params = start_of(NETWORK)
    double = {name: p.astype(np.float64) for name, p in params.items()}
    expected, found = (
        find_engine(engine).classifier(NETWORK, p).logits(digits.images[:20])
        for p in (params, double)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    for given in (params, double):
        loss = SoftmaxCrossEntropy()
        trainer = find_engine(engine).trainer(NETWORK, given, Adam(0.01), loss, 0)
        assert bits(trainer.parameters()) == bits(given)
        trainer.step(digits.images[:20], digits.labels[:20], 0.01)
        dtypes = {p.dtype for p in trainer.parameters().values()}
        assert dtypes == {p.dtype for p in given.values()}
