"""Read a page: find its glyphs, classify each twice, and put them into lines of words.

    picture -> page network -> boxes -> images -> digit classifier -> lines -> words with digits

The page network sees a glyph among its neighbours; the digit classifier sees it alone, as the ink
in its box. `combine` weighs what they say.
Axes: h w pixels, n glyphs.
"""

from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray

from digitnn.data.dataset import NON_DIGIT
from digitnn.reader.digit_classifier import ClassifyImages
from digitnn.reader.glyphs import Glyph, Line
from digitnn.reader.ink.components import Box
from digitnn.reader.ink.ink import find_ink
from digitnn.reader.ink.normalise import EDGE_INK, image_from_ink
from digitnn.reader.page.network import CHARACTERS, Detections, PageNetwork
from digitnn.reader.page.reading_order import reading_order
from digitnn.reader.page.search import find_glyphs

MIN_SCORE = 0.55
"""Probability of a glyph below which nothing is reported, not even "?"."""

MAX_TALLER = 2.0
"""A rejected glyph that is so many times as tall as the median digit belongs to no line."""

PAPER = 0.3
"""Paper around a box, as a share of its longer side, that shows what is ink."""

SURELY_LETTER = 0.7
"""A glyph counts as a letter if it is no digit with this probability; a doubtful one is a "?"."""

DIGIT_WEIGHTS = (0.96, 0.32)
"""Exponents of the digit probabilities of the page network and of the digit classifier."""

EXISTENCE_WEIGHTS, EXISTENCE_BIAS = (1.65, 0.95, 0.04), -2.75
"""Weights of the logits of: a glyph is there, it is a digit, the classifier sees a digit."""

LEAST = 1e-4
"""Added to probabilities before their logarithm."""

GLYPH_SIDE = 112
"""Most pixels along a glyph and its paper: four times as fine as the image of 28 x 28."""

SLACK = 0.04
"""The ink of a glyph may exceed its box by this share of the box's longer side."""

MIN_SURE, MIN_GAIN = 0.9, 1.25
"""A page of lower mean confidence, or without digits, may lie on its side or upside down. It is
turned if it then reaches this mean, and its digits' confidences add up to so many times as much.
One digit is no evidence: turned, it may be another one."""


def read_page(
    grey: UInt8[ndarray, "h w"],
    network: PageNetwork,
    classify: ClassifyImages,
    rotate: bool = True,
) -> tuple[tuple[Line, ...], int]:
    """Return the lines of a page from top to bottom, and the quarter turns that set it upright.

    rotate: also try the page turned by 90, 180 and 270 degrees if it reads badly as it is. Boxes
    are in pixels of `grey` in any case. Without a digit there are no lines.
    """
    upright = read_lines(grey, network, classify)
    if not rotate or len(_confidences(upright)) == 1 or _mean(upright) >= MIN_SURE:
        return upright, 0
    tried = [read_lines(np.rot90(grey, quarter), network, classify) for quarter in (1, 2, 3)]
    best = max((1, 2, 3), key=lambda quarter: _sum(tried[quarter - 1]))
    turned = tried[best - 1]
    if _mean(turned) < MIN_SURE or _sum(turned) <= MIN_GAIN * max(_sum(upright), 1):
        return upright, 0
    return tuple(_turn_back(line, best, grey.shape) for line in turned), best


def read_lines(
    grey: UInt8[ndarray, "h w"], network: PageNetwork, classify: ClassifyImages
) -> tuple[Line, ...]:
    """Return the lines of an upright page, without words that are no numbers."""
    glyphs = _of_lines(classify_glyphs(grey, find_glyphs(grey, network), classify))
    if not glyphs:
        return ()
    boxes = np.array([glyph.box for glyph in glyphs], np.float64)
    lines = []
    for line in reading_order(boxes):
        own = _numbers([glyphs[k] for k in line.indices], line.spaces)
        lines += [own] if own.glyphs else []
    return tuple(lines)


def _of_lines(glyphs: list[Glyph]) -> list[Glyph]:
    """Return the glyphs without rejected ones that are far taller than the page's digits.

    A bar beside the writing may look like a tall 1, and would join the lines that it passes.
    """
    tall = [g.box[3] - g.box[1] for g in glyphs if g.probabilities[NON_DIGIT] < 0.5]
    most = MAX_TALLER * float(np.median(tall)) if tall else np.inf
    return [g for g in glyphs if g.probabilities[NON_DIGIT] < 0.5 or g.box[3] - g.box[1] <= most]


