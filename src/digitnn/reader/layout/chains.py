"""Bodies chained into lines of writing from left to right, each line going on as it came.

Axes: m bodies, boxes left, top, right, bottom.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

NEIGHBOURS = 4
"""Bodies at a line's end that say where it goes on."""

OFF = 0.7
"""A body's middle is at most this share of a digit's height off the line's way."""

FAR = 0.01
"""What each height of a digit in between counts: of two lines that would do, the nearer."""


@dataclass(frozen=True)
class Way:
    """Where a line goes on: through x, y with a slope; height: a digit's; end: its right side."""

    x: float
    y: float
    slope: float
    height: float
    end: float

    def misfit(self, left: float, top: float, right: float, bottom: float) -> float:
        """How far off this way a body is; below 1 it may belong to the line."""
        off = abs((top + bottom) / 2 - self.y - self.slope * ((left + right) / 2 - self.x))
        gap = max(left - self.end, 0.0)
        return off / (OFF * max(self.height, 0.7 * (bottom - top))) + FAR * gap / self.height


def chains_of(boxes: Int64[ndarray, "m 4"]) -> list[list[int]]:
    """The numbers of the bodies of each line, from left to right."""
    chains: list[list[int]] = []
    ways: list[Way] = []
    for number in np.argsort(boxes[:, 0], kind="stable").tolist():
        left, top, right, bottom = boxes[number].tolist()
        misfits = [way.misfit(left, top, right, bottom) for way in ways]
        if misfits and min(misfits) < 1:
            best = misfits.index(min(misfits))
            chains[best].append(number)
            ways[best] = _way(boxes[chains[best][-NEIGHBOURS:]])
        else:
            chains.append([number])
            ways.append(_way(boxes[[number]]))
    return chains


def _way(last: Int64[ndarray, "m 4"]) -> Way:
    """Through the middles of a line's last bodies; level where there is but one."""
    x, y = (last[:, 0] + last[:, 2]) / 2, (last[:, 1] + last[:, 3]) / 2
    height = float(max(np.median(last[:, 3] - last[:, 1]), 1))
    centred = x - x.mean()
    # A ridge of a digit's height: two neighbours of different size hardly turn the line.
    slope = float((centred * (y - y.mean())).sum() / ((centred**2).sum() + height**2))
    return Way(float(x.mean()), float(y.mean()), slope, height, float(last[-1, 2]))
