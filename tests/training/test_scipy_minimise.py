"""SciPy's minimisers as generators: the same points, one at a time."""

import threading
import time
from copy import deepcopy

import numpy as np
import pytest
from scipy.optimize import minimize

from digitnn.engines.protocols import Outcome
from digitnn.errors import TrainingError
from digitnn.training.scipy_minimise import from_vector, minimise, to_vector


class LeastSquares:
    """total = 1/2 sum (x weight.T + bias - t)^2: a bowl, for one weight and one bias array."""

    def __init__(self, x, t):
        self.x, self.t = np.array(x, np.float32), np.array(t, np.float32)
        self.calls = 0

    def __call__(self, params):
        self.calls += 1
        residual = self.x @ params["weight"].T + params["bias"] - self.t
        gradients = {"weight": residual.T @ self.x, "bias": residual.sum(axis=0)}
        return Outcome(float(np.vdot(residual, residual)) / 2, self.calls), gradients


@pytest.fixture
def problem(rng):
    """An objective of 30 images that takes more than ten iterations, and a start."""
    scales = np.array([1, 3, 10, 30, 100, 300])
    objective = LeastSquares(rng.normal(size=(30, 6)) * scales, rng.normal(size=(30, 2)))
    start = {"weight": rng.normal(size=(2, 6)), "bias": rng.normal(size=2)}
    return objective, {name: p.astype(np.float32) for name, p in start.items()}


both_methods = pytest.mark.parametrize("method", ["CG", "L-BFGS-B"])


def workers():
    return [thread for thread in threading.enumerate() if thread.name == "minimise"]


def test_a_vector_holds_the_parameters_in_order_and_gives_them_back(problem):
    _, start = problem
    vector = to_vector(start)
    np.testing.assert_array_equal(vector, [*start["weight"].ravel(), *start["bias"]])
    back = from_vector(vector, start)
    assert list(back) == list(start)
    for name, p in start.items():
        assert back[name].dtype == np.float32
        np.testing.assert_array_equal(back[name], p)


@both_methods
@pytest.mark.parametrize("l2", [0.0, 2.5])
def test_the_points_are_exactly_those_that_scipy_finds_by_itself(problem, l2, method):
    objective, start = problem
    points = list(minimise(objective, start, 30, l2, 12, method))

    def function(v):
        params = {"weight": v[:12].astype(np.float32).reshape(2, 6)}
        params["bias"] = v[12:].astype(np.float32)
        outcome, gradients = objective(params)
        w = params["weight"]
        value = outcome.total + l2 / 2 * float(np.vdot(w, w))
        dw = gradients["weight"] + np.float32(l2) * w
        return value / 30, np.array([*dw.ravel(), *gradients["bias"]], np.float64) / 30

    expected = []
    result = minimize(
        function,
        np.array([*start["weight"].ravel(), *start["bias"]], np.float64),
        jac=True,
        method=method,
        callback=lambda intermediate_result: expected.append(deepcopy(intermediate_result)),
        options={"maxiter": 12, "gtol": 0} | ({"ftol": 0} if method == "L-BFGS-B" else {}),
    )
    assert len(points) == len(expected) == 12
    for point, state in zip(points, expected, strict=True):
        found = np.concatenate([point.params["weight"].ravel(), point.params["bias"]])
        np.testing.assert_array_equal(found, state["x"].astype(np.float32))
        assert point.value == state["fun"]
    assert points[-1].evaluations == result.nfev


def test_each_point_tells_the_outcome_where_it_is(problem):
    objective, start = problem
    for point in minimise(objective, start, 30, 2.5, 6):
        here, _ = LeastSquares(objective.x, objective.t)(point.params)
        assert point.outcome.total == here.total
        penalty = 2.5 / 2 * float(np.vdot(point.params["weight"], point.params["weight"]))
        np.testing.assert_allclose(point.value, (here.total + penalty) / 30, rtol=1e-12)
        assert 0 < point.outcome.correct <= point.evaluations == objective.calls


@both_methods
def test_the_value_falls_from_point_to_point(problem, method):
    objective, start = problem
    values = [point.value for point in minimise(objective, start, 30, 0.1, 12, method)]
    assert (np.diff(values) < 0).all()


@both_methods
def test_the_minimum_is_the_one_known_by_hand_and_the_bias_is_free(method):
    # Two images x = 1 and x = -1 with targets 7 and 1 ask for weight 3 and bias 4. With l2 = 2
    # the weight is 6 / (2 + 2); what it costs is ((1.5^2 + 1.5^2) / 2 + 2 / 2 * 1.5^2) / 2.
    objective = LeastSquares([[1], [-1]], [[7], [1]])
    start = {"weight": np.zeros((1, 1), np.float32), "bias": np.zeros(1, np.float32)}
    *_, last = minimise(objective, start, 2, 2.0, 50, method)
    np.testing.assert_allclose(last.params["weight"], [[1.5]], rtol=1e-3)
    np.testing.assert_allclose(last.params["bias"], [4], rtol=1e-3)
    np.testing.assert_allclose(last.value, 2.25, rtol=1e-5)
    np.testing.assert_allclose(last.outcome.total, 2.25, rtol=1e-2)


