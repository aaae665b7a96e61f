"""Bodies chained into lines of writing from left to right, each line going on as it came.

Axes: m bodies, boxes left, top, right, bottom.
"""

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

NEIGHBOURS = 4
"""Bodies at a line's end that say where it goes on."""

OFF = 0.7
"""A body's middle is at most this share of a digit's height off the line's way."""

FAR = 0.01
"""What each height of a digit in between counts: of two lines that would do, the nearer."""


def chains_of(boxes: Int64[ndarray, "m 4"]) -> list[list[int]]:
    """The numbers of the bodies of each line, from left to right."""
    chains: list[list[int]] = []
    for number in np.argsort(boxes[:, 0], kind="stable"):
        misfits = [_misfit(boxes[chain[-NEIGHBOURS:]], boxes[number]) for chain in chains]
        if misfits and min(misfits) < 1:
            chains[int(np.argmin(misfits))].append(int(number))
        else:
            chains.append([int(number)])
    return chains


def _misfit(last: Int64[ndarray, "m 4"], body: Int64[ndarray, " 4"]) -> float:
    """How far off the line's way `body` is; below 1 it may belong to the line that ends in `last`.

    The way is the straight line through the middles of the last few, level where there is but one.
    """
    x, y = (last[:, 0] + last[:, 2]) / 2, (last[:, 1] + last[:, 3]) / 2
    height = float(max(np.median(last[:, 3] - last[:, 1]), 1))
    centred = x - x.mean()
    # A ridge of a digit's height: two neighbours of different size hardly turn the line.
    slope = float((centred * (y - y.mean())).sum() / ((centred**2).sum() + height**2))
    expected = y.mean() + slope * ((body[0] + body[2]) / 2 - x.mean())
    off = abs((body[1] + body[3]) / 2 - expected)
    gap = max(float(body[0] - last[-1, 2]), 0.0)
    return float(off / (OFF * max(height, 0.7 * (body[3] - body[1]))) + FAR * gap / height)
