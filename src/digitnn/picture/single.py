"""Exactly one digit in a picture: a few ways to tell which of the ink it is, the best read wins.

Axes: y x pixels of the reduced ink.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float32
from numpy import ndarray

from digitnn.picture.components import marks
from digitnn.picture.glyphs import Glyph
from digitnn.picture.ink import find_ink
from digitnn.picture.normalise import CORE, EDGE, LONGEST, box_of, choose_marks, image_of
from digitnn.picture.opening import Picture
from digitnn.picture.recognise import Recognise
from digitnn.picture.rulings import without_rulings

FIRST = 0.7
"""What `normalise` takes for the digit stands if it is read with this probability."""


def single(picture: Picture, recognise: Recognise) -> Glyph | None:
    """The one digit of a picture; None where there is no ink that hangs together.

    What `normalise` takes for it comes first. Where that is not read surely, the picture may hold
    parts of neighbours or the print of a form.
    """
    found = find_ink(picture.grey, LONGEST)
    if found.blank:
        return None
    glyphs: list[Glyph] = []
    seen: list[ndarray] = []
    height, width = picture.grey.shape
    for ink, digit in _hypotheses(found.ink):
        if not digit.any() or any(np.array_equal(ink * digit, other) for other in seen):
            continue
        seen.append(ink * digit)
        image = image_of(ink, digit)[0]
        left, top, right, bottom = (side * found.step for side in box_of(digit))
        box = (left, top, min(right, width), min(bottom, height))
        glyphs.append(Glyph(image, box, recognise(image[None])[0]))
        if len(glyphs) == 1 and _digit(glyphs[0]) >= FIRST:
            break
    return max(glyphs, key=_digit, default=None)


def _digit(glyph: Glyph) -> float:
    """The probability of its likeliest digit."""
    return float(glyph.probabilities[:10].max())


def _hypotheses(
    ink: Float32[ndarray, "y x"],
) -> Iterator[tuple[Float32[ndarray, "y x"], Bool[ndarray, "y x"]]]:
    """Ink and where in it the digit may be, the likeliest first."""
    yield ink, choose_marks(ink)
    yield ink, _whole_marks(ink)
    plain = without_rulings(ink)
    if plain is not ink:
        yield plain, choose_marks(plain)
        yield plain, _whole_marks(plain)
    yield plain, _largest_mark(plain)


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
