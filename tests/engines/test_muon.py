"""Muon: what orthogonalising is, by hand and by singular values, and whole steps of it."""

from copy import deepcopy
from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
import torch
from both_engines import assert_equal_steps, steps
from small_trainings import CNN, bits

from digitnn.engines.pytorch import optimisers as in_pytorch
from digitnn.engines.pytorch.optimisers import build_optimiser
from digitnn.engines.scratch.newton_schulz import orthogonalise
from digitnn.engines.scratch.optimisers import init, update
from digitnn.engines.scratch.parameter_vector import Layout, Weight
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import BatchNorm, Conv2d, Dense, Flatten, MaxPool2d, Relu
from digitnn.recipes.optimisers import Adam, Muon

NETWORK = replace(
    CNN,
    layers=(
        Conv2d(6, 5),
        MaxPool2d(2),
        BatchNorm(),
        Relu(),
        Conv2d(8, 3),
        MaxPool2d(2),
        Relu(),
        Flatten(),
        Dense(16),
        Relu(),
        Dense(10),
    ),
)
SHAPES = [(1, 9), (4, 4), (3, 20), (20, 3), (64, 100)]


def in_torch(x, iterations):
    return in_pytorch.orthogonalise(torch.tensor(x), iterations).numpy()


both = pytest.mark.parametrize(
    "orthogonalise", [orthogonalise, in_torch], ids=["scratch", "pytorch"]
)


def walked(s, iterations):
    """Where `iterations` steps lead singular values."""
    for _ in range(iterations):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return s


def by_singular_values(x, iterations):
    """`orthogonalise` with a decomposition instead of products."""
    u, s, vt = np.linalg.svd(x, full_matrices=False)
    return u * walked(s / (sqrt((x**2).sum()) + 1e-7), iterations) @ vt


@pytest.mark.engines
@both
@pytest.mark.parametrize("iterations", [1, 2, 3, 4, 5, 12])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_singular_values_are_walked_and_directions_stay(orthogonalise, shape, iterations, rng):
    x = rng.normal(size=shape)
    found = orthogonalise(x, iterations)
    np.testing.assert_allclose(found, by_singular_values(x, iterations), atol=1e-9)
    # in single precision errors of 1e-7 times the square root of 100 summands grow 3.4 times a step
    # wherever singular values are small
    single = orthogonalise(x.astype(np.float32), iterations)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, found, atol=1e-6 * 3.4445 ** min(iterations, 6))


@both
def test_one_step_on_numbers_is_the_polynomial_by_hand(orthogonalise):
    """3 and 4 have the norm 5: 0.6 and 0.8 of it."""
    found = orthogonalise(np.diag([3.0, 4.0]), 1)
    by_hand = [3.4445 * 0.6 - 4.775 * 0.216 + 2.0315 * 0.07776, 2.7556 - 2.4448 + 0.66568192]
    np.testing.assert_allclose(found, np.diag(by_hand), rtol=1e-6)


@both
def test_three_steps_bring_all_but_tiny_singular_values_near_one(orthogonalise, rng):
    u, _, vt = np.linalg.svd(rng.normal(size=(30, 50)), full_matrices=False)
    sizes = np.linspace(0.11, 1, 30)
    found = np.linalg.svd(orthogonalise(u * sizes @ vt, 3), compute_uv=False)
    assert (sizes / sqrt((sizes**2).sum())).min() > 0.02
    assert found.min() > 0.68
    assert found.max() < 1.21


@both
def test_zeros_stay_zeros_and_weak_matrices_count_as_much_as_strong_ones(orthogonalise, rng):
    x = rng.normal(size=(5, 8))
    np.testing.assert_array_equal(orthogonalise(np.zeros((5, 8)), 3), 0)
    np.testing.assert_allclose(orthogonalise(x * 1000, 3), orthogonalise(x, 3), atol=1e-6)


@both
def test_the_order_of_the_columns_does_not_matter(orthogonalise, rng):
    x, order = rng.normal(size=(5, 18)), rng.permutation(18)
    found = orthogonalise(x[:, order], 3)
    np.testing.assert_allclose(found, orthogonalise(x, 3)[:, order], atol=1e-12)


