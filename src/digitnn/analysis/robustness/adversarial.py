"""Attack a classifier with adversarial images: each pixel moves by at most epsilon.

Pixels and epsilon are levels of 0..255, and the attacked images are whole levels, so that each
could be saved as a file. An epsilon of 0.1 in papers with pixels of 0..1 is 25.5 here.
Axes: n images, h w pixels.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.errors import UsageError
from digitnn.evaluation.evaluation import evaluate
from digitnn.network.network import Classifier

PixelGradient: TypeAlias = Callable[[ndarray, ndarray], Float32[ndarray, "n h w"]]
"""Maps images, integer or not, and labels to dL/dpixel of each image's own loss."""

EPSILONS = (4, 8, 16, 32)
PGD_STEPS = 10
MAX_ATTACKED_IMAGES = 1000
"""Only the first images of a split are attacked: each costs some forty gradients."""
ATTACK_SEED = 0


@dataclass(frozen=True)
class AdversarialRow:
    """Accuracy of a classifier on images moved by at most `epsilon` levels in `steps` steps."""

    attack: str
    epsilon: int
    steps: int
    n: int
    errors: int
    accuracy: float
    interval: tuple[float, float]


def fgsm(
    images: UInt8[ndarray, "n h w"], gradient: Float32[ndarray, "n h w"], epsilon: int
) -> UInt8[ndarray, "n h w"]:
    """Return x + epsilon sign(dL/dx), clipped to 0..255 (Goodfellow et al. 2015, sec. 4).

    If the loss were linear, no other change within epsilon would raise it more.

    Args:
        gradient: dL/dpixel at `images`; it does not depend on epsilon.
        epsilon: a whole number from 0 to 255 levels; `UsageError` otherwise.
    """
    _check_epsilon(epsilon)
    step = epsilon * np.sign(gradient).astype(np.int16)
    return np.clip(images + step, 0, 255).astype(np.uint8)


def pgd(
    images: UInt8[ndarray, "n h w"],
    labels: UInt8[ndarray, " n"],
    gradient_of: PixelGradient,
    epsilon: int,
    rng: np.random.Generator,
    steps: int = PGD_STEPS,
) -> UInt8[ndarray, "n h w"]:
    """Attack by projected gradient ascent on the loss (Madry et al. 2018, sec. 2.1).

    Starts at random within epsilon of each image, then takes `steps` steps of 2.5 epsilon / steps
    in the direction of the gradient's sign. Each step is clipped to epsilon and to 0..255; the
    final rounding stays within both, since epsilon is a whole number. Otherwise `UsageError`.
    """
    _check_epsilon(epsilon)
    lower = np.maximum(images.astype(np.float32) - epsilon, 0)
    upper = np.minimum(images.astype(np.float32) + epsilon, 255)
    start = rng.uniform(-epsilon, epsilon, images.shape).astype(np.float32)
    attacked = np.clip(images + start, lower, upper)
    for _ in range(steps):
        attacked += np.float32(2.5 * epsilon / steps) * np.sign(gradient_of(attacked, labels))
        np.clip(attacked, lower, upper, out=attacked)
    return np.rint(attacked).astype(np.uint8)


def measure_attacks(
    classifier: Classifier,
    gradient_of: PixelGradient,
    dataset: Dataset,
    epsilons: Sequence[int] = EPSILONS,
    n: int = MAX_ATTACKED_IMAGES,
) -> Iterator[AdversarialRow]:
    """Yield the accuracy under FGSM and PGD for each epsilon, on the first `n` images."""
    part = dataset[: min(n, len(dataset))]
    gradient = gradient_of(part.images, part.labels)
    for epsilon in epsilons:
        yield _row("fgsm", epsilon, 1, classifier, part, fgsm(part.images, gradient, epsilon))
        rng = np.random.Generator(np.random.SFC64([ATTACK_SEED, epsilon]))
        attacked = pgd(part.images, part.labels, gradient_of, epsilon, rng)
        yield _row("pgd", epsilon, PGD_STEPS, classifier, part, attacked)


def _row(
    attack: str, epsilon: int, steps: int, classifier: Classifier, part: Dataset, images: ndarray
) -> AdversarialRow:
    evaluation = evaluate(classifier, Dataset(images, part.labels, part.name))
    return AdversarialRow(
        attack,
        epsilon,
        steps,
        evaluation.n,
        evaluation.errors,
        evaluation.accuracy,
        evaluation.interval,
    )


def _check_epsilon(epsilon: int) -> None:
    if type(epsilon) is not int or not 0 <= epsilon <= 255:
        raise UsageError(f"epsilon must be a whole number from 0 to 255 levels, got {epsilon!r}")
