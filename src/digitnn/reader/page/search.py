"""Find the glyphs of a picture at all sizes: the page network over a pyramid of pages.

The first page holds at most `FIRST_PIXELS`; each further one is smaller by `STEP`, until a digit
that fills the picture is small enough. Where the network says that the writing is too small to be
read, that part is looked at again, twice as large.
Axes: h w pixels, n glyphs.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from PIL import Image

from digitnn.reader.ink.components import Box
from digitnn.reader.page.network import STRIDE, Detections, PageNetwork, decode

FIRST_PIXELS = 350_000
"""Most pixels of the first page: a page of text lines is read at this size if a digit's height is
a fiftieth of its side."""

MOST_PIXELS = 2_500_000
"""Most pixels of a page that is looked at more closely."""

MAX_STRIP_PIXELS = 1_000_000
"""Most pixels of the first page of a strip, which consists mostly of the margins around it."""

LARGEST_FACTOR = 2.0
"""A picture is enlarged at most so much; more shows nothing new."""

STEP = 2**0.5
"""Each further page is smaller by this factor, so that most glyphs are seen at two sizes or three;
their characters are averaged."""

LEAST_SIDE = 40
"""The last page's longest side is not below half of it: a digit that fills it is found."""

MAX_ASPECT = 10
"""No glyph that fills a strip is so many times as long as the strip is wide."""

PLAIN = 12
"""A row or column with at most this range of grey levels shows nothing."""

MAX_CROPS = 16
"""A border may lie inside another one, as around a framed photo: each takes two crops."""

MARGIN = 16
"""Pixels around a page, in the tone of its border: digits may touch the border of a picture."""

MIN_SCORE = 0.2
"""Probability of a glyph below which a cell is not looked at."""

SAME_GLYPH = 0.4
"""Boxes that share so much of their union are the same glyph."""

MIN_CLOSER_CELLS = 3
"""Fewer cells that ask for a closer look are noise."""

INSIDE = 0.6
"""A box of which so much lies in another one is a part of that glyph."""

FREE_OVERLAP, OVERLAP_SCALE = 0.15, 0.2
"""So much of a box may lie in another one; more makes it less probable, on this scale, squared."""

NARROW = 0.5
"""Boxes narrower than this share of their height are widened to it before they are compared."""

SYMBOL_REACH = 1.2
"""Symbols are found less exactly than they are large: two are the same if their centres are no
further apart, in either direction, than so many times the width of the wider one."""


def find_glyphs(grey: UInt8[ndarray, "h w"], network: PageNetwork) -> Detections:
    """Return the glyphs of a picture, boxes in its pixels, the surest first.

    A plain border is left out: it shows nothing, but its edge may look like a long stroke.
    """
    left, top, right, bottom = without_border(grey)
    found = _find_inside(grey[top:bottom, left:right], network)
    found.boxes[:] += np.array([left, top, left, top], np.float32)
    return found


def without_border(grey: UInt8[ndarray, "h w"]) -> Box:
    """Return the part of a picture inside its plain border; all of it if everything is plain."""
    h, w = grey.shape
    left, top, right, bottom = 0, 0, w, h
    for _ in range(MAX_CROPS):
        part = grey[top:bottom, left:right]
        rows = np.flatnonzero(np.ptp(part, axis=1) > PLAIN)
        columns = np.flatnonzero(np.ptp(part, axis=0) > PLAIN)
        if not len(rows) or not len(columns):
            return 0, 0, w, h
        if rows[0] == 0 and rows[-1] == len(part) - 1:
            if columns[0] == 0 and columns[-1] == part.shape[1] - 1:
                return left, top, right, bottom
            left, right = left + int(columns[0]), left + int(columns[-1]) + 1
        else:
            top, bottom = top + int(rows[0]), top + int(rows[-1]) + 1
    return left, top, right, bottom


def _find_inside(grey: UInt8[ndarray, "h w"], network: PageNetwork) -> Detections:
    h, w = grey.shape
    factor = LARGEST_FACTOR
    while factor**2 * h * w > FIRST_PIXELS or _pixels(h, w, factor) > MAX_STRIP_PIXELS:
        factor /= 2
    found = []
    smaller = factor / STEP
    while smaller * min(max(h, w), MAX_ASPECT * min(h, w)) >= LEAST_SIDE / 2:
        found.append(_look(grey, (0, 0, w, h), smaller, network)[0])
        smaller /= STEP
    region: Box | None = (0, 0, w, h)
    while region is not None:
        glyphs, region = _look(grey, region, factor, network)
        found.append(glyphs)
        if factor >= LARGEST_FACTOR or region is None:
            break
        left, top, right, bottom = region
        closer = min(2.0, (MOST_PIXELS / _pixels(bottom - top, right - left, factor)) ** 0.5)
        if closer < 1.3:
            break
        factor *= closer
    merged = merge(
        Detections(
            np.concatenate([glyphs.boxes for glyphs in found]),
            np.concatenate([glyphs.scores for glyphs in found]),
            np.concatenate([glyphs.characters for glyphs in found]),
        )
    )
    return replace(merged, too_small=region is not None)


