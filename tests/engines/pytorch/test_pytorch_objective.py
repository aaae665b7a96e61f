"""The whole-split objective of the PyTorch engine: the from-scratch one's numbers, CG's steps.

Each number is a sum over 480 images of products of up to 784 numbers. In double precision another
order of adding moves it by 1e-16 times the square root of 480 times 784, some 1e-13 of what is
added up, in single precision by some 1e-4 at most.
"""

import numpy as np
import pytest
from both_engines import in_double

from digitnn.engines.find import find_engine
from digitnn.engines.pytorch import losses
from digitnn.engines.scratch.blocks import block_size
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import Dense, SigmoidCrossEntropy, SoftmaxCrossEntropy
from digitnn.recipes.builtin import RECIPES
from digitnn.training.fullbatch import features, restrict, varying_pixels
from digitnn.training.scipy_minimise import minimise
from digitnn.training.training import Training

RECIPE = RECIPES["classic"]
NETWORK = RECIPE.network()
PRECISIONS = {np.float64: 1e-12, np.float32: 1e-3}
"""And how far rounding may move a sum, as a share of the largest entry: ten times as much."""


@pytest.fixture
def start(digits, rng):
    """Parameters for the kept pixels, and the features and labels of 480 digits."""
    kept = varying_pixels(digits.images[:480], RECIPE.least_std)
    assert 0 < kept.sum() < 784
    x = features(digits.images[:480], RECIPE.standardise, kept)
    return restrict(initial_parameters(NETWORK, "glorot", rng), kept), x, digits.labels[:480]


def both(x, labels, loss):
    return [
        find_engine(name).objective(NETWORK, x, labels, loss) for name in ("scratch", "pytorch")
    ]


def test_blocks_hold_as_many_images_as_in_the_other_engine():
    assert block_size((Dense(10),)) == losses.BLOCK


@pytest.mark.engines
@pytest.mark.parametrize(("precision", "rounding"), PRECISIONS.items(), ids=["double", "single"])
@pytest.mark.parametrize("block", [1024, 100, 480])
@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(0.1), SigmoidCrossEntropy()])
def test_loss_and_gradient_are_those_of_the_from_scratch_engine(
    start, loss, block, precision, rounding, monkeypatch
):
    monkeypatch.setattr(losses, "BLOCK", block)
    params, x, labels = start
    params = {name: p.astype(precision) for name, p in params.items()}
    objectives = both(x.astype(precision), labels, loss)
    (expected, slopes), (found, gradients) = (each(params) for each in objectives)
    assert found.total == pytest.approx(expected.total, rel=rounding)
    assert found.correct == expected.correct
    assert list(gradients) == list(params)
    for name, gradient in gradients.items():
        assert gradient.dtype == slopes[name].dtype == precision
        scale = np.abs(slopes[name]).max()
        np.testing.assert_allclose(gradient, slopes[name], rtol=0, atol=rounding * scale)


def test_calls_do_not_add_up_and_equal_calls_give_equal_bits(start):
    params, x, labels = start
    before = {name: p.copy() for name, p in params.items()}
    _, pytorch = both(x, labels, SoftmaxCrossEntropy())
    first, second = pytorch(params), pytorch(params)
    assert first[0] == second[0]
    for name, p in params.items():
        np.testing.assert_array_equal(first[1][name], second[1][name])
        np.testing.assert_array_equal(p, before[name])


def test_it_keeps_the_features_that_it_was_given(start):
    params, x, labels = start
    _, pytorch = both(x, labels, SoftmaxCrossEntropy())
    before = pytorch(params)[0]
    x += 1
    assert pytorch(params)[0] == before


@pytest.mark.engines
@pytest.mark.parametrize("method", ["CG", "L-BFGS-B"])
def test_a_minimiser_takes_the_same_steps_on_both_engines(start, method):
    """In double precision: a line search compares losses, so in single precision their rounding,
    1e-7, enters the length of each step and grows tenfold in each; here 1e-16 becomes 1e-11."""
    params, x, labels = start
    params = in_double(params)
    scratch, pytorch = (
        list(minimise(each, params, 480, RECIPE.l2, 5, method))
        for each in both(x.astype(np.float64), labels, RECIPE.loss)
    )
    assert len(scratch) == len(pytorch) == 5
    for a, b in zip(scratch, pytorch, strict=True):
        assert a.evaluations == b.evaluations
        assert a.outcome.correct == b.outcome.correct
        assert a.value == pytest.approx(b.value, rel=1e-9)
        for name, p in b.params.items():
            largest = np.abs(a.params[name]).max()
            np.testing.assert_allclose(p, a.params[name], rtol=0, atol=1e-7 * largest)
    assert np.abs(scratch[-1].params["1.weight"] - params["1.weight"]).max() > 0.01


@pytest.mark.engines
def test_a_training_by_conjugate_gradient_goes_the_same_way_on_both_engines(digits):
    """In single precision, as trainings are: nearer to one another than to where they began."""
    scratch, pytorch = (
        Training(RECIPE.with_epochs(5), find_engine(name), digits[:480], digits[480:], seed=0)
        for name in ("scratch", "pytorch")
    )
    start = scratch.params()["1.weight"]
    assert len(list(scratch)) == len(list(pytorch)) == 5
    assert scratch.complete
    assert pytorch.complete
    ours, theirs = scratch.params()["1.weight"], pytorch.params()["1.weight"]
    assert np.abs(ours - start).max() > 0.01
    assert np.abs(ours - theirs).max() < 0.01 * np.abs(ours - start).max()
