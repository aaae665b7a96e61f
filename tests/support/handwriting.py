"""Pages of numbers written in the hand-made strokes of the beds: no data set is needed."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from benchmarks.beds.layout import scale_upright
from benchmarks.beds.pens import Place, draw
from benchmarks.beds.styles import STYLES, written

HAND = {
    digit: STYLES[name]
    for digit, name in enumerate(
        ("0, overshooting", "1, long up-stroke", "2, angular", "3, flat top", "4, closed",
         "5, in one", "6, long stem", "7, serif", "8, in one", "9, straight tail")
    )
}  # fmt: skip
"""One style of each digit."""


@dataclass(frozen=True, eq=False)
class Page:
    """A written page. grey: black ink on white paper; boxes: of each digit's ink, in order."""

    grey: ndarray
    boxes: ndarray


def write(text: str, seed: int = 0, high: float = 48, pen: float = 0.09) -> Page:
    """Write lines of numbers; each digit is `high` pixels high, the pen that share of it wide."""
    rng = np.random.default_rng(seed)
    strokes, boxes, bottom, far = [], [], high, 0.0
    for line in text.split("\n"):
        bottom, x = bottom + 0.5 * high, high
        for character in line:
            if character == " ":
                x += high
                continue
            glyph = scale_upright(written(HAND[int(character)], rng), 0.05, high)
            own = [stroke + np.array([x, bottom]) for stroke in glyph]
            points = np.concatenate(own)
            low, most = points.min(axis=0) - pen * high / 2, points.max(axis=0) + pen * high / 2
            strokes += own
            boxes.append([*low, *most])
            x = most[0] + 0.25 * high
        bottom, far = bottom + high, max(far, x)
    shape = (round(bottom), round(far + high))
    ink = draw(tuple(strokes), shape, Place(0, 0, 1), pen * high, rng)
    return Page(np.rint(255 - 255 * ink).astype(np.uint8), np.array(boxes))
