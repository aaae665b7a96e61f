"""Small steps up the loss: each pixel moved by at most epsilon so that the image is misread.

Pixels, epsilon and steps are levels of 0..255, and what comes out is whole levels: an image that
could be saved as a file. Wherever papers say epsilon = 0.1 of 0..1, it is 25.5 here.
Axes: n images, h w pixels.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.errors import UsageError
from digitnn.evaluation.evaluation import evaluate
from digitnn.network.network import Classifier

Gradient: TypeAlias = Callable[[ndarray, ndarray], Float32[ndarray, "n h w"]]
"""From images, which may lie between levels, and labels to dL/dpixel of each image's own loss."""

EPSILONS = (4, 8, 16, 32)
PGD_STEPS = 10
IMAGES = 1000
"""The first so many of a split are attacked: each costs some forty ways there and back."""
SEED = 0


@dataclass(frozen=True)
class AdversarialRow:
    """What a classifier did on images moved by at most `epsilon` levels in `steps` steps."""

    attack: str
    epsilon: int
    steps: int
    n: int
    errors: int
    accuracy: float
    interval: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """As plain builtins."""
        return {**vars(self), "interval": list(self.interval)}


def fgsm(
    images: UInt8[ndarray, "n h w"], labels: UInt8[ndarray, " n"], gradient: Gradient, epsilon: int
) -> UInt8[ndarray, "n h w"]:
    """x + epsilon sign(dL/dx), the fast gradient sign method (Goodfellow et al. 2015, sec. 4).

    The step of all within epsilon that raises the loss most, were the loss linear. Kept in 0..255.
    Raises `UsageError` unless epsilon is a whole number from 0 to 255.
    """
    _check(epsilon)
    return _one_step(images, gradient(images, labels), epsilon)


def pgd(
    images: UInt8[ndarray, "n h w"],
    labels: UInt8[ndarray, " n"],
    gradient: Gradient,
    epsilon: int,
    rng: np.random.Generator,
    steps: int = PGD_STEPS,
) -> UInt8[ndarray, "n h w"]:
    """Projected gradient descent, up the loss (Madry et al. 2018, sec. 2.1), from a random start.

    It begins anywhere within epsilon of the image and takes `steps` steps of 2.5 epsilon / steps by
    the sign of the gradient; after each, what left epsilon or 0..255 is brought back to it. In the
    end rounded, which leaves neither, as epsilon is whole.
    """
    _check(epsilon)
    least = np.maximum(images.astype(np.float32) - epsilon, 0)
    most = np.minimum(images.astype(np.float32) + epsilon, 255)
    start = rng.uniform(-epsilon, epsilon, images.shape).astype(np.float32)
    moved = np.clip(images + start, least, most)
    for _ in range(steps):
        moved += np.float32(2.5 * epsilon / steps) * np.sign(gradient(moved, labels))
        np.clip(moved, least, most, out=moved)
    return np.rint(moved).astype(np.uint8)


def attack(
    classifier: Classifier,
    gradient: Gradient,
    dataset: Dataset,
    epsilons: Sequence[int] = EPSILONS,
    n: int = IMAGES,
) -> Iterator[AdversarialRow]:
    """FGSM and PGD at each of `epsilons` on the first `n` images, as they are measured."""
    part = dataset[: min(n, len(dataset))]
    slope = gradient(part.images, part.labels)  # of the images as they are: one for all epsilons
    for epsilon in epsilons:
        _check(epsilon)
        one_step = _one_step(part.images, slope, epsilon)
        yield _row("fgsm", epsilon, 1, classifier, part, one_step)
        rng = np.random.Generator(np.random.SFC64([SEED, epsilon]))
        many_steps = pgd(part.images, part.labels, gradient, epsilon, rng)
        yield _row("pgd", epsilon, PGD_STEPS, classifier, part, many_steps)


def _one_step(
    images: UInt8[ndarray, "n h w"], slope: Float32[ndarray, "n h w"], epsilon: int
) -> UInt8[ndarray, "n h w"]:
    step = epsilon * np.sign(slope).astype(np.int16)
    return np.clip(images + step, 0, 255).astype(np.uint8)


def _row(
    name: str, epsilon: int, steps: int, classifier: Classifier, part: Dataset, images: ndarray
) -> AdversarialRow:
    evaluation = evaluate(classifier, Dataset(images, part.labels, part.name))
    return AdversarialRow(
        name,
        epsilon,
        steps,
        evaluation.n,
        evaluation.errors,
        evaluation.accuracy,
        evaluation.interval,
    )


def _check(epsilon: int) -> None:
    if type(epsilon) is not int or not 0 <= epsilon <= 255:
        raise UsageError(f"epsilon must be a whole number from 0 to 255 levels, got {epsilon!r}")
