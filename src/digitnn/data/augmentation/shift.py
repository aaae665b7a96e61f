"""Training images moved by whole pixels: the cheapest way to see more of them than there are.

Nothing is sampled, so nothing is blurred; a batch costs little more than a copy of itself.
Axes: n images, h w pixels.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view

from digitnn.errors import UsageError


@dataclass(frozen=True)
class Shift:
    """How far an image may be moved: each draws its own whole number of pixels, down and across.

    pixels: up to this many, either way, all equally likely.
    """

    pixels: int = 1

    def __post_init__(self) -> None:
        if type(self.pixels) is not int or not 0 <= self.pixels <= 28:
            raise UsageError(
                f"Shift: pixels must be a whole number from 0 to 28, got {self.pixels!r}"
            )


def shift(
    images: UInt8[ndarray, "n h w"], limits: Shift, rng: np.random.Generator
) -> UInt8[ndarray, "n h w"]:
    """Each of `images` moved in its own way. What comes in from outside is paper, 0.

    >>> digits = np.full((2, 28, 28), 255, np.uint8)
    >>> bool((shift(digits, Shift(0), np.random.default_rng(0)) == digits).all())
    True
    """
    n, h, w = images.shape
    p = limits.pixels
    framed = np.pad(images, ((0, 0), (p, p), (p, p)))
    down, across = rng.integers(2 * p + 1, size=(2, n))
    windows = sliding_window_view(framed, (h, w), axis=(1, 2))  # n, start row, start column, h, w
    return windows[np.arange(n), down, across]
