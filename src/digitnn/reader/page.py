"""Read a page: find its glyphs, classify them twice, and put them into lines.

    picture -> page network -> glyphs -> images -> digit classifier -> words -> lines

The page network sees a glyph among its neighbours, the classifier sees it alone and in detail.
Axes: h w pixels, n glyphs.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import NON_DIGIT
from digitnn.reader.digit_classifier import ClassifyImages
from digitnn.reader.ink.components import Box
from digitnn.reader.ink.ink import find_ink
from digitnn.reader.ink.normalise import MAX_DIGIT_INK_SIDE, image_from_ink
from digitnn.reader.page_glyphs import find_glyphs
from digitnn.reader.page_network import CHARACTERS, Detections, PageNetwork
from digitnn.reader.reading_order import reading_order

MIN_GLYPH_SCORE = 0.35
"""Probability of a glyph below which nothing is reported, not even "?"."""

MARGIN = 0.3
"""Paper around a glyph's box that shows what is ink, as a share of its longer side."""


@dataclass(frozen=True, eq=False)
class Glyph:
    """A glyph of a page.

    image: its ink, as `normalise` makes it; box: in pixels of the upright picture; probabilities:
    of the ten digits and of "no digit"; sign: one of `CHARACTERS` if it is surely that sign.
    """

    image: UInt8[ndarray, "28 28"]
    box: Box
    probabilities: Float32[ndarray, " 11"]
    sign: str = ""

    @property
    def confidence(self) -> float:
        """The probability of the most likely digit."""
        return float(self.probabilities[:NON_DIGIT].max())


@dataclass(frozen=True)
class Line:
    """The glyphs of a text line from left to right; spaces[i]: if a wide gap precedes glyph i."""

    glyphs: tuple[Glyph, ...]
    spaces: tuple[bool, ...]


def read_page(
    grey: UInt8[ndarray, "h w"], network: PageNetwork, classify: ClassifyImages
) -> tuple[Line, ...]:
    """Return the lines of a page from top to bottom; none if nothing is written on it."""
    found = find_glyphs(grey, network)
    found = found[found.scores >= MIN_GLYPH_SCORE]
    if not len(found):
        return ()
    images = np.stack([glyph_image(grey, box) for box in found.boxes])
    probabilities = combine(found, classify(images))
    signs = [_sign(own) for own in found.characters]
    glyphs = [
        Glyph(image, _whole_box(box, grey.shape), own, sign)
        for image, box, own, sign in zip(images, found.boxes, probabilities, signs, strict=True)
    ]
    lines = []
    for line in reading_order(found.boxes):
        if kept := _words_with_digits([glyphs[k] for k in line.indices], line.spaces):
            lines.append(kept)
    return tuple(lines)


def combine(
    found: Detections, alone: Float32[ndarray, "n 11"]
) -> Float32[ndarray, "n 11"]:
    """Return the probabilities that both networks together give: their geometric mean."""
    among = np.empty_like(alone)
    among[:, :NON_DIGIT] = found.characters[:, :NON_DIGIT]
    among[:, NON_DIGIT] = found.characters[:, NON_DIGIT:].sum(axis=1)
    both = np.sqrt(among * alone)
    return both / both.sum(axis=1, keepdims=True)


def _sign(characters: Float32[ndarray, " 16"]) -> str:
    best = int(characters.argmax())
    return CHARACTERS[best] if NON_DIGIT <= best < len(CHARACTERS) else ""


def _words_with_digits(glyphs: list[Glyph], spaces: tuple[bool, ...]) -> Line | None:
    """Return the line without words that hold no digit; None if none is left."""
    words: list[list[Glyph]] = []
    for glyph, space in zip(glyphs, spaces, strict=True):
        if space or not words:
            words.append([])
        words[-1].append(glyph)
    words = [word for word in words if any(glyph.confidence > 0.5 for glyph in word)]
    if not words:
        return None
    kept = tuple(glyph for word in words for glyph in word)
    return Line(kept, tuple(k == 0 and i > 0 for i, w in enumerate(words) for k in range(len(w))))


def glyph_image(
    grey: UInt8[ndarray, "h w"], box: Float32[ndarray, "4"]
) -> UInt8[ndarray, "28 28"]:
    """Return the ink inside a box, normalised; ink outside belongs to neighbours."""
    left, top, right, bottom = box
    margin = MARGIN * max(right - left, bottom - top, 4) + 2
    h, w = grey.shape
    x0, y0 = max(int(left - margin), 0), max(int(top - margin), 0)
    x1, y1 = min(int(right + margin) + 1, w), min(int(bottom + margin) + 1, h)
    image = np.zeros((28, 28), np.uint8)
    if x1 - x0 < 3 or y1 - y0 < 3:
        return image
    ink = find_ink(np.ascontiguousarray(grey[y0:y1, x0:x1]), MAX_DIGIT_INK_SIDE)
    if ink.blank:
        return image
    y, x = np.indices(ink.ink.shape)
    slack = 0.04 * max(right - left, bottom - top)
    inside = (
        ((x + 0.5) * ink.reduction + x0 > left - slack)
        & ((x + 0.5) * ink.reduction + x0 < right + slack)
        & ((y + 0.5) * ink.reduction + y0 > top - slack)
        & ((y + 0.5) * ink.reduction + y0 < bottom + slack)
    )
    mask = inside & (ink.ink > 0.3)
    return image_from_ink(ink.ink, mask)[0] if mask.any() else image


def _whole_box(box: Float32[ndarray, "4"], shape: tuple[int, int]) -> Box:
    h, w = shape
    left, top, right, bottom = (round(float(edge)) for edge in box)
    left, top = min(max(left, 0), w - 1), min(max(top, 0), h - 1)
    return left, top, min(max(right, left + 1), w), min(max(bottom, top + 1), h)
