"""Read a page: find its glyphs, look at each again, and put them into lines of words.

    picture -> page network -> boxes -> second look -> lines -> words with digits

Axes: h w pixels.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.dataset import NON_DIGIT
from digitnn.reader.digit_classifier import ClassifyImages
from digitnn.reader.glyphs import Glyph, Line
from digitnn.reader.page.reading_order import reading_order
from digitnn.reader.page.search import find_glyphs
from digitnn.reader.page.second_look import PageNetworks, classify_glyphs

MAX_TALLER = 2.0
"""A rejected glyph that is so many times as tall as the median digit belongs to no line."""

SURELY_LETTER = 0.7
"""A glyph counts as a letter if it is no digit with this probability; a doubtful one is a "?"."""

MIN_SURE, MIN_GAIN = 0.9, 1.25
"""A page of lower mean confidence, or without digits, may lie on its side or upside down. It is
turned if it then reaches this mean, and there is so many times as much evidence of digits.
One digit is no evidence: turned, it may be another one."""


@dataclass(frozen=True)
class Page:
    """The lines of a page from top to bottom; none without a digit.

    quarters: the quarter turns anticlockwise that set it upright; too_small: whether there is
    writing that is too small to be read.
    """

    lines: tuple[Line, ...]
    quarters: int = 0
    too_small: bool = False


def read_page(
    grey: UInt8[ndarray, "h w"],
    networks: PageNetworks,
    classify: ClassifyImages,
    rotate: bool = True,
) -> Page:
    """Return what a page says. Boxes are in pixels of `grey` in any case.

    rotate: also try the page turned by 90, 180 and 270 degrees if it reads badly as it is.
    """
    page = read_upright(grey, networks, classify)
    upright = page.lines
    if not rotate or len(_confidences(upright)) == 1 or _mean(upright) >= MIN_SURE:
        return page
    tried = [read_upright(np.rot90(grey, quarter), networks, classify) for quarter in (1, 2, 3)]
    best = max((1, 2, 3), key=lambda quarter: _sum(tried[quarter - 1].lines))
    turned = tried[best - 1].lines
    if _mean(turned) < MIN_SURE or _sum(turned) <= MIN_GAIN * max(_sum(upright), 1):
        return page
    lines = tuple(_turn_back(line, best, grey.shape) for line in turned)
    return Page(lines, best, tried[best - 1].too_small)


def read_upright(
    grey: UInt8[ndarray, "h w"], networks: PageNetworks, classify: ClassifyImages
) -> Page:
    """Return the lines of an upright page, without words that are no numbers."""
    found = find_glyphs(grey, networks.find)
    glyphs = _of_lines(classify_glyphs(grey, found, networks.look, classify))
    boxes = np.array([glyph.box for glyph in glyphs], np.float64)
    lines = []
    for line in reading_order(boxes):
        own = _numbers([glyphs[k] for k in line.indices], line.spaces)
        lines += [own] if own.glyphs else []
    return Page(tuple(lines), too_small=found.too_small)


def _of_lines(glyphs: list[Glyph]) -> list[Glyph]:
    """Return the glyphs without rejected ones that are far taller than the page's digits.

    A bar beside the writing may look like a tall 1, and would join the lines that it passes.
    """
    tall = [g.box[3] - g.box[1] for g in glyphs if g.probabilities[NON_DIGIT] < 0.5]
    most = MAX_TALLER * float(np.median(tall)) if tall else np.inf
    return [g for g in glyphs if g.probabilities[NON_DIGIT] < 0.5 or g.box[3] - g.box[1] <= most]


def _numbers(glyphs: list[Glyph], spaces: tuple[bool, ...]) -> Line:
    """Return the words of a line that have at least as many digits as letters.

    A point, comma or colon at the end of a word is no part of the number.
    """
    words: list[list[Glyph]] = []
    for glyph, space in zip(glyphs, spaces, strict=True):
        if space or not words:
            words.append([])
        words[-1].append(glyph)
    kept: list[list[Glyph]] = []
    for word in words:
        while word and word[-1].symbol in tuple(".,:"):
            word = word[:-1]
        shapes = [glyph for glyph in word if not glyph.symbol]
        digits = sum(glyph.probabilities[NON_DIGIT] < SURELY_LETTER for glyph in shapes)
        if digits and 2 * digits >= len(shapes):
            kept.append(word)
    starts = [place == 0 and at > 0 for at, word in enumerate(kept) for place in range(len(word))]
    return Line(tuple(glyph for word in kept for glyph in word), tuple(starts))


def _confidences(lines: tuple[Line, ...]) -> list[float]:
    return [glyph.confidence for line in lines for glyph in line.glyphs if not glyph.symbol]


def _mean(lines: tuple[Line, ...]) -> float:
    """Return the mean confidence of the digits; 0 if there are none."""
    return float(np.mean(_confidences(lines) or [0.0]))


def _sum(lines: tuple[Line, ...]) -> float:
    """Return the evidence of digits: 2 p - 1 of each confidence p above one half, added up."""
    return sum(max(2 * confidence - 1, 0) for confidence in _confidences(lines))


def _turn_back(line: Line, quarters: int, shape: tuple[int, int]) -> Line:
    """Return a line of the page turned anticlockwise, with boxes in pixels of the page itself."""
    glyphs = []
    for glyph in line.glyphs:
        left, top, right, bottom = glyph.box
        for quarter in range(quarters, 0, -1):  # (x, y) was (width - y, x) before it
            width = shape[quarter % 2]
            left, top, right, bottom = width - bottom, left, width - top, right
        glyphs.append(replace(glyph, box=(left, top, right, bottom)))
    return replace(line, glyphs=tuple(glyphs))
