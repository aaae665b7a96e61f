"""Look again at each glyph that was found on a page, and weigh what three networks say about it.

    box -> page network     sees the glyph among its neighbours, in a cell of the page
        -> glyph network    sees it in the middle of its surroundings, at one size, in grey
        -> digit classifier sees it alone, as the ink in its box

Axes: h w pixels, n glyphs.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray

from digitnn.data.dataset import NON_DIGIT
from digitnn.reader.digit_classifier import ClassifyImages
from digitnn.reader.glyphs import Glyph
from digitnn.reader.ink.components import Box
from digitnn.reader.ink.ink import find_ink
from digitnn.reader.ink.normalise import EDGE_INK, image_from_ink
from digitnn.reader.page.glyph_network import (
    NONE,
    ClassifyWindows,
    shipped_glyph_network,
    windows,
)
from digitnn.reader.page.network import (
    CHARACTERS,
    OTHER,
    Detections,
    PageNetwork,
    shipped_page_network,
)

MIN_GLYPH = 0.5
"""Probability of a glyph below which nothing is reported, not even "?"."""

PAPER = 0.3
"""Paper around a box, as a share of its longer side, that shows what is ink."""

MAX_INK_SIDE = 112
"""Most pixels along a glyph and its paper: four times as fine as the image of 28 x 28."""

SLACK = 0.04
"""The ink of a glyph may exceed its box by this share of the box's longer side."""

LEAST = 1e-4
"""Added to probabilities before their logarithm."""


@dataclass(frozen=True)
class Weights:
    """How much each network says.

    glyph: of the logits of a glyph being there, as the page network and the glyph network see it,
    and the bias; digit: of the logits of this glyph being a digit, as the same two see it, and the
    bias; which: exponents of the probabilities of each digit, as the page network, the glyph
    network and the digit classifier see it.
    """

    glyph: tuple[float, ...]
    digit: tuple[float, ...]
    which: tuple[float, ...]


WEIGHTS = Weights(glyph=(1.78, 0.53, -0.78), digit=(1.3, 0.48, -0.18), which=(0.65, 0.72, 0.19))
"""Of the greatest likelihood on scenes with digits of MNIST's validation split, see
`tools.page_reader.fit`."""


@dataclass(frozen=True, eq=False)
class PageNetworks:
    """The networks of pages: `find` finds the glyphs, `look` looks at each again."""

    find: PageNetwork
    look: ClassifyWindows


@cache
def shipped_page_networks() -> PageNetworks:
    """Return the networks of the package; each is loaded once, the glyph network when needed."""
    return PageNetworks(shipped_page_network(), lambda images: shipped_glyph_network()(images))


def classify_glyphs(
    grey: UInt8[ndarray, "h w"], found: Detections, look: ClassifyWindows, classify: ClassifyImages
) -> list[Glyph]:
    """Return what the detections are, as all three networks together see them.

    Those that are probably no glyph are left out.
    """
    seen = look(windows(grey, found.boxes))
    exists = glyph_probabilities(found, seen)
    kept = exists >= MIN_GLYPH
    found, seen, exists = found[kept], seen[kept], exists[kept]
    if not len(found):
        return []
    images = np.stack([glyph_image(grey, box) for box in found.boxes])
    digits = digit_probabilities(found, seen, classify(images)) * exists[:, None]
    probabilities = np.column_stack([digits, 1 - digits.sum(axis=1)]).astype(np.float32)
    boxes = [whole_pixels(box, grey.shape) for box in found.boxes]
    characters = (found.characters + LEAST) * (seen[:, : OTHER + 1] + LEAST)
    characters /= characters.sum(axis=1, keepdims=True)
    best = characters.argmax(axis=1)
    symbols = [CHARACTERS[k] if NON_DIGIT <= k < OTHER else "" for k in best]
    sure = characters.max(axis=1).tolist()
    return [Glyph(*own) for own in zip(images, boxes, probabilities, symbols, sure, strict=True)]


def glyph_probabilities(
    found: Detections, seen: Float32[ndarray, "n 17"], weights: Weights = WEIGHTS
) -> Float64[ndarray, " n"]:
    """Return the probabilities that there is a glyph: a logistic regression.

    Symbols are left to the page network: as large as a digit, a point is no longer one.
    """
    *each, bias = weights.glyph
    weighed = _logistic(np.dot(each, glyph_logits(found, seen)) + bias)
    return np.where(found.symbols, found.scores, weighed)


