"""Define the corruptions of MNIST-C with their severities, and apply one.

Axes: n images.
"""

from collections.abc import Callable, Mapping
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

Corrupt: TypeAlias = Callable[[ndarray, np.random.Generator], ndarray]


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


CORRUPTIONS: Mapping[str, Corruption] = {
    one.name: one
    for one in (
        Corruption(
            "shot_noise", tuple(partial(shot_noise, photons=p) for p in (60, 25, 12, 5, 3)), 5
        ),
        Corruption(
            "impulse_noise",
            tuple(partial(impulse_noise, share=s) for s in (0.03, 0.06, 0.09, 0.17, 0.27)),
            4,
        ),
        Corruption(
            "glass_blur",
            tuple(
                partial(glass_blur, sigma=sigma, reach=reach, rounds=rounds)
                for sigma, reach, rounds in (
                    (0.7, 1, 2),
                    (0.9, 2, 1),
                    (1.0, 2, 3),
                    (1.1, 3, 2),
                    (1.5, 4, 2),
                )
            ),
            1,
        ),
        Corruption(
            "motion_blur",
            tuple(
                partial(motion_blur, radius=radius, sigma=sigma)
                for radius, sigma in ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))
            ),
            1,
        ),
        Corruption("shear", tuple(partial(shear, radians=s / 5) for s in range(1, 6)), 2),
        Corruption("scale", tuple(partial(scale, factor=1 - s / 10) for s in range(1, 6)), 3),
        Corruption("rotate", tuple(partial(rotate, radians=s / 5) for s in range(1, 6)), 2),
        Corruption("brightness", tuple(partial(brightness, light=s / 10) for s in range(1, 6)), 5),
        Corruption("translate", tuple(partial(translate, pixels=s) for s in range(1, 6)), 3),
        Corruption("stripe", (stripe,)),
        Corruption(
            "fog",
            tuple(
                partial(fog, thickness=thickness, decay=decay)
                for thickness, decay in ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))
            ),
            5,
        ),
        Corruption(
            "spatter",
            tuple(
                partial(spatter, mean=m, spread=s, drop=d, threshold=t, softness=f)
                for m, s, d, t, f in (
                    (0.65, 0.3, 4, 0.69, 0.6),
                    (0.65, 0.3, 3, 0.68, 0.6),
                    (0.65, 0.3, 2, 0.68, 0.5),
                    (0.65, 0.3, 1, 0.65, 1.5),
                    (0.67, 0.4, 1, 0.65, 1.5),
                )
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