def classify_glyphs(
    grey: UInt8[ndarray, "h w"], found: Detections, classify: ClassifyImages
) -> list[Glyph]:
    """Return what the detections are, as both networks together see them."""
    found = found[found.scores >= MIN_SCORE]
    if not len(found):
        return []
    images = np.stack([glyph_image(grey, box) for box in found.boxes])
    probabilities = combine(found, classify(images))
    boxes = [_pixels(box, grey.shape) for box in found.boxes]
    best = found.characters.argmax(axis=1)
    symbols = [CHARACTERS[k] if NON_DIGIT <= k < len(CHARACTERS) else "" for k in best]
    sure = found.characters.max(axis=1).tolist()
    return [Glyph(*own) for own in zip(images, boxes, probabilities, symbols, sure, strict=True)]


def combine(found: Detections, alone: Float32[ndarray, "n 11"]) -> Float32[ndarray, "n 11"]:
    """Return what the page network and the digit classifier, which saw each glyph alone, say.

    Which digit it is: the product of powers of both. Whether it is one: a logistic regression. The
    weights have the greatest likelihood on scenes with digits of MNIST's validation split, see
    `tools.page_reader.fit`.
    """
    characters = found.characters.astype(np.float64) + LEAST
    digits = DIGIT_WEIGHTS[0] * np.log(characters[:, :NON_DIGIT])
    digits += DIGIT_WEIGHTS[1] * np.log(alone[:, :NON_DIGIT] + LEAST)
    digits = np.exp(digits - digits.max(axis=1, keepdims=True))
    logits = evidence_of(found, alone)
    exists = 1 / (1 + np.exp(-np.dot(EXISTENCE_WEIGHTS, logits) - EXISTENCE_BIAS))
    digits *= (exists / digits.sum(axis=1))[:, None]
    return np.column_stack([digits, 1 - exists]).astype(np.float32)


def evidence_of(found: Detections, alone: Float32[ndarray, "n 11"]) -> Float64[ndarray, "3 n"]:
    """Return the logits of: a glyph is there, it is a digit, the classifier sees a digit."""
    digit = found.characters[:, :NON_DIGIT].sum(axis=1)
    p = np.stack([found.scores, digit, 1 - alone[:, NON_DIGIT]]).astype(np.float64)
    return np.log(p + LEAST) - np.log(1 - p + LEAST)


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


def glyph_image(grey: UInt8[ndarray, "h w"], box: Float32[ndarray, "4"]) -> UInt8[ndarray, "28 28"]:
    """Return the ink inside a box, normalised; blank if there is none. Other ink is left out."""
    longer = float(max(box[2] - box[0], box[3] - box[1]))
    left, top, right, bottom = _pixels(_grown(box, PAPER * longer + 2), grey.shape)
    found = find_ink(np.ascontiguousarray(grey[top:bottom, left:right]), GLYPH_SIDE)
    inner = (_grown(box, SLACK * longer) - (left, top, left, top)) / found.reduction
    rows, columns = (np.arange(side) + 0.5 for side in found.ink.shape)
    inside = ((rows > inner[1]) & (rows < inner[3]))[:, None]
    mask = inside & (columns > inner[0]) & (columns < inner[2]) & (found.ink > EDGE_INK)
    if found.blank or not mask.any():
        return np.zeros((28, 28), np.uint8)
    return image_from_ink(found.ink, mask)[0]


def _grown(box: Float32[ndarray, "4"], by: float) -> Float32[ndarray, "4"]:
    return box + np.array([-by, -by, by, by], np.float32)


def _pixels(box: Float32[ndarray, "4"], shape: tuple[int, int]) -> Box:
    """Return a box in whole pixels, at least one, of a picture of this shape."""
    h, w = shape
    left, top = min(max(int(box[0]), 0), w - 1), min(max(int(box[1]), 0), h - 1)
    right, bottom = int(np.ceil(box[2])), int(np.ceil(box[3]))
    return left, top, min(max(right, left + 1), w), min(max(bottom, top + 1), h)


def _confidences(lines: tuple[Line, ...]) -> list[float]:
    return [glyph.confidence for line in lines for glyph in line.glyphs if not glyph.symbol]


def _mean(lines: tuple[Line, ...]) -> float:
    """Return the mean confidence of the digits; 0 if there are none."""
    return float(np.mean(_confidences(lines) or [0.0]))


def _sum(lines: tuple[Line, ...]) -> float:
    """Return how much digit there is: the confidences above one half, added up."""
    return sum(confidence for confidence in _confidences(lines) if confidence > 0.5)


def _turn_back(line: Line, quarters: int, shape: tuple[int, int]) -> Line:
    """Return a line of the page turned anticlockwise, with boxes in pixels of the page itself."""
    glyphs = []
    for glyph in line.glyphs:
        corners, (h, w) = np.reshape(glyph.box, (2, 2)), shape
        for quarter in range(quarters):  # (x, y) of the turned page is (w - y, x) of the one before
            before = w if (quarters - quarter) % 2 else h
            corners = np.stack([before - corners[:, 1], corners[:, 0]], axis=1)
        low, high = corners.min(axis=0), corners.max(axis=0)
        box = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        glyphs.append(replace(glyph, box=box))
    return replace(line, glyphs=tuple(glyphs))
