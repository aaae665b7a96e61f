"""The windows that the glyph network learns from: glyphs of scenes, and what is no glyph.

Half of them are what the page network reports in the scene, right or wrong; the others are the true
boxes, moved and stretched a little, and boxes of halves, of pairs, and of nothing.
Axes: h w pixels, n windows.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int64, UInt8
from numpy import ndarray
from numpy.random import Generator

from digitnn.reader.page.glyph_network import NONE, windows
from digitnn.reader.page.network import CHARACTERS, OTHER, PageNetwork, decode
from tools.page_reader.scenes import MIN_VISIBLE, Scene

MIN_HEIGHT = 7.0
"""Height in pixels below which a digit of a scene cannot be read."""

SAME_WITHIN, OTHER_BEYOND = 0.25, 0.33
"""A box is of the glyph no edge of which is further off than the first, in longer sides of the
glyph. It is of no glyph if an edge of each is further off than the second, and unclear between."""

LEAST_SCALE = 0.3
"""A longer side counts as at least this share of a digit's height: symbols are found less exactly
than they are large."""

MIN_SCORE = 0.15
"""Probability of a glyph from which the page network's boxes are looked at."""

TURNED = 0.06
"""Share of the scenes that are turned by a quarter, a half or three quarters."""

NO_DIGIT_TURNED = {1: "23457", 2: "347", 3: "23457"}
"""Digits that are none after so many quarter turns; what the others are then is not asked."""

MOVED, STRETCHED = 0.05, 0.07
"""Standard deviations of a box's place, in longer sides, and of the logs of its sides."""


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows and their classes: indices into `CLASSES` of the glyph network."""

    images: UInt8[ndarray, "n 40 40"]
    characters: Int64[ndarray, " n"]


def windows_of(scene: Scene, network: PageNetwork, rng: Generator) -> Windows:
    """Return the windows of a scene."""
    if rng.random() < TURNED:
        return turned_windows(scene, int(rng.integers(1, 4)), rng)
    boxes = [moved(scene.boxes, rng), false_boxes(scene, rng)]
    boxes.append(decode(network(scene.picture), MIN_SCORE).boxes)
    every = np.concatenate(boxes)
    others = true_characters(np.concatenate(boxes[1:]), scene)
    truth = np.concatenate([clear_characters(scene), others])
    known = truth >= 0
    return Windows(windows(scene.picture, every[known]), truth[known])


def turned_windows(scene: Scene, quarters: int, rng: Generator) -> Windows:
    """Return digits of a scene turned anticlockwise, which are digits no longer."""
    asked = [
        index < OTHER and CHARACTERS[index] in NO_DIGIT_TURNED[quarters]
        for index in clear_characters(scene)
    ]
    boxes, picture = scene.boxes[np.array(asked, bool)], scene.picture
    for _ in range(quarters):  # (x, y) comes to (y, w - x)
        w = picture.shape[1]
        picture = np.rot90(picture)
        boxes = np.stack([boxes[:, 1], w - boxes[:, 2], boxes[:, 3], w - boxes[:, 0]], axis=1)
    images = windows(np.ascontiguousarray(picture), moved(boxes, rng))
    return Windows(images, np.full(len(images), OTHER, np.int64))


def moved(boxes: Float32[ndarray, "n 4"], rng: Generator) -> Float32[ndarray, "n 4"]:
    """Return boxes as inexact as a detector's."""
    sides, middles = boxes[:, 2:] - boxes[:, :2], (boxes[:, :2] + boxes[:, 2:]) / 2
    longer = sides.max(axis=1, keepdims=True)
    middles = middles + MOVED * longer * rng.standard_normal(middles.shape)
    half = sides * np.exp(STRETCHED * rng.standard_normal(sides.shape)) / 2
    return np.concatenate([middles - half, middles + half], axis=1).astype(np.float32)


def false_boxes(scene: Scene, rng: Generator) -> Float32[ndarray, "m 4"]:
    """Return boxes of halves of glyphs, of neighbours together, and of any place."""
    h, w = scene.picture.shape
    found = []
    boxes = scene.boxes
    for k in rng.permutation(len(boxes))[: len(boxes) // 6]:
        left, top, right, bottom = boxes[k]
        other = boxes[k + 1] if k + 1 < len(boxes) else boxes[k]
        cut = rng.uniform(0.35, 0.6)
        x, y = left + cut * (right - left), top + cut * (bottom - top)
        found.append((
            (left, top, x, bottom), (x, top, right, bottom),
            (left, top, right, y), (left, y, right, bottom),
            (min(left, other[0]), min(top, other[1]), max(right, other[2]), max(bottom, other[3])),
        )[int(rng.integers(5))])  # fmt: skip
    for _ in range(3):
        x, y = rng.uniform(0, w), rng.uniform(0, h)
        tall, wide = np.exp(rng.uniform(np.log(8), np.log(60), 2))
        found.append((x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2))
    return np.array(found, np.float32)


def clear_characters(scene: Scene) -> Int64[ndarray, " n"]:
    """Return the character of each glyph of a scene; -1 if it is cut off, hidden or too small."""
    index = [CHARACTERS.index(c) if c and c in CHARACTERS else OTHER for c in scene.characters]
    clear = (scene.visible >= MIN_VISIBLE) & (scene.heights >= MIN_HEIGHT)
    return np.where(clear, np.array(index, np.int64).reshape(-1), -1)


def true_characters(boxes: Float32[ndarray, "m 4"], scene: Scene) -> Int64[ndarray, " m"]:
    """Return the character in each box, `NONE` where there is none, or -1 where it is unclear."""
    if not len(scene.boxes):
        return np.full(len(boxes), NONE, np.int64)
    own, asked = scene.boxes, boxes[:, None]
    scale = np.maximum((own[:, 2:] - own[:, :2]).max(axis=1), LEAST_SCALE * scene.heights)
    off = np.abs(asked - own).max(axis=2) / scale
    best = off.argmin(axis=1)
    least = off[np.arange(len(boxes)), best]
    characters = clear_characters(scene)
    found = np.where(least <= SAME_WITHIN, characters[best], NONE)
    low, high = np.maximum(asked[..., :2], own[:, :2]), np.minimum(asked[..., 2:], own[:, 2:])
    touches_unclear = ((low < high).all(axis=2) & (characters < 0)).any(axis=1)
    unclear = (least > SAME_WITHIN) & (least < OTHER_BEYOND)
    unclear |= (found == NONE) & touches_unclear
    return np.where(unclear, -1, found)
