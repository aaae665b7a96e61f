"""The PyTorch engine against plain PyTorch and against the from-scratch engine."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from both_engines import ROUNDING, in_double
from torch import nn
from torch.nn import functional

from digitnn.engines.pytorch.engine import LOSSES, PytorchEngine, to_input
from digitnn.engines.pytorch.modules import build
from digitnn.engines.scratch.losses import LOSSES as SCRATCH_LOSSES
from digitnn.engines.scratch.trainer import SplitObjective
from digitnn.machine.resources import use_resources
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import (
    Conv2d,
    Dense,
    Flatten,
    MaxPool2d,
    Relu,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
)
from digitnn.network.network import MNIST_PIXELS, Network, Standardise
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import Adam

NETWORK = Network((Conv2d(4, 5), Relu(), MaxPool2d(4), Flatten(), Dense(10)))


def written_in_pytorch(params):
    """NETWORK as a user of PyTorch would write it, with these parameters."""
    module = nn.Sequential(
        nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(), nn.Linear(144, 10)
    )
    module.load_state_dict({name: torch.tensor(p) for name, p in params.items()})
    return module


@pytest.fixture
def params(rng):
    return initial_parameters(NETWORK, "pytorch", rng)


def trainer_of(params, loss=None, **numbers):
    optimiser = Adam(0.1, **numbers)
    return PytorchEngine().trainer(NETWORK, params, optimiser, loss or SoftmaxCrossEntropy(), 0)


@pytest.mark.parametrize("standardise", [MNIST_PIXELS, Standardise(30.7, 79.1)])
def test_pixels_are_standardised_to_the_very_bits_of_the_network(standardise):
    images = np.arange(3 * 784).astype(np.uint8).reshape(3, 28, 28)
    assert set(images.ravel()) == set(range(256))
    network = replace(NETWORK, standardise=standardise)
    found = to_input(torch.from_numpy(images), network)
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found.numpy(), network.inputs(images))


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())
def test_a_built_module_holds_the_parameters_under_their_own_names(recipe, rng):
    network = recipe.network()
    params = initial_parameters(network, "pytorch", rng)
    state = build(network, params).state_dict()
    assert [name for name in state if "num_batches" not in name] == list(network.state_shapes())
    for name, p in params.items():
        np.testing.assert_array_equal(state[name].numpy(), p)


@pytest.mark.engines
def test_the_module_runs_each_layer_as_its_description_tells(params, digits):
    images = digits.images[:20]
    x = torch.from_numpy(MNIST_PIXELS(images)[:, None])
    expected = written_in_pytorch(params)(x).detach().numpy()
    found = PytorchEngine().classifier(NETWORK, params).logits(images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.engines
def test_steps_are_those_of_a_plain_pytorch_loop(params, digits):
    params = in_double(params)
    trainer = trainer_of(params, beta1=0.8, beta2=0.95, epsilon=1e-4)
    module = written_in_pytorch(params).double()
    adam = torch.optim.Adam(module.parameters(), betas=(0.8, 0.95), eps=1e-4)
    for step, rate in enumerate((0.01, 0.003, 0.001, 0.02)):
        images, labels = digits.images[step::4], digits.labels[step::4]
        outcome = trainer.step(images, labels, rate)

        adam.param_groups[0]["lr"] = rate
        adam.zero_grad()
        logits = module(torch.from_numpy(MNIST_PIXELS(images)[:, None]).double())
        loss = functional.cross_entropy(logits, torch.from_numpy(labels).long())
        loss.backward()
        adam.step()

        assert outcome.total == pytest.approx(loss.item() * 150, rel=1e-9)
        assert outcome.correct == (logits.argmax(1).numpy() == labels).sum()
    for name, p in module.state_dict().items():  # steps of up to 0.02 in all 0.034; see `ROUNDING`
        np.testing.assert_allclose(
            trainer.parameters()[name], p.numpy(), rtol=0, atol=0.034 * ROUNDING
        )


@pytest.mark.engines
@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(0.2), SigmoidCrossEntropy()])
def test_a_step_tells_the_loss_of_before_it_as_the_other_engine_computes_it(loss, params, digits):
    logits = PytorchEngine().classifier(NETWORK, params).logits(digits.images)
    expected, _ = SCRATCH_LOSSES[type(loss)](loss, logits, digits.labels)
    outcome = trainer_of(params, loss).step(digits.images, digits.labels, 0.01)
    assert outcome.total == pytest.approx(expected, rel=1e-5)


def test_the_learning_rate_is_that_of_the_step_alone(params, digits):
    trainer = trainer_of(params)
    trainer.step(digits.images[:50], digits.labels[:50], 0.0)
    for name, p in trainer.parameters().items():
        np.testing.assert_array_equal(p, params[name])
    trainer.step(digits.images[:50], digits.labels[:50], 0.01)
    assert all((p != params[name]).any() for name, p in trainer.parameters().items())


def test_a_step_whose_loss_is_not_finite_is_not_taken(params, digits):
    huge = {name: p * np.float32(1e30) for name, p in params.items()}
    trainer = trainer_of(huge)
    assert not np.isfinite(trainer.step(digits.images, digits.labels, 0.01).total)
    for name, p in trainer.parameters().items():
        np.testing.assert_array_equal(p, huge[name])


def test_parameters_are_copies_laid_out_row_by_row(params, digits):
    before = {name: p.copy() for name, p in params.items()}
    trainer = trainer_of(params)
    found = trainer.parameters()
    trainer.step(digits.images, digits.labels, 0.01)
    for name, p in before.items():
        assert found[name].flags.c_contiguous
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], p)
        np.testing.assert_array_equal(params[name], p)


@pytest.mark.engines
@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(0.1), SigmoidCrossEntropy()])
def test_both_engines_find_the_same_gradient_of_the_classic_network(loss, digits, rng):
    network = RECIPES["classic"].network()
    params = initial_parameters(network, "glorot", rng)
    x = MNIST_PIXELS(digits.images)
    outcome, gradients = SplitObjective(network.layers, x.reshape(600, 784), digits.labels, loss)(
        params
    )

    module = build(network, params)
    total = LOSSES[type(loss)](
        loss, module(torch.from_numpy(x)), torch.tensor(digits.labels).long()
    )
    total.backward()
    assert outcome.total == pytest.approx(total.item(), rel=1e-5)
    for name, p in module.named_parameters():
        scale = p.grad.abs().max().item()
        np.testing.assert_allclose(gradients[name], p.grad.numpy(), rtol=1e-3, atol=1e-5 * scale)


def test_in_bfloat16_products_are_rounded_and_parameters_and_predictions_are_not(params, rng):
    """Eight bits of each factor: gradients differ by some thousandths, not by more."""
    images = rng.integers(0, 256, (32, 28, 28), np.uint8)
    labels = rng.integers(0, 10, 32).astype(np.uint8)

    def gradients(precision):
        use_resources(precision=precision)
        try:
            trainer = trainer_of(params)
            outcome = trainer.step(images, labels, 0.0)
        finally:
            use_resources()
        assert all(array.dtype == np.float32 for array in trainer.parameters().values())
        return {name: p.grad.numpy() for name, p in trainer.module.named_parameters()}, outcome

    exact, outcome = gradients("float32")
    rounded, nearly = gradients("bfloat16")
    for name, gradient in exact.items():
        assert rounded[name].dtype == np.float32
        error = np.abs(rounded[name] - gradient).max() / np.abs(gradient).max()
        assert 0 < error < 0.05, name
    assert nearly.total == pytest.approx(outcome.total, rel=0.02)
    use_resources(precision="bfloat16")
    try:
        logits = PytorchEngine().classifier(NETWORK, params).logits(images)
    finally:
        use_resources()
    np.testing.assert_array_equal(
        logits, PytorchEngine().classifier(NETWORK, params).logits(images)
    )