@both_methods
def test_it_ends_early_without_an_error_where_there_is_no_way_down(method):
    objective = LeastSquares([[1], [-1]], [[7], [1]])
    start = {"weight": np.full((1, 1), 3, np.float32), "bias": np.full(1, 4, np.float32)}
    assert list(minimise(objective, start, 2, 0.0, 50, method)) == []
    assert objective.calls == 1
    start["bias"] += 1
    assert 0 < len(list(minimise(objective, start, 2, 0.0, 50, method))) < 50
    assert workers() == []


@both_methods
def test_a_gentle_slope_is_followed_too(method):
    objective = LeastSquares([[1]], [[1e-6]])  # a slope of 1e-6, where SciPy by itself stops
    start = {"weight": np.zeros((1, 1), np.float32), "bias": np.zeros(1, np.float32)}
    values = [point.value for point in minimise(objective, start, 1, 0.0, 5, method)]
    assert values[-1] < 1e-14


def test_nothing_is_computed_before_a_point_is_asked_for_or_between_points(problem):
    objective, start = problem
    points = minimise(objective, start, 30, 0.0, 12)
    time.sleep(0.02)
    assert objective.calls == 0
    for _ in range(3):
        evaluations = next(points).evaluations
        time.sleep(0.02)
        assert objective.calls == evaluations
    points.close()


def test_closing_ends_the_thread_and_computes_nothing_more(problem):
    objective, start = problem
    points = minimise(objective, start, 30, 0.0, 12)
    next(points)
    (worker,) = workers()
    calls = objective.calls
    points.close()
    assert not worker.is_alive()
    assert objective.calls == calls


def test_leaving_a_loop_ends_the_thread(problem):
    objective, start = problem
    for point in minimise(objective, start, 30, 0.0, 12):
        if point.evaluations > 4:
            break
    assert workers() == []


def test_reading_to_the_end_ends_the_thread(problem):
    assert len(list(minimise(*problem, 30, 0.0, 3))) == 3
    assert workers() == []


@pytest.mark.parametrize("error", [ZeroDivisionError, StopIteration, KeyboardInterrupt])
@pytest.mark.parametrize("call", [1, 5])
def test_an_error_inside_the_objective_reaches_the_caller_and_ends_the_thread(problem, error, call):
    objective, start = problem

    def failing(params):
        if objective.calls == call - 1:
            raise error("inside")
        return objective(params)

    expected = RuntimeError if error is StopIteration else error  # as any generator has it
    with pytest.raises(expected):
        list(minimise(failing, start, 30, 0.0, 12))
    assert workers() == []


@both_methods
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_start_where_the_loss_or_its_gradient_is_not_finite_is_refused(problem, what, method):
    objective, start = problem

    def not_finite(params):
        outcome, gradients = objective(params)
        if what == "loss":
            return Outcome(float("nan"), 0), gradients
        return outcome, {**gradients, "bias": np.full(2, np.nan, np.float32)}

    with pytest.raises(TrainingError, match=r"cannot go on: the loss, .*, or its gradient"):
        next(minimise(not_finite, start, 30, 0.1, 12, method))
    assert workers() == []


def test_a_step_too_far_where_the_loss_is_not_finite_is_taken_back(problem):
    objective, start = problem
    refused = []

    def walled(params):
        if np.abs(params["weight"]).max() > np.abs(start["weight"]).max() + 0.01:
            refused.append(params)
            return Outcome(float("inf"), 0), {name: p * 0 for name, p in params.items()}
        return objective(params)

    points = list(minimise(walled, start, 30, 0.0, 3))
    assert all(np.isfinite(point.value) for point in points)
    assert len(points) == 3
    assert refused


def test_l_bfgs_ends_where_it_stands_when_a_step_leads_to_a_loss_that_is_not_finite(problem):
    objective, start = problem

    def walled(params):
        outcome, gradients = objective(params)
        return (Outcome(float("inf"), 0) if objective.calls == 5 else outcome), gradients

    points = list(minimise(walled, start, 30, 0.0, 12, "L-BFGS-B"))
    assert 0 < len(points) < 12
    assert all(np.isfinite(p).all() for p in points[-1].params.values())
    assert points[-1].value == min(point.value for point in points)
    assert workers() == []
