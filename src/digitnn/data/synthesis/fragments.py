"""Non-digits that wrong segmentation produces: halves of digits, and two touching digits.

Axes: n images, h w pixels.
"""

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from digitnn.data.augmentation.resampling import bounding_boxes, fit_to_image
from digitnn.data.dataset import SIDE, Dataset

MAY_BE_DIGITS = {
    "left": (0, 1, 4, 5, 6),
    "right": (0, 1, 3, 4, 5, 7, 8, 9),
    "top": (1, 2, 3, 4, 6, 7, 8, 9),
    "bottom": (1, 2, 4, 6, 7, 8, 9),
}
"""Digits of which this half may be a digit too: a 9's upper half is a 0, its lower half a 1, a
slanted 5's left half a 5."""


def half_digits(digits: Dataset, n: int, rng: np.random.Generator) -> UInt8[ndarray, "n 28 28"]:
    """Return `n` halves (38 to 52 %) of digits whose half cannot be a digit."""
    found = []
    for side, apart in MAY_BE_DIGITS.items():
        usable = np.flatnonzero(~np.isin(digits.labels, apart))
        images = digits.images[rng.choice(usable, -(-n // 4))].astype(np.float32) / 255
        axis = 1 if side in ("left", "right") else 0
        starts, extents = bounding_boxes(images > 0.3)
        share = rng.uniform(0.38, 0.52, len(images))
        first = side in ("left", "top")
        edge = starts[:, axis] + extents[:, axis] * (share if first else 1 - share)
        before = np.arange(SIDE) + 0.5 < edge[:, None]
        kept = before if first else ~before
        found.append(images * (kept[:, None, :] if axis else kept[:, :, None]))
    return fit_to_image(np.concatenate(found)[:n])


def touching_pairs(digits: Dataset, n: int, rng: np.random.Generator) -> UInt8[ndarray, "n 28 28"]:
    """Return `n` pairs of digits, the second moved left until it touches the first, or further."""
    chosen = rng.integers(len(digits), size=(n, 2))
    pairs = digits.images[chosen].astype(np.float32) / 255
    # A 1 that overlaps the other digit may turn it into a 4 or an 8.
    most = np.where((digits.labels[chosen] == 1).any(axis=1), 2, 4)
    pages = np.zeros((n, 2 * SIDE, 2 * SIDE), np.float32)
    for page, (first, second), further in zip(pages, pairs, most, strict=True):
        overlap = min(
            _until_they_touch(first > 0.3, second > 0.3) + int(rng.integers(further)), SIDE
        )
        down = int(rng.integers(-3, 4)) + SIDE // 2
        page[SIDE // 2 : SIDE // 2 + SIDE, :SIDE] = first
        at = page[down : down + SIDE, SIDE - overlap : 2 * SIDE - overlap]
        np.maximum(at, second, out=at)
    return fit_to_image(pages)


def _until_they_touch(first: Bool[ndarray, "h w"], second: Bool[ndarray, "h w"]) -> int:
    """Return by how many pixels the frames overlap when their ink first meets in a row."""
    right = SIDE - first[:, ::-1].argmax(axis=1)
    left = second.argmax(axis=1)
    both = first.any(axis=1) & second.any(axis=1)
    gaps = (SIDE - right + left)[both]
    return int(gaps.min()) + 1 if gaps.size else 8