def _pixels(h: int, w: int, factor: float) -> float:
    """Return the pixels of a page; a strip counts as high or wide as the margins around it."""
    return max(factor * h, 2 * MARGIN) * max(factor * w, 2 * MARGIN)


def _look(
    grey: UInt8[ndarray, "h w"], region: Box, factor: float, network: PageNetwork
) -> tuple[Detections, Box | None]:
    """Return the glyphs of a region at one size, and the part to look at more closely, if any."""
    left, top, right, bottom = region
    part = Image.fromarray(grey[top:bottom, left:right])
    size = (max(1, round(part.width * factor)), max(1, round(part.height * factor)))
    method = Image.Resampling.BOX if factor < 1 else Image.Resampling.BICUBIC
    page = np.asarray(part.resize(size, method) if factor != 1 else part)
    edge = np.concatenate([page[0], page[-1], page[:, 0], page[:, -1]])
    h, w = (-(-(side + 2 * MARGIN) // 16) * 16 for side in page.shape)
    framed = np.full((h, w), np.median(edge), np.uint8)
    framed[MARGIN : MARGIN + size[1], MARGIN : MARGIN + size[0]] = page
    answers = network(framed)
    glyphs = decode(answers, MIN_SCORE)
    place = np.array([left, top, left, top], np.float32)
    glyphs.boxes[:] = (glyphs.boxes - MARGIN) / np.float32(factor) + place
    rows, columns = np.nonzero(answers[:, :, 1] > 0)
    if len(rows) < MIN_CLOSER_CELLS:
        return glyphs, None
    cells = np.array([columns.min() - 2, rows.min() - 2, columns.max() + 3, rows.max() + 3])
    x0, y0, x1, y1 = ((cells * STRIDE - MARGIN) / factor + place).astype(int)
    h, w = grey.shape
    closer = (max(int(x0), 0), max(int(y0), 0), min(int(x1), w), min(int(y1), h))
    return glyphs, closer if closer[0] < closer[2] and closer[1] < closer[3] else None


def merge(glyphs: Detections) -> Detections:
    """Return each glyph once, though several pages show it: the surest box, the mean character.

    The score of a box that lies partly in a surer one shrinks, as in Soft-NMS (Bodla et al. 2017):
    it may be a part of that glyph. A part taken for a glyph is left out, unless it may be a symbol.
    """
    boxes, scores, characters = glyphs.boxes, glyphs.scores.copy(), glyphs.characters.copy()
    sides = boxes[:, 2:] - boxes[:, :2]
    symbols = glyphs.symbols
    by = np.maximum(NARROW * sides[:, ::-1] - sides, 0) / 2
    widened = boxes + np.concatenate([-by, by], axis=1)
    centres, reach = (boxes[:, :2] + boxes[:, 2:]) / 2, SYMBOL_REACH * sides[:, 0]
    kept, left = [], np.arange(len(scores))
    while len(left):
        best = left[scores[left].argmax()]
        kept.append(best)
        left = left[left != best]
        same = _overlap(widened[best], widened[left]) > SAME_GLYPH
        apart = np.abs(centres[left] - centres[best]).max(axis=1)
        near = apart <= np.maximum(reach[left], reach[best])
        same |= symbols[best] & symbols[left] & near
        if same.any():
            members = np.append(left[same], best)
            characters[best] = np.average(characters[members], axis=0, weights=scores[members])
        areas = np.minimum(_area(boxes[best]), _area(boxes[left]))
        inside = _shared(boxes[best], boxes[left]) / areas * ~(symbols[best] | symbols[left])
        scores[left] *= np.exp(-(np.maximum(inside - FREE_OVERLAP, 0) ** 2) / OVERLAP_SCALE)
        left = left[~same & (inside <= INSIDE) & (scores[left] >= MIN_SCORE)]
    return Detections(boxes[kept], scores[kept], characters[kept])


def _overlap(box: Float32[ndarray, "4"], boxes: Float32[ndarray, "n 4"]) -> Float32[ndarray, " n"]:
    """Return the shares of their unions that `box` and each of `boxes` have in common."""
    shared = _shared(box, boxes)
    return shared / (_area(box) + _area(boxes) - shared)


def _area(boxes: Float32[ndarray, "*n 4"]) -> Float32[ndarray, "*n"] | np.float32:
    return (boxes[..., 2:] - boxes[..., :2]).prod(axis=-1)


def _shared(box: Float32[ndarray, "4"], boxes: Float32[ndarray, "n 4"]) -> Float32[ndarray, " n"]:
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    return np.maximum(high - low, 0).prod(axis=1)
