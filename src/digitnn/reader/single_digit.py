"""Find the single digit of a picture.

Most pictures of one digit need no search: all ink belongs to it. If what `normalise` finds is not
clearly a digit, the picture may show a printed form, parts of neighbours, or a table around the
sheet: then the page network says where the digit is.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from digitnn.data.dataset import NON_DIGIT
from digitnn.errors import PictureError
from digitnn.reader.digit_classifier import ClassifyImages
from digitnn.reader.glyphs import Glyph
from digitnn.reader.ink.normalise import normalise
from digitnn.reader.input.opening import Picture
from digitnn.reader.page.search import find_glyphs
from digitnn.reader.page.second_look import PageNetworks, classify_glyphs

MIN_SHARED = 0.6
"""Boxes that share so much of their union are of the same glyph."""

MIN_CONFIDENCE, MIN_GLYPH_CONFIDENCE = 0.7, 0.9
"""All ink is taken for the digit if it reaches the first confidence; else a glyph that reaches the
second: what is left shows no digit more often than a page does."""

MAX_CUT_MARGIN = 0.03
"""A glyph so near to the left or right border, as a share of the width, is cut off by it."""

NO_DIGIT = np.eye(NON_DIGIT + 1, dtype=np.float32)[NON_DIGIT]
"""The probabilities of a glyph that is certainly no digit."""

MIN_RIVAL_HEIGHT = 0.6
"""Height, as a share of the digit's, from which another digit is its equal."""


def find_single_digit(
    picture: Picture, networks: PageNetworks, classify: ClassifyImages
) -> Glyph | None:
    """Return the single digit of a picture; None if there is no ink.

    If neither all ink nor a glyph is one, it is what all ink is taken for; where the ink does not
    hang together, the surest glyph, as no digit.
    """
    whole = whole_ink(picture, classify)
    if whole is not None and whole.confidence >= MIN_CONFIDENCE:
        return whole
    found = find_glyphs(picture.grey, networks.find)
    glyphs = classify_glyphs(picture.grey, found, networks.look, classify)
    best = max(glyphs, key=lambda glyph: glyph.confidence, default=None)
    if best is None:
        return whole
    if best.confidence >= MIN_GLYPH_CONFIDENCE and _is_only(best, glyphs, picture.grey.shape):
        return best
    return whole or replace(best, probabilities=NO_DIGIT)


def _is_only(best: Glyph, glyphs: Sequence[Glyph], shape: tuple[int, int]) -> bool:
    """Return whether no other glyph is a digit of similar height: two digits are not one.

    A glyph at the left or right border is a part of a neighbour that was cut off.
    """
    least = MIN_RIVAL_HEIGHT * (best.box[3] - best.box[1])
    margin = round(MAX_CUT_MARGIN * shape[1])
    for glyph in glyphs:
        left, top, right, bottom = glyph.box
        inside = left > margin and right < shape[1] - margin
        if glyph is not best and glyph.confidence >= 0.5 and inside and bottom - top >= least:
            return False
    return True


def surer_of(glyph: Glyph, whole: Glyph | None) -> Glyph:
    """Return the only glyph of a page, or all ink if that is the same glyph and surer.

    glyph: as the page network found it; whole: what `whole_ink` returns.
    """
    if whole is None or whole.confidence <= glyph.confidence:
        return glyph
    (x0, y0, x1, y1), (a0, b0, a1, b1) = glyph.box, whole.box
    shared = max(min(x1, a1) - max(x0, a0), 0) * max(min(y1, b1) - max(y0, b0), 0)
    union = (x1 - x0) * (y1 - y0) + (a1 - a0) * (b1 - b0) - shared
    return whole if shared >= MIN_SHARED * union else glyph


def whole_ink(picture: Picture, classify: ClassifyImages) -> Glyph | None:
    """Return all ink of a picture as one glyph; None if there is none, or only scattered ink."""
    try:
        found = normalise(picture)
    except PictureError:  # no ink
        return None
    return Glyph(found.image, found.box, classify(found.image[None])[0])