def test_hidden_weights_move_along_singular_directions_and_all_else_by_adam(rng):
    optimiser = Muon(0.02, 0.8, other_rate=0.5, beta1=0.7, weight_decay=0.1)
    shapes = {"0.weight": (4, 6), "0.bias": (4,), "2.weight": (3, 4), "2.bias": (3,)}
    weights = Layout(shapes).weights()
    params = rng.normal(size=24 + 4 + 12 + 3)
    matrix, rest, velocity = params[:24].reshape(4, 6).copy(), params[24:].copy(), 0
    adam = Adam(1.0, beta1=0.7, beta2=0.99)
    state, adam_state = init(optimiser, params), init(adam, rest)
    close = {"rtol": 1e-12, "atol": 1e-12}
    for rate in (0.1, 0.02, 0.0, 0.3):
        g = rng.normal(size=len(params))
        velocity = 0.8 * velocity + g[:24].reshape(4, 6)
        along = by_singular_values(g[:24].reshape(4, 6) + 0.8 * velocity, 3)
        matrix = matrix * (1 - rate * 0.1) - rate * sqrt(6) * along
        rest, adam_state = update(adam, rest, g[24:], adam_state, rate * 0.5)
        params, state = update(optimiser, params, g, state, rate, weights)
        np.testing.assert_allclose(params[:24].reshape(4, 6), matrix, **close)
        np.testing.assert_allclose(params[24:], rest, **close)
    np.testing.assert_allclose(state["sum"][:24].reshape(4, 6), velocity, **close)


def test_entries_of_a_hidden_weight_move_by_about_the_rate(rng):
    for shape in SHAPES[1:]:
        weights = [Weight(slice(0, shape[0] * shape[1]), rows=shape[0], hidden=True)]
        params, g = np.zeros(shape).ravel(), rng.normal(size=shape).ravel()
        moved, _ = update(Muon(1.0), params, g, init(Muon(1.0), params), 0.01, weights)
        assert 0.0068 <= sqrt((moved**2).mean()) <= 0.0121


def after_steps(engine, optimiser, digits, count, recipe=NETWORK):
    network = recipe.network()
    start = initial_parameters(network, "pytorch", np.random.default_rng(3))
    trainer, _ = steps(
        *(engine, network, start, optimiser, digits, count), rate=0.003, loss=recipe.loss
    )
    return trainer.parameters()


@pytest.mark.engines
@pytest.mark.parametrize("optimiser", [Muon(0.1), Muon(0.1, 0.8, 5, 0.5, weight_decay=0.1)])
def test_steps_of_a_network_on_both_engines_end_with_equal_numbers(optimiser, digits):
    """Six steps of about 0.003: other directions would part by that much."""
    network = NETWORK.network()
    start = initial_parameters(network, "pytorch", np.random.default_rng(3))
    end = assert_equal_steps(network, start, optimiser, digits, 6, rate=0.003, loss=NETWORK.loss)
    for name, p in end.items():
        if name != "0.bias":  # BatchNorm takes it off again
            assert np.abs(p - start[name]).max() > 0.003


@pytest.mark.parametrize("engine", ["scratch", "pytorch"])
def test_of_a_single_weight_nothing_is_hidden_and_adam_does_it_all(engine, digits):
    recipe = replace(CNN, layers=(Flatten(), Dense(10)))
    found = after_steps(engine, Muon(0.1), digits, 3, recipe)
    expected = after_steps(engine, Adam(0.1, beta2=0.99), digits, 3, recipe)
    assert bits(found) == bits(expected)


def torch_muon():
    """A hidden weight and a last one, and Muon of both."""
    tensors = [torch.randn(4, 6), torch.randn(4), torch.randn(3, 4)]
    for tensor in tensors:
        tensor.requires_grad_()
    return tensors, build_optimiser(Muon(0.1), tensors)


def test_in_pytorch_it_is_an_optimiser_like_any_other():
    """A closure computes the loss, and a `state_dict` carries all that is remembered."""
    torch.manual_seed(0)
    tensors, optimiser = torch_muon()
    others, other = torch_muon()

    def loss():
        optimiser.zero_grad()
        total = sum((tensor**2).sum() for tensor in tensors)
        total.backward()
        return total

    before = loss()
    assert optimiser.step(loss) == before
    assert loss() < before
    other.load_state_dict(deepcopy(optimiser.state_dict()))
    with torch.no_grad():
        for mine, theirs in zip(tensors, others, strict=True):
            theirs.copy_(mine)
            theirs.grad = mine.grad.clone()
    optimiser.step()
    other.step()
    for mine, theirs in zip(tensors, others, strict=True):
        assert torch.equal(mine, theirs)