def digit_probabilities(
    found: Detections,
    seen: Float32[ndarray, "n 17"],
    alone: Float32[ndarray, "n 11"],
    weights: Weights = WEIGHTS,
) -> Float64[ndarray, "n 10"]:
    """Return the probabilities of each digit if there is a glyph; the rest to 1 is of no digit.

    Whether it is a digit: a logistic regression. Which one: the product of powers of what the page
    network, the glyph network and the digit classifier say.
    """
    z = np.tensordot(weights.which, digit_logs(found, seen, alone), axes=1)
    digits = np.exp(z - z.max(axis=1, keepdims=True))
    *each, bias = weights.digit
    exists = _logistic(np.dot(each, digit_logits(found, seen)) + bias)
    return digits * (exists / digits.sum(axis=1))[:, None]


def glyph_logits(found: Detections, seen: Float32[ndarray, "n 17"]) -> Float64[ndarray, "2 n"]:
    """Return the logits of a glyph, as the page network and the glyph network see it."""
    return _logit(np.stack([found.scores, 1 - seen[:, NONE]]))


def digit_logits(found: Detections, seen: Float32[ndarray, "n 17"]) -> Float64[ndarray, "2 n"]:
    """Return the logits of a glyph being a digit, as the page network and the glyph network see it.

    The digit classifier adds nothing to that: its weight in a fit was -0.05.
    """
    page = found.characters[:, :NON_DIGIT].sum(axis=1)
    window = seen[:, :NON_DIGIT].sum(axis=1) / np.maximum(1 - seen[:, NONE], LEAST)
    return _logit(np.stack([page, np.minimum(window, 1)]))


def digit_logs(
    found: Detections, seen: Float32[ndarray, "n 17"], alone: Float32[ndarray, "n 11"]
) -> Float64[ndarray, "3 n 10"]:
    """Return the logs of the digit probabilities of the three networks."""
    every = [p[:, :NON_DIGIT].astype(np.float64) for p in (found.characters, seen, alone)]
    return np.log(np.stack(every) + LEAST)


def _logit(p: Float32[ndarray, "*shape"]) -> Float64[ndarray, "*shape"]:
    exact = p.astype(np.float64)
    return np.log(exact + LEAST) - np.log(1 - exact + LEAST)


def _logistic(z: Float64[ndarray, " n"]) -> Float64[ndarray, " n"]:
    return 1 / (1 + np.exp(-z))


def glyph_image(grey: UInt8[ndarray, "h w"], box: Float32[ndarray, "4"]) -> UInt8[ndarray, "28 28"]:
    """Return the ink inside a box, normalised; blank if there is none. Other ink is left out."""
    longer = float(max(box[2] - box[0], box[3] - box[1]))
    left, top, right, bottom = whole_pixels(_grown(box, PAPER * longer + 2), grey.shape)
    found = find_ink(grey[top:bottom, left:right], MAX_INK_SIDE)
    inner = (_grown(box, SLACK * longer) - (left, top, left, top)) / found.reduction
    rows, columns = (np.arange(side) + 0.5 for side in found.ink.shape)
    inside = ((rows > inner[1]) & (rows < inner[3]))[:, None]
    mask = inside & (columns > inner[0]) & (columns < inner[2]) & (found.ink > EDGE_INK)
    if found.blank or not mask.any():
        return np.zeros((28, 28), np.uint8)
    return image_from_ink(found.ink, mask)[0]


def whole_pixels(box: Float32[ndarray, "4"], shape: tuple[int, int]) -> Box:
    """Return a box in whole pixels, at least one, of a picture of this shape."""
    h, w = shape
    left, top = min(max(int(box[0]), 0), w - 1), min(max(int(box[1]), 0), h - 1)
    right, bottom = int(np.ceil(box[2])), int(np.ceil(box[3]))
    return left, top, min(max(right, left + 1), w), min(max(bottom, top + 1), h)


def _grown(box: Float32[ndarray, "4"], by: float) -> Float32[ndarray, "4"]:
    return box + np.array([-by, -by, by, by], np.float32)
