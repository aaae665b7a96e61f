"""A bilevel mark thinned to lines of one pixel (Zhang and Suen 1984).

Axes: h w pixels.
"""

import numpy as np
from jaxtyping import Bool, Int
from numpy import ndarray


def thin(mark: Bool[ndarray, "h w"]) -> Bool[ndarray, "h w"]:
    """The skeleton of `mark`: rims are taken off from two sides in turn until nothing changes.

    A pixel goes if it has 2 to 6 neighbours, they form one arc, and it lies on the side whose turn
    it is.
    """
    ink = np.pad(mark, 1)
    while True:
        before = int(ink.sum())
        for first in (True, False):
            p = neighbours(ink)
            count = p.sum(axis=0)
            arcs = ((p == 0) & (np.roll(p, -1, axis=0) == 1)).sum(axis=0)
            north, east, south, west = p[0], p[2], p[4], p[6]
            if first:
                side = (north * east * south == 0) & (east * south * west == 0)
            else:
                side = (north * east * west == 0) & (north * south * west == 0)
            gone = ink[1:-1, 1:-1] & (count >= 2) & (count <= 6) & (arcs == 1) & side
            ink[1:-1, 1:-1] &= ~gone
        if int(ink.sum()) == before:
            return ink[1:-1, 1:-1]


def neighbours(framed: Bool[ndarray, "H W"]) -> Int[ndarray, "8 h w"]:
    """The eight neighbours of every pixel inside the frame, clockwise from north, 0 or 1."""
    h, w = framed.shape[0] - 2, framed.shape[1] - 2
    steps = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))
    return np.stack([framed[y : y + h, x : x + w] for y, x in steps]).astype(np.int8)
