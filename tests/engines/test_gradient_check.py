"""The public check of a derivative: it passes what is right and says what is wrong else."""

import doctest

import numpy as np
import pytest

import digitnn
from digitnn.engines import gradient_check
from digitnn.engines.gradient_check import MAX_ENTRIES, check_gradient
from digitnn.errors import DigitnnError, GradientError, UsageError


def cubes(x):
    return float((x**3).sum() / 3)


def test_the_example_in_the_docstring_runs():
    results = doctest.testmod(gradient_check)
    assert results.attempted >= 6
    assert results.failed == 0


def test_it_is_public():
    assert digitnn.check_gradient is check_gradient
    assert issubclass(digitnn.GradientError, DigitnnError)
    assert issubclass(digitnn.GradientError, AssertionError)


@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4), (2, 3, 4), (100, 50)])
@pytest.mark.parametrize("scale", [0.1, 1.0, 1e3])
def test_a_right_gradient_passes_at_any_shape_and_scale(shape, scale, rng):
    x = np.array(scale * rng.normal(size=shape))
    check_gradient(lambda x: float(np.exp(x / scale).sum()), np.exp(x / scale) / scale, x, rng)


def test_a_gradient_that_is_a_thousandth_off_is_refused_at_large_x_too(rng):
    x = np.full(5, 1e6)
    check_gradient(lambda x: float(((x / 1e6) ** 2).sum()), 2e-12 * x, x, rng)
    with pytest.raises(GradientError, match=r"1\.001 times the measured one everywhere"):
        check_gradient(lambda x: float(((x / 1e6) ** 2).sum()), 2.002e-12 * x, x, rng)


def test_a_gradient_of_zero_passes_where_f_is_constant(rng):
    check_gradient(lambda x: 1e6, np.zeros(5), np.ones(5), rng)


def test_neither_x_nor_the_gradient_is_changed(rng):
    x = rng.normal(size=(4, 3))
    gradient, before = x**2, x.copy()
    check_gradient(cubes, gradient, x, rng)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(gradient, before**2)


def test_the_wrong_entry_is_named_with_what_it_claims_and_what_was_measured(rng):
    x = np.arange(1.0, 7.0).reshape(2, 3)
    wrong = x**2
    wrong[1, 0] = 20
    with pytest.raises(
        GradientError,
        match=r"^gradient\[1, 0\] is off by 4: claimed 20, measured 16, relative difference 0\.2; "
        r"1 of 6 entries looked at disagree$",
    ):
        check_gradient(cubes, wrong, x, rng)


@pytest.mark.parametrize("where", [0, 4321, 9999])
def test_a_single_wrong_entry_among_many_is_found(where, rng):
    x = rng.normal(size=10_000)
    wrong = x**2
    wrong[where] += 1
    with pytest.raises(GradientError, match=rf"^gradient\[{where}\] is off by 1:") as caught:
        check_gradient(cubes, wrong, x, rng)
    looked_at = int(str(caught.value).split(" of ")[1].split()[0])
    assert looked_at <= MAX_ENTRIES


@pytest.mark.parametrize(
    ("factor", "hint"),
    [
        (2, "is 2 times the measured one everywhere"),
        (1 / 600, r"is 0\.001667 times \(1/600\) the measured one everywhere"),
        (-0.5, r"is -0\.5 times \(-1/2\) the measured one everywhere"),
        (-1, "the sign is wrong everywhere"),
    ],
)
@pytest.mark.parametrize("shape", [(5, 6), (50, 60)])
def test_a_constant_factor_is_recognised(factor, hint, shape, rng):
    x = rng.normal(size=shape)
    with pytest.raises(GradientError, match=hint):
        check_gradient(cubes, factor * x**2, x, rng)


def test_a_factor_in_some_entries_only_is_not_called_one_everywhere(rng):
    x = rng.normal(size=(2, 3))
    wrong = x**2
    wrong[0] *= 2
    with pytest.raises(GradientError, match=r"3 of 6 entries looked at disagree$"):
        check_gradient(cubes, wrong, x, rng)


def test_a_transposed_gradient_is_recognised(rng):
    x = rng.normal(size=(3, 4))
    with pytest.raises(GradientError, match=r"\(3, 4\), got \(4, 3\): it looks transposed"):
        check_gradient(cubes, (x**2).T, x, rng)
    for side in (4, 40):
        square = rng.normal(size=(side, side))
        with pytest.raises(GradientError, match=r"its transpose fits$"):
            check_gradient(cubes, (square**2).T, square, rng)


def test_a_function_that_ignores_its_argument_is_recognised(rng):
    x = rng.normal(size=4)
    with pytest.raises(GradientError, match="does not change with x: does it use its argument"):
        check_gradient(lambda _: cubes(x), x**2, x, rng)


def test_a_function_that_draws_random_numbers_is_suspected(rng):
    x, dropout = np.ones(400), np.random.default_rng(1)
    calls = []

    def noisy_at_first(x):
        calls.append(x)
        return cubes(x) + (dropout.normal() if len(calls) <= 20 else 0)

    with pytest.raises(GradientError, match="is f the same at every call"):
        check_gradient(noisy_at_first, x**2, x, rng)


def test_a_gradient_that_holds_nan_is_refused_by_its_place(rng):
    x = np.ones((2, 2))
    with pytest.raises(GradientError, match=r"gradient\[1, 0\] is nan, not a finite number"):
        check_gradient(cubes, np.array([[1, 1], [np.nan, 1]]), x, rng)


@pytest.mark.parametrize("bad", [np.ones(3, np.float32), np.ones(3, int), [1, 1, 1]])
def test_whatever_is_not_float64_is_refused_with_what_to_do(bad, rng):
    with pytest.raises(UsageError, match=r"^x must be float64.*astype\(np\.float64\)"):
        check_gradient(cubes, np.ones(3), bad, rng)
    with pytest.raises(UsageError, match=r"^the gradient must be float64"):
        check_gradient(cubes, bad, np.ones(3), rng)


def test_a_function_that_gives_no_single_finite_number_is_refused(rng):
    with pytest.raises(UsageError, match=r"one number, got an array of shape \(3,\): take its sum"):
        check_gradient(lambda x: x, np.ones(3), np.ones(3), rng)
    with pytest.raises(UsageError, match="f is nan near x"):
        check_gradient(lambda x: float("nan"), np.ones(3), np.ones(3), rng)
    with pytest.raises(UsageError, match="empty"):
        check_gradient(cubes, np.ones(0), np.ones(0), rng)
