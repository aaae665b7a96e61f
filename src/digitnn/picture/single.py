"""Exactly one digit in a picture: a few ways to tell which of the ink it is, the best read wins.

Axes: y x pixels of the reduced ink.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from digitnn.picture.components import marks
from digitnn.picture.cutting import slices
from digitnn.picture.glyphs import Glyph
from digitnn.picture.ink import LEAST_UNEVEN, find_ink, level_light
from digitnn.picture.normalise import CORE, EDGE, LONGEST, box_of, choose_marks, image_of
from digitnn.picture.opening import Picture
from digitnn.picture.pieces import piece_of
from digitnn.picture.recognise import Recognise
from digitnn.picture.rulings import without_rulings

MOST_SLICES = 3
"""So many slices may be a neighbour's."""

LIKELY_HEIGHT = 0.8
"""Of the picture: a digit in a picture that shows parts of its neighbours."""

FIRST = 0.7
"""What `normalise` takes for the digit stands if it is read with this probability."""


def single(picture: Picture, recognise: Recognise) -> Glyph | None:
    """The one digit of a picture; None where there is no ink that hangs together.

    What `normalise` takes for it comes first. Where that is not read surely, the picture may hold
    parts of neighbours or the print of a form.
    """
    glyphs: list[Glyph] = []
    seen: list[ndarray] = []
    height, width = picture.grey.shape
    for ink, step, digit in _hypotheses(picture.grey):
        if not digit.any() or any(np.array_equal(ink * digit, other) for other in seen):
            continue
        seen.append(ink * digit)
        image = image_of(ink, digit)[0]
        left, top, right, bottom = (side * step for side in box_of(digit))
        box = (left, top, min(right, width), min(bottom, height))
        glyphs.append(Glyph(image, box, recognise(image[None])[0]))
        if len(glyphs) == 1 and _digit(glyphs[0]) >= FIRST:
            break
    return max(glyphs, key=_digit, default=None)


def _digit(glyph: Glyph) -> float:
    """The probability of its likeliest digit."""
    return float(glyph.probabilities[:10].max())


def _hypotheses(
    grey: UInt8[ndarray, "h w"],
) -> Iterator[tuple[Float32[ndarray, "y x"], int, Bool[ndarray, "y x"]]]:
    """Ink, the side of a pixel of it, and where in it the digit may be, the likeliest first."""
    found = find_ink(grey, LONGEST)
    inks = [found]
    if not found.blank:
        yield found.ink, found.step, choose_marks(found.ink)
    if max(grey.shape) < LEAST_UNEVEN:
        inks.append(find_ink(level_light(grey), LONGEST))
        if not inks[1].blank:
            yield inks[1].ink, inks[1].step, choose_marks(inks[1].ink)
    for found in inks:
        if found.blank:
            continue
        yield found.ink, found.step, _whole_marks(found.ink)
        plain = without_rulings(found.ink)
        if plain is not found.ink:
            yield plain, found.step, choose_marks(plain)
            yield plain, found.step, _whole_marks(plain)
        yield plain, found.step, _largest_mark(plain)
        for digit in _without_neighbours(plain):
            yield plain, found.step, digit


def _whole_marks(ink: Float32[ndarray, "y x"]) -> Bool[ndarray, "y x"]:
    """The marks that do not run out of the picture."""
    found = marks(ink > EDGE)
    h, w = ink.shape
    runs_out = (found.boxes[:, :2] == 0).any(axis=1) | (found.boxes[:, 2:] == [w, h]).any(axis=1)
    inside = np.concatenate([[False], ~runs_out])[found.labels]
    return inside if (ink * inside).max(initial=0) > CORE else np.zeros_like(inside)


def _largest_mark(ink: Float32[ndarray, "y x"]) -> Bool[ndarray, "y x"]:
    """The mark of most ink."""
    found = marks(ink > EDGE)
    weights = np.bincount(found.labels.ravel(), ink.ravel(), len(found.areas) + 1)
    weights[0] = 0
    return (found.labels == weights.argmax()) & (weights.max() > 0)


def _without_neighbours(ink: Float32[ndarray, "y x"]) -> Iterator[Bool[ndarray, "y x"]]:
    """The largest mark without the slices at an end where it runs out of the picture sideways.

    A neighbour's stroke that touches the digit is cut off by the border on its other side.
    """
    mark = _largest_mark(ink)
    if not mark.any():
        return
    h, w = ink.shape
    whole = piece_of(mark, 0, 0, 0, 0.0)
    left, top, right, bottom = whole.box
    pieces = slices(whole, ink[top:bottom, left:right], LIKELY_HEIGHT * h)
    for first in range(MOST_SLICES + 1 if left == 0 else 1):
        for last in range(MOST_SLICES + 1 if right == w else 1):
            kept = pieces[first : len(pieces) - last]
            if first + last and kept:
                digit = np.zeros_like(mark)
                for piece in kept:
                    x, y, x_end, y_end = piece.box
                    digit[y:y_end, x:x_end] |= piece.mask
                yield digit
