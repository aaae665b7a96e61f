"""The layers of the from-scratch engine against three oracles; a new layer is one line of CASES."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log

import numpy as np
import pytest
import torch
from gradients import assert_is_gradient
from numpy import ndarray

from digitnn.engines.pytorch.modules import MODULES
from digitnn.engines.scratch.backpropagation import FORWARD
from digitnn.network.layers import (
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2d,
    Relu,
    Sigmoid,
    Tanh,
)


@dataclass(frozen=True)
class Case:
    """A layer, and values known by hand: y of x, and dx where dL/dy is 1 everywhere."""

    layer: Layer
    x: list
    y: list
    dx: list
    params: Mapping[str, list] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        return np.shape(self.x)[1:]

    def random_input(self, rng: np.random.Generator) -> ndarray:
        return rng.normal(size=(7, *self.shape))

    def random_params(self, rng: np.random.Generator) -> dict[str, ndarray]:
        learned = self.layer.parameter_shapes(self.shape)
        kept = self.layer.buffer_shapes(self.shape)
        return {name: rng.normal(size=shape) for name, shape in learned.items()} | {
            name: rng.uniform(0.5, 2, size=shape) for name, shape in kept.items()
        }

    def forward(self, params, x):
        return FORWARD[type(self.layer)](self.layer, params, x)


CASES = [
    Case(
        Dense(3),
        x=[[1, -1]],
        params={"weight": [[1, 2], [3, 4], [5, 7]], "bias": [10, 20, 30]},
        y=[[9, 19, 28]],
        dx=[[9, 13]],
    ),
    Case(
        Sigmoid(), x=[[0, log(3), -log(3)]], y=[[1 / 2, 3 / 4, 1 / 4]], dx=[[1 / 4, 3 / 16, 3 / 16]]
    ),
    Case(Tanh(), x=[[0, log(2), -log(3)]], y=[[0, 0.6, -0.8]], dx=[[1, 0.64, 0.36]]),
    Case(Relu(), x=[[-1, 0, 2]], y=[[0, 0, 2]], dx=[[0, 0, 1]]),
    Case(
        Flatten(),
        x=[[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]],
        y=[[1, 2, 3, 4, 5, 6, 7, 8]],
        dx=np.ones((1, 2, 2, 2)),
    ),
]

CASES += [
    Case(
        Conv2d(1, 2),
        x=[[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]],
        params={"weight": [[[[1, 0], [0, 2]]]], "bias": [100]},
        y=[[[[111, 114], [120, 123]]]],
        dx=[[[[1, 1, 0], [1, 3, 2], [0, 2, 2]]]],
    ),
    Case(
        Conv2d(1, 2, stride=2, padding=1),
        x=[[[[1, 2], [3, 4]]]],
        params={"weight": [[[[1, 10], [100, 1000]]]], "bias": [0]},
        y=[[[[1000, 200], [30, 4]]]],
        dx=[[[[1000, 100], [10, 1]]]],
    ),
    Case(
        Crop(1),
        x=[[[[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12]]]],
        y=[[[[6, 7]]]],
        dx=[[[[0, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]]],
    ),
    Case(
        MaxPool2d(2),
        x=[[[[1, 5, 9], [7, 7, 9], [9, 9, 9]]]],  # of the two sevens the first wins
        y=[[[[7]]]],
        dx=[[[[0, 0, 0], [1, 0, 0], [0, 0, 0]]]],
    ),
]
CASES += [
    Case(
        AveragePool2d(2),
        x=[[[[1, 5, 9], [7, 7, 9], [9, 9, 9]]]],
        y=[[[[5]]]],
        dx=[[[[0.25, 0.25, 0], [0.25, 0.25, 0], [0, 0, 0]]]],
    ),
    Case(
        BatchNorm(epsilon=0.25),  # by the running statistics: (x - 1) / 2 and (x + 2) / 3
        x=[[3, 1], [-1, -5]],
        params={
            "weight": [10, 2],
            "bias": [100, 1000],
            "running_mean": [1, -2],
            "running_var": [3.75, 8.75],
        },
        y=[[110, 1002], [90, 998]],
        dx=[[5, 2 / 3], [5, 2 / 3]],
    ),
    Case(
        BatchNorm(epsilon=0.25),
        x=[[[[3, 1]], [[1, -5]]]],
        params={
            "weight": [10, 2],
            "bias": [100, 1000],
            "running_mean": [1, -2],
            "running_var": [3.75, 8.75],
        },
        y=[[[[110, 100]], [[1002, 998]]]],
        dx=[[[[5, 5]], [[2 / 3, 2 / 3]]]],
    ),
    Case(Dropout(), x=[[1, 2, 3]], y=[[1, 2, 3]], dx=[[1, 1, 1]]),
]

every_layer = pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.layer))


def test_every_layer_of_the_engine_is_in_the_table():
    assert {type(case.layer) for case in CASES} == FORWARD.keys()


@every_layer
def test_output_and_dx_are_those_known_by_hand(case):
    params = {name: np.array(value, np.float64) for name, value in case.params.items()}
    y, backward = case.forward(params, np.array(case.x, np.float64))
    # exp and tanh are right to 4 last bits of 1e-16 at worst, in whatever library they are
    np.testing.assert_allclose(y, case.y, rtol=1e-14, atol=1e-15)
    dx, _ = backward(np.ones_like(y), True)
    np.testing.assert_allclose(dx, case.dx, rtol=1e-14)


@every_layer
def test_gradients_are_the_slopes_of_finite_differences(case, rng):
    x, params = case.random_input(rng), case.random_params(rng)
    y, backward = case.forward(params, x)
    dy = rng.normal(size=y.shape)
    dx, gradients = backward(dy, True)

    assert_is_gradient(dx, lambda x: np.vdot(dy, case.forward(params, x)[0]), x, rng)
    assert gradients.keys() == case.layer.parameter_shapes(case.shape).keys()
    for name in gradients:
        p = params[name]

        def loss(p, name=name):
            return np.vdot(dy, case.forward({**params, name: p}, x)[0])

        assert_is_gradient(gradients[name], loss, p, rng)


@pytest.mark.engines
@every_layer
def test_output_and_gradients_are_those_of_pytorch(case, rng):
    x, params = case.random_input(rng), case.random_params(rng)
    y, backward = case.forward(params, x)
    dy = rng.normal(size=y.shape)
    dx, gradients = backward(dy, True)

    module = MODULES[type(case.layer)](case.layer, case.shape).double().eval()
    module.load_state_dict({name: torch.tensor(p) for name, p in params.items()})
    torch_x = torch.tensor(x, requires_grad=True)
    torch_y = module(torch_x)
    torch_y.backward(torch.tensor(dy))

    close = {"rtol": 1e-12, "atol": 1e-14}
    np.testing.assert_allclose(y, torch_y.detach().numpy(), **close)
    np.testing.assert_allclose(dx, torch_x.grad.numpy(), **close)
    for name, p in module.named_parameters():
        np.testing.assert_allclose(gradients[name], p.grad.numpy(), **close)


@every_layer
def test_the_output_has_the_shape_that_the_description_tells(case, rng):
    y, _ = case.forward(case.random_params(rng), case.random_input(rng))
    assert y.shape == (7, *case.layer.output_shape(case.shape))


@every_layer
def test_single_precision_stays_single(case, rng):
    params = {name: p.astype(np.float32) for name, p in case.random_params(rng).items()}
    y, backward = case.forward(params, case.random_input(rng).astype(np.float32))
    dx, gradients = backward(np.ones_like(y), True)
    assert {array.dtype for array in (y, dx, *gradients.values())} == {np.dtype(np.float32)}


@every_layer
def test_nothing_that_comes_in_is_changed_and_backward_may_be_called_twice(case, rng):
    x, params = case.random_input(rng), case.random_params(rng)
    y, backward = case.forward(params, x)
    dy = rng.normal(size=y.shape)
    given = [x, dy, *params.values()]
    before = [array.copy() for array in given]
    first, _ = backward(dy, True)
    second, _ = backward(dy, True)
    np.testing.assert_array_equal(first, second)
    for array, copy in zip(given, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_a_dense_layer_does_not_compute_dx_that_nobody_needs(rng):
    params = {"weight": rng.normal(size=(3, 2)), "bias": rng.normal(size=3)}
    _, backward = FORWARD[Dense](Dense(3), params, rng.normal(size=(4, 2)))
    dy = rng.normal(size=(4, 3))
    dx, gradients = backward(dy, False)
    assert dx is None
    np.testing.assert_array_equal(gradients["weight"], backward(dy, True)[1]["weight"])


@pytest.mark.parametrize("layer", [Sigmoid(), Tanh()], ids=["sigmoid", "tanh"])
def test_huge_inputs_saturate_without_overflow(layer):
    x = np.array([[-1e30, 1e30]], np.float32)
    y, backward = FORWARD[type(layer)](layer, {}, x)
    np.testing.assert_array_equal(y, [[0 if layer == Sigmoid() else -1, 1]])
    np.testing.assert_array_equal(backward(np.ones_like(y), True)[0], [[0, 0]])
