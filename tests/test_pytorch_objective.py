"""The whole-split objective of the PyTorch engine: the from-scratch one's numbers, CG's steps.

Each number is a sum over 480 images in single precision. Another order of adding moves it by about
2^-24 times the square root of 480, some 1e-6 of what is added up; over six seeds the largest
differences seen are 7e-8 of the loss and 9e-7 of a gradient's largest entry.
"""

import numpy as np
import pytest

from digitnn.engines import find_engine
from digitnn.features import features, restrict, varying_pixels
from digitnn.initialisation import initial_parameters
from digitnn.layers import Dense
from digitnn.losses import SigmoidCrossEntropy, SoftmaxCrossEntropy
from digitnn.pytorch import objective
from digitnn.recipes import RECIPES
from digitnn.scratch.blocks import block_of
from digitnn.training import Training

RECIPE = RECIPES["classic"]
NETWORK = RECIPE.network()
ROUNDING = 5e-6


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
    assert block_of((Dense(10),)) == objective.BLOCK


@pytest.mark.parametrize("block", [1024, 100, 480])
@pytest.mark.parametrize("loss", [SoftmaxCrossEntropy(0.1), SigmoidCrossEntropy()])
def test_loss_and_gradient_are_those_of_the_from_scratch_engine(start, loss, block, monkeypatch):
    monkeypatch.setattr(objective, "BLOCK", block)
    params, x, labels = start
    (expected, slopes), (found, gradients) = (each(params) for each in both(x, labels, loss))
    assert found.total == pytest.approx(expected.total, rel=1e-6)
    assert found.correct == expected.correct
    assert list(gradients) == list(params)
    for name, gradient in gradients.items():
        assert gradient.dtype == np.float32
        scale = np.abs(slopes[name]).max()
        np.testing.assert_allclose(gradient, slopes[name], rtol=0, atol=ROUNDING * scale)


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


def test_conjugate_gradient_takes_the_same_steps_on_both_engines(digits):
    # The line search compares losses, whose rounding of 1e-7 thus enters the length of each step:
    # over six seeds the weights of five points differ by up to 7e-6 of the largest.
    scratch, pytorch = (
        Training(RECIPE.with_epochs(5), find_engine(name), digits[:480], digits[480:], seed=0)
        for name in ("scratch", "pytorch")
    )
    start = scratch.params()
    for a, b in zip(scratch, pytorch, strict=True):
        assert a.evaluations == b.evaluations
        assert a.accuracy == b.accuracy
        assert a.loss == pytest.approx(b.loss, rel=1e-5)
        expected = scratch.params()
        for name, p in pytorch.params().items():
            largest = np.abs(expected[name]).max()
            np.testing.assert_allclose(p, expected[name], rtol=0, atol=1e-4 * largest)
    assert scratch.complete
    assert pytorch.complete
    assert np.abs(scratch.params()["1.weight"] - start["1.weight"]).max() > 0.01
