"""The losses of the from-scratch engine against three oracles; a new loss is one line of CASES."""

from dataclasses import dataclass
from math import log

import numpy as np
import pytest
import torch
from gradients import assert_is_gradient

from digitnn.engines.pytorch.engine import LOSSES as PYTORCH_LOSSES
from digitnn.engines.scratch.losses import LOSSES
from digitnn.network.layers import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy


@dataclass(frozen=True)
class Case:
    """A loss, and its value and gradient known by hand for one image of class 0."""

    loss: Loss
    logits: list
    value: float
    dlogits: list

    def __call__(self, logits, labels):
        return LOSSES[type(self.loss)](self.loss, logits, labels)


THIRDS = [log(2), 0, 0]  # softmax: 1/2, 1/4, 1/4

CASES = [
    Case(SoftmaxCrossEntropy(), THIRDS, log(2), [-0.5, 0.25, 0.25]),
    Case(SoftmaxCrossEntropy(label_smoothing=0.3), THIRDS, 1.2 * log(2), [-0.3, 0.15, 0.15]),
    Case(
        SoftmaxCrossEntropy(no_digit=True), [log(2), -log(2), -log(2)], log(2), [-0.5, 1 / 8, 1 / 8]
    ),
    Case(SigmoidCrossEntropy(), [log(3), -log(3), 0], log(16 / 9) + log(2), [-0.25, 0.25, 0.5]),
]

every_loss = pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.loss))


def random_batch(rng):
    """Logits and labels of 7 images of 10 classes."""
    return 3 * rng.normal(size=(7, 10)), rng.integers(0, 10, 7).astype(np.uint8)


def test_every_loss_of_both_engines_is_in_the_table():
    assert {type(case.loss) for case in CASES} == LOSSES.keys() == PYTORCH_LOSSES.keys()


@every_loss
def test_value_and_gradient_are_those_known_by_hand_summed_over_images(case):
    value, dlogits = case(np.array([case.logits, case.logits]), np.zeros(2, np.uint8))
    np.testing.assert_allclose(value, 2 * case.value, rtol=1e-14)
    np.testing.assert_allclose(dlogits, [case.dlogits, case.dlogits], rtol=1e-14)


def test_what_is_no_digit_has_the_logit_0_and_pulls_down_all_others():
    loss = SoftmaxCrossEntropy(no_digit=True)
    logits, label = np.array([[log(2), -log(2), -log(2)]]), np.array([3], np.uint8)
    value, dlogits = LOSSES[SoftmaxCrossEntropy](loss, logits, label)
    np.testing.assert_allclose(value, log(4))
    np.testing.assert_allclose(dlogits, [[0.5, 1 / 8, 1 / 8]])
    tensor = torch.tensor(logits, requires_grad=True)
    theirs = PYTORCH_LOSSES[SoftmaxCrossEntropy](loss, tensor, torch.tensor([3]))
    theirs.backward()
    np.testing.assert_allclose(theirs.item(), value)
    np.testing.assert_allclose(tensor.grad, dlogits)


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.9])
def test_uniform_logits_give_ln_10_an_image(smoothing):
    value, _ = LOSSES[SoftmaxCrossEntropy](
        SoftmaxCrossEntropy(smoothing), np.full((4, 10), 2.5), np.arange(4, dtype=np.uint8)
    )
    np.testing.assert_allclose(value, 4 * log(10), rtol=1e-14)


def test_zero_logits_give_ln_2_a_unit():
    value, dlogits = LOSSES[SigmoidCrossEntropy](
        SigmoidCrossEntropy(), np.zeros((4, 10)), np.arange(4, dtype=np.uint8)
    )
    np.testing.assert_allclose(value, 4 * 10 * log(2), rtol=1e-14)
    np.testing.assert_array_equal(dlogits, 0.5 - np.eye(10)[:4])


@every_loss
def test_the_gradient_is_the_slope_of_finite_differences(case, rng):
    logits, labels = random_batch(rng)
    _, dlogits = case(logits, labels)
    assert_is_gradient(dlogits, lambda z: case(z, labels)[0], logits, rng)


@pytest.mark.engines
@every_loss
def test_value_and_gradient_are_those_of_pytorch(case, rng):
    logits, labels = random_batch(rng)
    value, dlogits = case(logits, labels)
    z = torch.tensor(logits, requires_grad=True)
    expected = PYTORCH_LOSSES[type(case.loss)](case.loss, z, torch.tensor(labels).long())
    expected.backward()
    np.testing.assert_allclose(value, expected.item(), rtol=1e-13)
    np.testing.assert_allclose(dlogits, z.grad.numpy(), rtol=1e-12, atol=1e-15)


@every_loss
def test_single_precision_stays_single_and_the_logits_stay_as_they_are(case, rng):
    logits, labels = random_batch(rng)
    logits = logits.astype(np.float32)
    before = logits.copy()
    value, dlogits = case(logits, labels)
    assert type(value) is float
    assert dlogits.dtype == np.float32
    np.testing.assert_array_equal(logits, before)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (SoftmaxCrossEntropy(), 1e6),
        (SoftmaxCrossEntropy(label_smoothing=0.3), 1.1e6),
        (SigmoidCrossEntropy(), 1e6 + 4 * log(2)),
    ],
)
def test_an_overwhelming_logit_costs_its_size_if_wrong_and_nothing_overflows(loss, expected):
    logits = np.array([[0, 1e6, 0], [1e6, 0, 0]], np.float32)
    value, dlogits = LOSSES[type(loss)](loss, logits, np.zeros(2, np.uint8))
    np.testing.assert_allclose(value, expected, rtol=1e-7)
    assert np.isfinite(dlogits).all()
