"""What the page network shall answer for a scene: a map of centres, boxes and characters.

Axes: y x cells of `STRIDE` x `STRIDE` pixels.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64
from numpy import ndarray

from digitnn.reader.page.network import CHARACTERS, OTHER, STRIDE, box_code
from tools.page_reader.projection import SIDE
from tools.page_reader.scenes import MIN_VISIBLE, Scene

FOUND_HEIGHTS, IGNORED_HEIGHTS = (12.0, 40.0), (9.0, 56.0)
"""Digit heights in pixels that are found at this scale, and those that may be found."""

CLOSER_HEIGHTS, MAYBE_CLOSER_HEIGHTS = (4.5, 11.0), (3.0, 16.0)
"""Digit heights that ask for a closer look, and those that may."""

CELLS = SIDE // STRIDE


@dataclass(frozen=True, eq=False)
class Targets:
    """The answers for one scene.

    centres: 1 at the cell of a glyph's centre, falling off around it; counted: 0 where nothing is
    asked; boxes: what `box_code` gives; characters: an index into `CHARACTERS`, or `OTHER`;
    weights: how much the box and the character of a cell count; closer: 1 where writing is too
    small to be read at this scale; closer_counted: 0 where it may be.
    """

    centres: Float32[ndarray, "y x"]
    counted: Float32[ndarray, "y x"]
    boxes: Float32[ndarray, "4 y x"]
    characters: Int64[ndarray, "y x"]
    weights: Float32[ndarray, "2 y x"]
    closer: Float32[ndarray, "y x"]
    closer_counted: Float32[ndarray, "y x"]


def targets_of(scene: Scene) -> Targets:
    """Return the answers; Gaussian centres as in "Objects as Points" (Zhou et al. 2019)."""
    y, x = np.indices((CELLS, CELLS), np.float32) + np.float32(0.5)
    centres, counted = np.zeros((CELLS, CELLS), np.float32), np.ones((CELLS, CELLS), np.float32)
    boxes, characters = np.zeros((4, CELLS, CELLS), np.float32), np.zeros((CELLS, CELLS), np.int64)
    weights, nearest = np.zeros((2, CELLS, CELLS), np.float32), np.zeros((CELLS, CELLS), np.float32)
    closer, closer_counted = np.zeros_like(centres), np.ones_like(centres)
    rows = zip(scene.boxes, scene.characters, scene.heights, scene.visible, strict=True)
    for box, character, height, visible in rows:
        left, top, right, bottom = box / STRIDE
        middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
        tall = height / STRIDE
        if MAYBE_CLOSER_HEIGHTS[0] <= height <= MAYBE_CLOSER_HEIGHTS[1] and visible > 0:
            part = np.s_[max(int(top), 0) : int(bottom) + 1, max(int(left), 0) : int(right) + 1]
            if CLOSER_HEIGHTS[0] <= height <= CLOSER_HEIGHTS[1] and character:
                closer[part] = 1
            else:
                closer_counted[part] = 0
        if not IGNORED_HEIGHTS[0] <= height <= IGNORED_HEIGHTS[1]:
            continue
        sx = max(0.18 * min(right - left, tall), 0.45)
        sy = max(0.18 * min(bottom - top, tall), 0.45)
        y0, y1 = max(int(middle_y - 3 * sy) - 1, 0), min(int(middle_y + 3 * sy) + 2, CELLS)
        x0, x1 = max(int(middle_x - 3 * sx) - 1, 0), min(int(middle_x + 3 * sx) + 2, CELLS)
        if y0 >= y1 or x0 >= x1:
            continue
        part = np.s_[y0:y1, x0:x1]
        bump = np.exp(-(((x[part] - middle_x) / sx) ** 2 + ((y[part] - middle_y) / sy) ** 2) / 2)
        real = FOUND_HEIGHTS[0] <= height <= FOUND_HEIGHTS[1] and visible >= MIN_VISIBLE
        if not (real and character):
            counted[part] = np.where(bump > 0.05, 0, counted[part])
        if not real:
            continue
        if character:
            centres[part] = np.maximum(centres[part], bump)
            cell = int(middle_y), int(middle_x)
            if 0 <= cell[0] < CELLS and 0 <= cell[1] < CELLS:
                centres[cell] = 1
        own = (bump > 0.4) & (bump > nearest[part])
        nearest[part][own] = bump[own]
        code = box_code(box, x[part][own], y[part][own])
        boxes[:, y0:y1, x0:x1][:, own] = code
        known = character in CHARACTERS if character else False
        characters[part][own] = CHARACTERS.index(character) if known else OTHER
        weights[0][part][own] = bump[own] if character else 0
        weights[1][part][own] = bump[own]
    closer_counted = np.maximum(closer_counted, closer)
    return Targets(centres, counted, boxes, characters, weights, closer, closer_counted)
