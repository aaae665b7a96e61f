"""Optimisers: one table of all that learn from mini-batches, and what holds for each of them."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from digitnn.engines.pytorch.optimisers import OPTIMISERS, build_optimiser, take_step
from digitnn.engines.scratch import optimisers_in_place
from digitnn.engines.scratch.optimisers import RULES, init, update
from digitnn.engines.scratch.optimisers_in_place import RULES_IN_PLACE, update_in_place
from digitnn.engines.scratch.parameter_vector import Layout, Weight
from digitnn.errors import ShapeError, UsageError
from digitnn.network.codec import from_json, to_json
from digitnn.recipes import schedules
from digitnn.recipes.optimisers import (
    Adadelta,
    Adam,
    AdamW,
    ConjugateGradient,
    FullBatchOptimiser,
    LBfgs,
    MiniBatchOptimiser,
    Muon,
    RmsProp,
    Sgd,
)
from digitnn.training.scipy_minimise import METHODS

TABLE = {
    "sgd": Sgd(0.1),
    "sgd decay": Sgd(0.1, weight_decay=0.2),
    "momentum": Sgd(0.1, momentum=0.8, schedule=schedules.Step(0.5)),
    "nesterov": Sgd(0.1, momentum=0.8, nesterov=True, weight_decay=0.2),
    "rmsprop": RmsProp(0.01, schedule=schedules.Cosine(0.1)),
    "rmsprop all": RmsProp(0.01, alpha=0.9, epsilon=1e-3, momentum=0.7, weight_decay=0.2),
    "adadelta": Adadelta(),
    "adadelta all": Adadelta(0.5, rho=0.8, epsilon=1e-3, weight_decay=0.2),
    "adam": Adam(0.01),
    "adam all": Adam(0.01, beta1=0.8, beta2=0.95, epsilon=1e-3, schedule=schedules.OneCycle()),
    "adamw": AdamW(0.01, weight_decay=0.3),
    "adamw all": AdamW(0.01, beta1=0.8, beta2=0.95, epsilon=1e-3, weight_decay=0.5),
    "muon": Muon(0.01),
    "muon all": Muon(0.01, 0.8, 5, other_rate=0.3, beta1=0.7, epsilon=1e-3, weight_decay=0.4),
}
"""Every optimiser, plain and with all that it has. A new one is a line here."""

RATES = (0.1, 0.02, 0.3, 0.001, 0.0, 0.05)
SHAPES = {
    "0.weight": (7, 5),
    "0.bias": (7,),
    "2.weight": (3, 2, 2, 2),
    "2.bias": (3,),
    "4.weight": (2, 4),
    "4.bias": (2,),
}
P = 7 * 5 + 7 + 24 + 3 + 8 + 2

LAST_TWO = Weight(slice(1, 3), rows=1, hidden=False)
"""Of three parameters."""

every_optimiser = pytest.mark.parametrize("optimiser", TABLE.values(), ids=TABLE.keys())
both_precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def random_steps(rng, dtype, p=P):
    """Parameters, and a gradient a step, whose entries differ in size by thousands."""
    sizes = 10.0 ** rng.uniform(-2, 1, p)
    gradients = [(rng.normal(size=p) * sizes).astype(dtype) for _ in RATES]
    return rng.normal(size=p).astype(dtype), gradients


def test_the_table_and_both_engines_have_every_optimiser():
    assert {type(o) for o in TABLE.values()} == set(RULES) == set(RULES_IN_PLACE) == set(OPTIMISERS)
    assert set(RULES) == set(MiniBatchOptimiser.__args__)
    assert set(METHODS) == set(FullBatchOptimiser.__args__) == {ConjugateGradient, LBfgs}


def torch_memory(optimiser, state):
    """What PyTorch remembers of one tensor, in the names and units of our `State`."""
    if isinstance(optimiser, Sgd):
        return {"velocity": state.get("momentum_buffer")}
    if isinstance(optimiser, RmsProp):
        return {"square": state["square_avg"], "velocity": state.get("momentum_buffer")}
    if isinstance(optimiser, Adadelta):
        return {"square": state["square_avg"], "step_square": state["acc_delta"]}
    if "momentum_buffer" in state:  # a hidden weight under Muon
        velocity = state["momentum_buffer"]
        return {"sum": velocity, "square_sum": torch.zeros_like(velocity)}
    return {  # means over steps, which begin with one share 1 - beta; ours are sums
        "sum": state["exp_avg"] / (1 - optimiser.beta1),
        "square_sum": state["exp_avg_sq"] / (1 - optimiser.beta2),
    }


@pytest.mark.engines
@both_precisions
@every_optimiser
def test_parameters_and_state_after_several_steps_are_those_of_pytorch(optimiser, dtype, rng):
    params, gradients = random_steps(rng, dtype)
    state, weights = init(optimiser, params), Layout(SHAPES).weights()
    ends = np.cumsum([np.prod(shape) for shape in SHAPES.values()])
    tensors = [
        torch.tensor(part.reshape(shape), requires_grad=True)
        for part, shape in zip(np.split(params, ends[:-1]), SHAPES.values(), strict=True)
    ]
    theirs = build_optimiser(optimiser, tensors)
    for gradient, rate in zip(gradients, RATES, strict=True):
        params, state = update(optimiser, params, gradient, state, rate, weights)
        for tensor, part in zip(tensors, np.split(gradient, ends[:-1]), strict=True):
            tensor.grad = torch.tensor(part.reshape(tensor.shape))
        for group in theirs.param_groups:
            group["lr"] = rate
        theirs.step()

    # six steps of some ten operations each, on numbers of up to 30, that may cancel
    bits = 6 * 10 * 30 / 2 * np.finfo(dtype).eps
    rounding = {"rtol": bits, "atol": bits}
    assert params.dtype == dtype
    flat = np.concatenate([t.detach().numpy().ravel() for t in tensors])
    np.testing.assert_allclose(params, flat, **rounding)
    memories = [torch_memory(optimiser, theirs.state[t]) for t in tensors]
    for name in memories[0]:
        if memories[0][name] is not None:  # PyTorch keeps no velocity without momentum
            flat = np.concatenate([memory[name].numpy().ravel() for memory in memories])
            np.testing.assert_allclose(state[name], flat, **rounding)
    assert state["steps"] == len(RATES)


@both_precisions
@every_optimiser
def test_take_step_is_the_step_of_pytorchs_optimiser_to_the_bit(optimiser, dtype, rng):
    params, gradients = random_steps(rng, dtype)
    ends = np.cumsum([np.prod(shape) for shape in SHAPES.values()])
    both = []
    for step in (lambda built: built.step(), take_step):
        tensors = [
            torch.tensor(part.reshape(shape), requires_grad=True)
            for part, shape in zip(np.split(params, ends[:-1]), SHAPES.values(), strict=True)
        ]
        built = build_optimiser(optimiser, tensors)
        for gradient, rate in zip(gradients, RATES, strict=True):
            for tensor, part in zip(tensors, np.split(gradient, ends[:-1]), strict=True):
                tensor.grad = torch.tensor(part.reshape(tensor.shape))
            for group in built.param_groups:
                group["lr"] = rate
            step(built)
        memories = [array for t in tensors for array in built.state[t].values()]
        both.append([array.detach().numpy().tobytes() for array in (*tensors, *memories)])
    assert both[0] == both[1]


@both_precisions
@every_optimiser
def test_in_place_and_in_blocks_it_is_the_same_to_the_bit(optimiser, dtype, rng, monkeypatch):
    monkeypatch.setattr(optimisers_in_place, "BLOCK", 16)  # four whole blocks and a rest
    weights = Layout(SHAPES).weights()
    params, gradients = random_steps(rng, dtype)
    state = init(optimiser, params)
    here, here_state = params.copy(), init(optimiser, params)
    for gradient, rate in zip(gradients, RATES, strict=True):
        params, state = update(optimiser, params, gradient, state, rate, weights)
        update_in_place(optimiser, here, gradient.copy(), here_state, rate, weights)
        np.testing.assert_array_equal(here, params)
        for name, vector in state.items():
            np.testing.assert_array_equal(here_state[name], vector)


@every_optimiser
def test_a_pure_step_leaves_what_comes_in_as_it_was(optimiser, rng):
    params, (gradient, *_) = random_steps(rng, np.float32)
    _, state = update(optimiser, params, gradient, init(optimiser, params), 0.1)
    given = {"params": params, "gradient": gradient, **state}
    before = {name: vector.copy() for name, vector in given.items()}
    new, new_state = update(optimiser, params, gradient, state, 0.1)
    assert (new != params).all()
    for name, vector in given.items():
        np.testing.assert_array_equal(vector, before[name])
        vector.flags.writeable = False  # what comes out shares nothing with it
    update_in_place(optimiser, new, gradient.copy(), new_state, 0.1)


@every_optimiser
def test_the_lowest_point_of_a_bowl_is_found(optimiser):
    optimiser = replace(optimiser, **({} if isinstance(optimiser, Adam) else {"weight_decay": 0}))
    lowest, curvature = np.array([3.0, -1.0, 0.5]), np.array([0.5, 1.0, 2.0])
    params, weights = np.zeros(3), [Weight(slice(0, 3), rows=1, hidden=True)]
    state = init(optimiser, params)
    peak = 1 if isinstance(optimiser, Adadelta) else 0.05  # its steps have a size of their own
    for step in range(1500):
        rate, gradient = peak * schedules.Cosine()(step / 1500), curvature * (params - lowest)
        params, state = update(optimiser, params, gradient, state, rate, weights)
    np.testing.assert_allclose(params, lowest, atol=1e-3)


GRADIENT = np.array([0.5, -20.0, 3.0])
MOVES_BY = {
    "sgd": GRADIENT * 0.1,
    "momentum": GRADIENT * 0.1,
    "nesterov": GRADIENT * 0.1 * 1.8,
    "rmsprop": np.sign(GRADIENT) * 0.1 / np.sqrt(1 - 0.99),
    "adadelta": GRADIENT * np.sqrt(1e-6 / (0.1 * GRADIENT**2 + 1e-6)) * 0.1,
    "adam": np.sign(GRADIENT) * 0.1,
    "adamw": np.sign(GRADIENT) * 0.1,
    "muon": np.sign(GRADIENT) * 0.1,
    "muon all": np.sign(GRADIENT) * 0.1 * 0.3 / (1 + 1e-3 / np.abs(GRADIENT)),
}


@pytest.mark.parametrize("name", MOVES_BY)
def test_the_first_step_is_the_one_known_by_hand(name):
    start = np.array([1.0, 2.0, 3.0])
    state = init(TABLE[name], start)
    params, state = update(TABLE[name], start, GRADIENT, state, 0.1, weights=[])
    np.testing.assert_allclose(start - params, MOVES_BY[name], rtol=1e-6)
    assert state["steps"] == 1


def test_decoupled_decay_shrinks_weights_alone_and_by_the_rate():
    params = np.array([1.0, -2.0, 4.0])
    state = init(AdamW(1.0), params)
    optimiser = AdamW(1.0, weight_decay=0.5)
    new, _ = update(optimiser, params, np.zeros(3), state, 0.1, weights=[LAST_TWO])
    np.testing.assert_array_equal(new, [1.0, -2.0 * 0.95, 4.0 * 0.95])


def test_decay_through_the_gradient_pulls_weights_alone_towards_zero():
    params = np.array([1.0, -2.0, 4.0])
    optimiser = Sgd(1.0, weight_decay=0.5)
    new, state = update(optimiser, params, np.ones(3), init(optimiser, params), 0.1, [LAST_TWO])
    np.testing.assert_allclose(state["velocity"], [1, 1 - 2 * 0.5, 1 + 4 * 0.5])
    np.testing.assert_allclose(new, params - 0.1 * state["velocity"])


def test_without_a_word_about_where_decay_acts_on_everything():
    params = np.array([1.0, -2.0, 4.0])
    optimiser = AdamW(1.0, weight_decay=0.5)
    new, _ = update(optimiser, params, np.zeros(3), init(optimiser, params), 0.1)
    np.testing.assert_array_equal(new, params * 0.95)


def test_weights_are_where_arrays_of_two_or_more_axes_lie():
    assert Layout(SHAPES).weights() == [
        Weight(slice(0, 35), rows=7, hidden=True),
        Weight(slice(42, 66), rows=3, hidden=True),
        Weight(slice(69, 77), rows=2, hidden=False),
    ]


@pytest.mark.parametrize("step", [update, update_in_place])
@every_optimiser
def test_the_state_of_another_network_is_refused(optimiser, step):
    state = init(optimiser, np.zeros(20, np.float32))
    with pytest.raises(ShapeError, match=r"parameters, \(30,\) float32, got \(20,\) float32"):
        step(optimiser, np.zeros(30, np.float32), np.zeros(30, np.float32), state, 0.1)
    with pytest.raises(ShapeError, match=r"parameters, \(20,\) float64, got \(20,\) float32"):
        step(optimiser, np.zeros(20), np.zeros(20), state, 0.1)
    assert state["steps"] == 0


@pytest.mark.parametrize("step", [update, update_in_place])
def test_the_state_of_another_optimiser_is_refused(step):
    params = np.zeros(3)
    with pytest.raises(UsageError, match="must hold steps, sum, square_sum, got steps, velocity:"):
        step(Adam(0.1), params, params.copy(), init(Sgd(0.1), params), 0.1)


@pytest.mark.parametrize("gradient", [np.zeros(4), np.zeros(1), np.zeros(3, np.float32)])
@every_optimiser
def test_a_gradient_that_does_not_fit_is_refused(optimiser, gradient):
    params = np.zeros(3)
    with pytest.raises(ShapeError, match=r"gradient must .* \(3,\) float64, got \("):
        update(optimiser, params, gradient, init(optimiser, params), 0.1)


@pytest.mark.parametrize(
    "optimiser", [*TABLE.values(), ConjugateGradient(), LBfgs()], ids=lambda o: type(o).__name__
)
def test_a_description_comes_back_from_json_as_it_was(optimiser):
    value = json.loads(json.dumps(to_json(optimiser, "optimiser"), allow_nan=False))
    assert from_json(value, "optimiser", {type(optimiser).__name__: type(optimiser)}) == optimiser


POSITIVE = [0, -1, float("nan"), float("inf"), "0.1", True]
SHARE = [-0.1, 1, 2.5, float("nan"), "0.9"]
NOT_NEGATIVE = [-0.1, float("nan"), float("inf"), None]


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [(k, "learning_rate", v) for k in RULES for v in POSITIVE]
    + [(k, "epsilon", v) for k in RULES if k is not Sgd for v in POSITIVE]
    + [(k, f, v) for k in (Adam, AdamW, Muon) for f in ("beta1", "beta2") for v in SHARE]
    + [(k, "momentum", v) for k in (Sgd, RmsProp, Muon) for v in SHARE]
    + [(RmsProp, "alpha", v) for v in SHARE]
    + [(Adadelta, "rho", v) for v in SHARE]
    + [(Muon, "other_rate", v) for v in POSITIVE]
    + [(Muon, "iterations", v) for v in (0, -1, 2.0, True, None)]
    + [(k, "weight_decay", v) for k in RULES if k is not Adam for v in NOT_NEGATIVE]
    + [(Sgd, "nesterov", v) for v in (1, None, "yes")],
)
def test_a_number_out_of_range_is_refused_by_name(kind, field, value):
    with pytest.raises(UsageError, match=f"{kind.__name__}: {field} must be .*, got {value!r}$"):
        kind(**{"learning_rate": 0.1, field: value})


def test_nesterov_without_momentum_is_refused():
    with pytest.raises(UsageError, match="nesterov needs a momentum above 0"):
        Sgd(0.1, nesterov=True)
