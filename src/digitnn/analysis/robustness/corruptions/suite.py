"""Define the corruptions of MNIST-C with their severities, and apply one.

Axes: n images.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.analysis.robustness.corruptions.appearance import (
    brightness,
    fog,
    glass_blur,
    impulse_noise,
    motion_blur,
    shot_noise,
    spatter,
)
from digitnn.analysis.robustness.corruptions.geometry import (
    canny_edges,
    dotted_line,
    rotate,
    scale,
    shear,
    stripe,
    translate,
    zigzag,
)
from digitnn.data.dataset import check_images
from digitnn.errors import UsageError
from digitnn.wording import brief, did_you_mean

BLOCK_IMAGES = 256
"""Images changed at once: few enough to stay in cache."""

Corrupt: TypeAlias = Callable[..., ndarray]
"""Takes raw pixels, a generator and, by name, strengths."""


@dataclass(frozen=True)
class Corruption:
    """A corruption with its severities.

    levels: the function for severity 1, 2, ...; only one if the authors published no others;
    severity: the one in MNIST-C.
    """

    name: str
    levels: tuple[Corrupt, ...]
    severity: int = 1

    def at(self, severity: int | None) -> Corrupt:
        """Return the function for `severity`, MNIST-C's if None. Raises `UsageError`."""
        wanted = self.severity if severity is None else severity
        if type(wanted) is not int or not 1 <= wanted <= len(self.levels):
            raise UsageError(
                f"{self.name}: severity must be a whole number from 1 to {len(self.levels)}, "
                f"got {wanted!r}"
            )
        return self.levels[wanted - 1]


def _levels(corrupt: Corrupt, **strengths: Sequence[float]) -> tuple[Corrupt, ...]:
    """Return `corrupt` with the first, second, ... of each of its strengths."""
    levels = zip(*strengths.values(), strict=True)
    return tuple(partial(corrupt, **dict(zip(strengths, one, strict=True))) for one in levels)


FIFTHS, TENTHS = [s / 5 for s in range(1, 6)], [s / 10 for s in range(1, 6)]

CORRUPTIONS: Mapping[str, Corruption] = {
    one.name: one
    for one in (
        Corruption("shot_noise", _levels(shot_noise, photons=(60, 25, 12, 5, 3)), 5),
        Corruption(
            "impulse_noise", _levels(impulse_noise, share=(0.03, 0.06, 0.09, 0.17, 0.27)), 4
        ),
        Corruption(
            "glass_blur",
            _levels(
                glass_blur,
                sigma=(0.7, 0.9, 1.0, 1.1, 1.5),
                reach=(1, 2, 2, 3, 4),
                rounds=(2, 1, 3, 2, 2),
            ),
            1,
        ),
        Corruption(
            "motion_blur",
            _levels(motion_blur, radius=(10, 15, 15, 15, 20), sigma=(3, 5, 8, 12, 15)),
            1,
        ),
        Corruption("shear", _levels(shear, radians=FIFTHS), 2),
        Corruption("scale", _levels(scale, factor=[1 - share for share in TENTHS]), 3),
        Corruption("rotate", _levels(rotate, radians=FIFTHS), 2),
        Corruption("brightness", _levels(brightness, light=TENTHS), 5),
        Corruption("translate", _levels(translate, pixels=range(1, 6)), 3),
        Corruption("stripe", (stripe,)),
        Corruption(
            "fog",
            _levels(fog, thickness=(1.5, 2, 2.5, 2.5, 3), decay=(2, 2, 1.7, 1.5, 1.4)),
            5,
        ),
        Corruption(
            "spatter",
            _levels(
                spatter,
                mean=(0.65, 0.65, 0.65, 0.65, 0.67),
                spread=(0.3, 0.3, 0.3, 0.3, 0.4),
                drop=(4, 3, 2, 1, 1),
                threshold=(0.69, 0.68, 0.68, 0.65, 0.65),
                softness=(0.6, 0.6, 0.5, 1.5, 1.5),
            ),
            4,
        ),
        Corruption("dotted_line", (dotted_line,)),
        Corruption("zigzag", (zigzag,)),
        Corruption("canny_edges", (canny_edges,)),
    )
}
"""Every corruption by its name, in the paper's order."""


def corrupt(
    images: UInt8[ndarray, "n 28 28"], name: str, seed: int = 0, severity: int | None = None
) -> UInt8[ndarray, "n 28 28"]:
    """Return corrupted `images`; the draws depend on seed, name and an image's position.

    Positions in whole blocks are corrupted alike in arrays of any length. severity: None takes that
    of MNIST-C. Raises `DataError` for anything but raw pixels, `UsageError` for an unknown name,
    severity or seed.

    >>> import numpy as np
    >>> paper = np.zeros((1, 28, 28), np.uint8)
    >>> int(corrupt(paper, "stripe").mean())  # half of it is ink now
    127
    """
    check_images(images, "images to corrupt")
    if name not in CORRUPTIONS:
        known = f"known: {', '.join(CORRUPTIONS)}{did_you_mean(name, CORRUPTIONS)}"
        raise UsageError(f"unknown corruption {brief(name)}; {known}")
    if type(seed) is not int or seed < 0:
        raise UsageError(f"seed must be a whole number of at least 0, got {brief(seed)}")
    apply = CORRUPTIONS[name].at(severity)
    corrupted = np.empty_like(images)
    for start in range(0, len(images), BLOCK_IMAGES):
        rng = np.random.Generator(np.random.SFC64([seed, start, *name.encode()]))
        corrupted[start : start + BLOCK_IMAGES] = apply(images[start : start + BLOCK_IMAGES], rng)
    return corrupted
