"""Layers that learn otherwise than they predict: a network of them on both engines."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from both_engines import assert_equal_steps, steps
from small_trainings import CNN, bits, trained
from torch import nn
from torch.nn import functional
from whole_batches import gradient_in_blocks

from digitnn.data.dataset import NON_DIGIT
from digitnn.engines.find import find_engine
from digitnn.engines.protocols import kept_units
from digitnn.engines.pytorch.modules import build
from digitnn.engines.scratch import blocks, optimisers
from digitnn.engines.scratch.parameter_vector import Layout
from digitnn.errors import DataError
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
    SoftmaxCrossEntropy,
)
from digitnn.network.network import Network
from digitnn.recipes.optimisers import Adam
from digitnn.runs.run import load_single_run, save_run

pytestmark = pytest.mark.slow

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
WITHOUT_EFFECT = ("0.bias", "9.bias")
"""BatchNorm takes off what these add: their gradient is 0, what is computed is rounding."""
RATE = 0.002
ADAM = Adam(RATE, epsilon=1e-3)
"""With a large epsilon, in which the rounding drowns: steps are as exact as gradients."""

both_engines = pytest.mark.parametrize("engine", ["scratch", "pytorch"])
both_networks = pytest.mark.parametrize(
    "network", [NETWORK, DROPPING], ids=["one block", "several blocks"]
)


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
    trainer, _ = steps(
        *(engine, network, start_of(network), ADAM, digits, count),
        rate=RATE,
        batch=batch,
        seed=seed,
    )
    return trainer


@pytest.mark.engines
def test_eight_steps_in_double_precision_are_those_of_pytorch_to_rounding(digits):
    """Parameters, running statistics and Adam's state. Rounding of a gradient, 1e-13 at most (see
    `both_engines`), times the rate over epsilon is 2e-13 a step, of what is seen a hundredth."""
    layout = Layout(NETWORK.parameter_shapes())
    params = {name: p.astype(np.float64) for name, p in start_of(NETWORK).items()}
    vector = np.empty(layout.size)
    layout.write(params, vector)
    buffers = {name: params[name] for name in NETWORK.buffer_shapes()}
    state = optimisers.init(ADAM, vector)

    module = build(NETWORK, params).double().train()
    adam = torch.optim.Adam(module.parameters(), lr=RATE, eps=ADAM.epsilon)
    for step in range(8):
        at = slice(step * 60, (step + 1) * 60)
        x, labels = NETWORK.inputs(digits.images[at]).astype(np.float64), digits.labels[at]
        kept = kept_units(NETWORK, 60, seed=5, step=step)
        now = layout.views(vector) | buffers
        _, gradients, moved = gradient_in_blocks(NETWORK, now, x, labels, kept, block=32)
        gradient = np.empty(layout.size)
        layout.write(gradients, gradient)
        vector, state = optimisers.update(ADAM, vector, gradient, state, RATE)
        buffers |= moved

        for index, units in kept.items():
            module[index].kept = torch.tensor(units)
        adam.zero_grad()
        functional.cross_entropy(module(torch.tensor(x)), torch.tensor(labels).long()).backward()
        adam.step()

    expected = module.state_dict()
    for name, p in (layout.views(vector) | buffers).items():
        np.testing.assert_allclose(p, expected[name].numpy(), rtol=1e-10, atol=1e-12)
    sums, square_sums = layout.views(state["sum"]), layout.views(state["square_sum"])
    for name, p in module.named_parameters():
        theirs = adam.state[p]
        mean, square = theirs["exp_avg"].numpy(), theirs["exp_avg_sq"].numpy()
        np.testing.assert_allclose(sums[name] * (1 - ADAM.beta1), mean, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(
            square_sums[name] * (1 - ADAM.beta2), square, rtol=1e-9, atol=1e-12
        )
        assert theirs["step"] == int(state["steps"]) == 8


@pytest.mark.engines
@both_networks
def test_steps_on_both_engines_end_with_equal_numbers(network, digits):
    """Other units dropped, or another variance, would show in the third digit of a step."""
    start = start_of(network)
    end = assert_equal_steps(network, start, ADAM, digits, 6, rate=RATE)
    for name, p in end.items():
        assert name in WITHOUT_EFFECT or np.abs(p - start[name]).max() > RATE


@both_engines
def test_the_seed_of_a_trainer_decides_what_is_dropped(engine, digits):
    first, again, other = (
        after_steps(engine, DROPPING, digits, 2, seed=seed).parameters() for seed in (5, 5, 6)
    )
    assert bits(first) == bits(again)
    assert np.abs(first["11.weight"] - other["11.weight"]).max() > 1e-3


@both_networks
def test_the_bits_do_not_depend_on_the_number_of_cores(network, digits, monkeypatch):
    found = []
    for cores in (1, 2, 3):
        monkeypatch.setattr(blocks, "threads", lambda cores=cores: cores)
        trainer = after_steps("scratch", network, digits, 3, batch=100)
        found.append(bits(trainer.parameters()))
    assert found[0] == found[1] == found[2]


@both_engines
def test_a_step_whose_loss_is_not_finite_changes_no_statistics_either(engine, digits):
    start = start_of(NETWORK)
    start["13.weight"][:] = np.finfo(np.float32).max  # finite, but the logits are not
    trainer = trainer_of(engine, NETWORK, start)
    with np.errstate(all="ignore"):
        outcome = trainer.step(digits.images[:50], digits.labels[:50], RATE)
    assert not np.isfinite(outcome.total)
    assert bits(trainer.parameters()) == bits(start)


@both_engines
def test_a_classifier_reads_one_image_as_it_reads_many_by_the_running_statistics(engine, digits):
    trainer = after_steps(engine, NETWORK, digits, 8)
    params = trainer.parameters()
    classifier = find_engine(engine).classifier(NETWORK, params)
    logits = classifier.logits(digits.images)
    alone = np.concatenate([classifier.logits(digits.images[n : n + 1]) for n in range(20)])
    np.testing.assert_allclose(alone, logits[:20], rtol=1e-4, atol=1e-5)
    shifted = {**params, "10.running_mean": params["10.running_mean"] + np.float32(0.5)}
    other = find_engine(engine).classifier(NETWORK, shifted).logits(digits.images)
    assert np.abs(other - logits).max() > 0.05


@pytest.mark.engines
def test_a_pytorch_user_loads_the_parameters_into_modules_of_their_own(digits):
    trainer = after_steps("scratch", NETWORK, digits, 3)
    params = trainer.parameters()
    module = nn.Sequential(
        *(nn.Conv2d(1, 4, 5), nn.BatchNorm2d(4), nn.ReLU(), nn.AvgPool2d(2)),
        *(nn.Conv2d(4, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten()),
        *(nn.Linear(150, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Dropout(0.4), nn.Linear(20, 10)),
    )
    module.load_state_dict({name: torch.tensor(p) for name, p in params.items()}, strict=True)
    x = torch.tensor(NETWORK.inputs(digits.images))
    found = find_engine("scratch").classifier(NETWORK, params).logits(digits.images)
    np.testing.assert_allclose(found, module.eval()(x).detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.engines
@both_engines
def test_a_saved_run_reads_digits_as_the_training_that_left_it(engine, digits, tmp_path):
    recipe = replace(CNN, layers=LAYERS, epochs=2)
    training, history = trained(recipe, engine, digits)
    assert history[-1].valid_accuracy > 0.9
    save_run(tmp_path / "run", training, engine, "mnist")
    run = load_single_run(tmp_path / "run")
    assert run.network == training.network
    assert bits(run.params) == bits(training.params())
    expected = training.engine.classifier(NETWORK, training.params()).logits(digits.images)
    np.testing.assert_array_equal(run.classifier().logits(digits.images), expected)
    for other in ("scratch", "pytorch"):
        found = run.classifier(other).logits(digits.images)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("engine", ["scratch", "pytorch"])
def test_both_engines_learn_to_tell_what_is_no_digit(engine, digits):
    network = Network((Flatten(), Dense(30), Relu(), Dense(10)), rejects=True)
    images = np.concatenate([digits.images, digits.images[:, ::-1]])  # upside down: none
    labels = np.concatenate([digits.labels, np.full(len(digits), NON_DIGIT, np.uint8)])
    start = initial_parameters(network, "he", np.random.default_rng(0))
    loss = SoftmaxCrossEntropy(no_digit=True)
    trainer = find_engine(engine).trainer(network, start, ADAM, loss, 0)
    for _ in range(60):
        trainer.step(images, labels, 0.003)
    classifier = find_engine(engine).classifier(network, trainer.parameters())
    is_digit = classifier.logits(images).max(axis=1) > 0
    assert np.mean(is_digit == (labels != NON_DIGIT)) > 0.9


@pytest.mark.parametrize("engine", ["scratch", "pytorch"])
def test_a_network_that_rejects_nothing_takes_no_label_10(engine, digits):
    network = Network((Flatten(), Dense(10)))
    start = initial_parameters(network, "he", np.random.default_rng(0))
    trainer = find_engine(engine).trainer(network, start, ADAM, SoftmaxCrossEntropy(), 0)
    with pytest.raises(DataError, match="label 0 is 10"):
        trainer.step(digits.images[:2], np.full(2, NON_DIGIT, np.uint8), 0.003)
