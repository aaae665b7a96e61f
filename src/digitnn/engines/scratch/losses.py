"""The losses of the from-scratch engine: each returns a sum over images and its gradient.

Each takes logits, not probabilities: softmax or sigmoid is fused with the logarithm, so nothing
overflows and nothing is clipped. Sums rather than means, so that blocks of images can be added;
a sum is float64 whatever the type of the logits.
Equations: Bishop, Pattern Recognition and Machine Learning, 2006.
Axes: n images, k classes.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from digitnn.network.layers import Loss, SigmoidCrossEntropy, SoftmaxCrossEntropy

LossFunction: TypeAlias = Callable[[Any, ndarray, ndarray], tuple[float, ndarray]]


def softmax_cross_entropy(
    loss: SoftmaxCrossEntropy, logits: Float[ndarray, "n k"], labels: UInt8[ndarray, " n"]
) -> tuple[float, Float[ndarray, "n k"]]:
    """L = -sum_nk t[n, k] log p[n, k] in nats, where p = softmax(logits).

    t is 1 - e + e / k at the label and e / k elsewhere, e being the label smoothing. With z the
    logits, log p = z - logsumexp(z). The gradient of logsumexp is p and t sums to 1, so
    dL/dz = p - t. Uniform logits give n ln k. (Bishop 2006, eq. 4.108 and 4.109.) With
    `loss.no_digit` a further logit, fixed at 0, stands for a non-digit: it counts in p, and the
    gradient has no column for it.
    """
    if loss.no_digit:
        logits = np.pad(logits, ((0, 0), (0, 1)))
    rows, e, k = np.arange(len(labels)), loss.label_smoothing, logits.shape[1]
    shifted = logits - logits.max(axis=1, keepdims=True)
    dlogits = np.exp(shifted)
    total = dlogits.sum(axis=1, keepdims=True)
    value = np.log(total).sum(dtype=np.float64)
    value -= (1 - e) * shifted[rows, labels].sum(dtype=np.float64)
    dlogits /= total
    dlogits[rows, labels] -= 1 - e
    if e:
        value -= e / k * shifted.sum(dtype=np.float64)
        dlogits -= e / k
    return float(value), np.ascontiguousarray(dlogits[:, :-1]) if loss.no_digit else dlogits


def sigmoid_cross_entropy(
    loss: SigmoidCrossEntropy, logits: Float[ndarray, "n k"], labels: UInt8[ndarray, " n"]
) -> tuple[float, Float[ndarray, "n k"]]:
    """L = -sum_nk [t log s + (1 - t) log(1 - s)] in nats: each unit decides for itself.

    s = sigmoid(z) of the logits z, t = onehot(label). As -log s = log(1 + exp(-z)) and
    -log(1 - s) = -log s + z, a term is log(1 + exp(-z)) + (1 - t) z, which is computed as
    log(1 + exp(-|z|)) + max(z, 0) - t z. Its derivative is s - t. Zero logits give n k ln 2.
    (Bishop 2006, eq. 4.90 and 4.91.)
    """
    rows = np.arange(len(labels))
    decay = np.exp(-np.abs(logits))
    value = np.log1p(decay).sum(dtype=np.float64)
    value += np.maximum(logits, 0).sum(dtype=np.float64)
    value -= logits[rows, labels].sum(dtype=np.float64)
    dlogits = np.where(logits >= 0, 1, decay)
    dlogits /= 1 + decay
    dlogits[rows, labels] -= 1
    return float(value), dlogits


LOSSES: Mapping[type[Loss], LossFunction] = {
    SoftmaxCrossEntropy: softmax_cross_entropy,
    SigmoidCrossEntropy: sigmoid_cross_entropy,
}
"""The function of each loss description."""
