"""A network of layers that learn otherwise than they predict, on both engines from equal weights."""

from dataclasses import replace

import numpy as np
import pytest
from small_trainings import CNN, bits, trained

from digitnn.engines import find_engine
from digitnn.initialisation import initial_parameters
from digitnn.layers import (
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Dense,
    Dropout,
    Flatten,
    MaxPool2d,
    Relu,
)
from digitnn.losses import SoftmaxCrossEntropy
from digitnn.network import Network
from digitnn.optimisers import Adam
from digitnn.runs import load_run, save_run
from digitnn.scratch import blocks

LAYERS = (
    Conv2d(4, 5),
    BatchNorm(0.2),
    Relu(),
    AveragePool2d(2),
    Conv2d(6, 3),
    Relu(),
    MaxPool2d(2),
    Dropout(0.25),
    Flatten(),
    Dense(20),
    BatchNorm(),
    Relu(),
    Dropout(0.4),
    Dense(10),
)
NETWORK = Network(LAYERS)
DROPPING = Network(tuple(layer for layer in LAYERS if not isinstance(layer, BatchNorm)))
# A bias before BatchNorm has no effect, its gradient is 0; what is computed is rounding, which Adam
# would blow up to full steps: sqrt(v) of some 1e-9 must drown in epsilon to be compared.
ADAM = Adam(0.01, epsilon=1e-3)

both_engines = pytest.mark.parametrize("engine", ["scratch", "pytorch"])


def start_of(network, factor=1.0):
    rng = np.random.default_rng(3)
    return {
        name: p * np.float32(factor if p.ndim >= 2 else 1)
        for name, p in initial_parameters(network, "pytorch", rng).items()
    }


def trainer_of(engine, network, start=None, seed=5):
    start = start or start_of(network)
    return find_engine(engine).trainer(network, start, ADAM, SoftmaxCrossEntropy(), seed)


def after_steps(engine, network, digits, count, batch=60, seed=5):
    trainer = trainer_of(engine, network, seed=seed)
    outcomes = []
    for step in range(count):
        at = slice(step * batch, (step + 1) * batch)
        outcomes.append(trainer.step(digits.images[at], digits.labels[at], 0.01))
    return trainer, outcomes


def test_eight_steps_of_adam_on_both_engines_end_with_equal_numbers(digits):
    """Each of 8 steps moves a weight by up to 0.01, so one other unit dropped, or another variance,
    would show at once; rounding, 1e-7 in the first gradient, has grown to about 1e-6."""
    scratch, ours = after_steps("scratch", NETWORK, digits, 8)
    pytorch, theirs = after_steps("pytorch", NETWORK, digits, 8)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.total == pytest.approx(other.total, rel=1e-5)
        assert mine.correct == other.correct
    found, expected = scratch.parameters(), pytorch.parameters()
    assert list(found) == list(expected) == list(NETWORK.state_shapes())
    start = start_of(NETWORK)
    for name, p in found.items():
        assert p.dtype == expected[name].dtype == np.float32
        assert name == "0.bias" or np.abs(p - start[name]).max() > 5e-3
        np.testing.assert_allclose(p, expected[name], rtol=1e-5, atol=2e-5)

    sums = scratch._layout.views(scratch._state.sum)
    square_sums = scratch._layout.views(scratch._state.square_sum)
    for name, p in pytorch._module.named_parameters():
        state = pytorch._optimiser.state[p]
        mean, square = state["exp_avg"].numpy(), state["exp_avg_sq"].numpy()
        np.testing.assert_allclose(
            sums[name] * (1 - ADAM.beta1), mean, atol=1e-4 * max(np.abs(mean).max(), 1e-3)
        )
        np.testing.assert_allclose(
            square_sums[name] * (1 - ADAM.beta2), square, atol=1e-4 * max(square.max(), 1e-6)
        )
        assert state["step"] == int(scratch._state.steps) == 8


@both_engines
def test_the_seed_of_a_trainer_decides_what_is_dropped(engine, digits):
    first, again, other = (
        after_steps(engine, DROPPING, digits, 2, seed=seed)[0].parameters() for seed in (5, 5, 6)
    )
    assert bits(first) == bits(again)
    assert np.abs(first["11.weight"] - other["11.weight"]).max() > 1e-3


@pytest.mark.parametrize("network", [NETWORK, DROPPING], ids=["normalising", "dropping"])
def test_the_bits_do_not_depend_on_the_number_of_cores(network, digits, monkeypatch):
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(blocks, "available_cores", lambda cores=cores: cores)
        trainer, _ = after_steps("scratch", network, digits, 3, batch=100)
        found.append(bits(trainer.parameters()))
    assert found[0] == found[1] == found[2]


@both_engines
def test_a_step_whose_loss_is_not_finite_changes_no_statistics_either(engine, digits):
    start = start_of(NETWORK)
    start["13.weight"] *= np.float32(1e38)
    start["13.weight"] *= np.float32(1e2)
    start["13.weight"] = np.nan_to_num(start["13.weight"])  # finite, but overflows in the logits
    trainer = trainer_of(engine, NETWORK, start)
    with np.errstate(all="ignore"):
        outcome = trainer.step(digits.images[:50], digits.labels[:50], 0.01)
    assert not np.isfinite(outcome.total)
    assert bits(trainer.parameters()) == bits(start)


@both_engines
def test_a_classifier_reads_one_image_as_it_reads_many_by_the_running_statistics(engine, digits):
    trainer, _ = after_steps(engine, NETWORK, digits, 8)
    params = trainer.parameters()
    classifier = find_engine(engine).classifier(NETWORK, params)
    logits = classifier.logits(digits.images)
    alone = np.concatenate([classifier.logits(digits.images[n : n + 1]) for n in range(20)])
    np.testing.assert_allclose(alone, logits[:20], rtol=1e-4, atol=1e-5)
    shifted = {**params, "10.running_mean": params["10.running_mean"] + np.float32(0.5)}
    other = find_engine(engine).classifier(NETWORK, shifted).logits(digits.images)
    assert np.abs(other - logits).max() > 0.05


@both_engines
def test_a_saved_run_reads_digits_as_the_training_that_left_it(engine, digits, tmp_path):
    recipe = replace(CNN, layers=LAYERS, epochs=2)
    training, history = trained(recipe, engine, digits)
    assert history[-1].valid_accuracy > 0.9
    save_run(tmp_path / "run", training, engine, "mnist")
    run = load_run(tmp_path / "run")
    assert run.network == training.network
    assert bits(run.params) == bits(training.params())
    expected = training.engine.classifier(NETWORK, training.params()).logits(digits.images)
    np.testing.assert_array_equal(run.classifier().logits(digits.images), expected)
    for other in ("scratch", "pytorch"):
        found = run.classifier(other).logits(digits.images)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
