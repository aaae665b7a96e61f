"""Find the single digit of a picture: the most confident of several candidate masks.

Axes: h w pixels of the picture, y x pixels of its ink, which has a lower resolution.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import NON_DIGIT
from digitnn.reader.digit_classifier import ClassifyImages
from digitnn.reader.ink.components import bounding_box, enlarge_box, find_components, touch_border
from digitnn.reader.ink.ink import (
    FAINT_NOISE_FACTOR,
    MIN_UNEVEN_SIDE,
    Ink,
    find_ink,
    remove_light_gradient,
)
from digitnn.reader.ink.normalise import (
    CORE_INK,
    EDGE_INK,
    MAX_DIGIT_INK_SIDE,
    choose_digit,
    image_from_ink,
)
from digitnn.reader.input.opening import Picture
from digitnn.reader.layout.cutting import cut_into_slices
from digitnn.reader.layout.glyphs import Glyph, make_piece
from digitnn.reader.layout.rulings import remove_rulings

MIN_FIRST_CONFIDENCE = 0.7
"""The first candidate, the one of `normalise`, is taken if it reaches this confidence."""

LEVELLED_WEIGHT = 0.9  # the light gradient was removed
FAINT_WEIGHT = 0.65  # faint ink is included
INVERTED_WEIGHT = 0.75  # light ink on dark paper
INSIDE_WEIGHT = 0.75  # only components that do not touch the border
UNRULED_WEIGHT = 0.95  # rulings were removed
TRIMMED_WEIGHT = 0.52  # strokes of neighbours were cut off
"""Factors on the digit probabilities of the other candidates. More candidates mean more false
accepts. The factors offset this: about as many non-digits are accepted as by the first candidate
alone."""

MAX_TRIMMED_SLICES = 3
"""The number of slices at each side that may belong to a neighbour."""

LIKELY_DIGIT_HEIGHT = 0.8
"""The height of a digit relative to that of its picture, as assumed for cutting."""


@dataclass(frozen=True)
class DigitMask:
    """A candidate: the part of the ink that may be the digit.

    reduction: picture pixels per ink pixel along each axis; weight: factor on its digit
    probabilities.
    """

    name: str
    ink: Float32[ndarray, "y x"]
    reduction: int
    mask: Bool[ndarray, "y x"]
    weight: float


def find_single_digit(picture: Picture, classify: ClassifyImages) -> Glyph | None:
    """Return the single digit of a picture; None if no ink forms a component.

    The first candidate is the one of `normalise`. If its confidence is low, the picture may show
    parts of neighbours, a printed form, or faint ink on rough paper. Only then the other candidates
    are classified.
    """
    masks = digit_masks(picture.grey)
    glyphs = _classify_masks(list(islice(masks, 1)), picture, classify)
    if not glyphs or glyphs[0].confidence < MIN_FIRST_CONFIDENCE:
        glyphs += _classify_masks(list(masks), picture, classify)
    return max(glyphs, key=lambda glyph: glyph.confidence, default=None)


def _classify_masks(
    masks: Sequence[DigitMask], picture: Picture, classify: ClassifyImages
) -> list[Glyph]:
    """Classify the candidates in one batch, without those whose image equals an earlier one."""
    images = [image_from_ink(mask.ink, mask.mask)[0] for mask in masks]
    first = {image.tobytes(): k for k, image in reversed(list(enumerate(images)))}
    distinct = sorted(first.values())
    if not distinct:
        return []
    glyphs = []
    classified = classify(np.stack([images[k] for k in distinct]))
    for k, probabilities in zip(distinct, classified, strict=True):
        box = enlarge_box(bounding_box(masks[k].mask), masks[k].reduction, picture.grey.shape)
        glyphs.append(Glyph(images[k], box, apply_weight(probabilities, masks[k].weight)))
    return glyphs


def apply_weight(probabilities: Float32[ndarray, "11"], weight: float) -> Float32[ndarray, "11"]:
    """Multiply each probability by `weight`, and add the difference to that of "no digit"."""
    weighted = probabilities * np.float32(weight)
    weighted[NON_DIGIT] += np.float32(1 - weight)
    return weighted


def digit_masks(grey: UInt8[ndarray, "h w"]) -> Iterator[DigitMask]:
    """Yield all candidates, the one of `normalise` first."""
    for variant, found, weight in ink_variants(grey):
        for name, ink, mask, factor in () if found.blank else mask_variants(found.ink):
            if mask.any():
                yield DigitMask(f"{variant}{name}", ink, found.reduction, mask, weight * factor)


def ink_variants(grey: UInt8[ndarray, "h w"]) -> Iterator[tuple[str, Ink, float]]:
    """Yield (name, ink, weight): plain, without light gradient, with faint ink, inverted.

    A generator, since the first is usually enough.
    """
    first = find_ink(grey, MAX_DIGIT_INK_SIDE)
    yield "", first, 1.0
    if max(grey.shape) < MIN_UNEVEN_SIDE:
        levelled = find_ink(remove_light_gradient(grey), MAX_DIGIT_INK_SIDE)
        yield "levelled ", levelled, LEVELLED_WEIGHT
    yield "faint ", find_ink(grey, MAX_DIGIT_INK_SIDE, FAINT_NOISE_FACTOR), FAINT_WEIGHT
    if first.polarity_doubtful:
        yield "inverted ", find_ink(grey, MAX_DIGIT_INK_SIDE, inverted=True), INVERTED_WEIGHT


def mask_variants(
    ink: Float32[ndarray, "y x"],
) -> Iterator[tuple[str, Float32[ndarray, "y x"], Bool[ndarray, "y x"], float]]:
    """Yield (name, ink, mask, weight) for each part of the ink that may be the digit."""
    yield "normal", ink, choose_digit(ink), 1.0
    yield "inside", ink, _inner_components(ink), INSIDE_WEIGHT
    plain = remove_rulings(ink)
    if plain is not ink:
        yield "unruled", plain, choose_digit(plain), UNRULED_WEIGHT
        yield "unruled inside", plain, _inner_components(plain), UNRULED_WEIGHT * INSIDE_WEIGHT
    for mask in _trimmed_components(plain):
        yield "trimmed", plain, mask, TRIMMED_WEIGHT


def _inner_components(ink: Float32[ndarray, "y x"]) -> Bool[ndarray, "y x"]:
    """Return the mask of the components that do not touch the border."""
    found = find_components(ink > EDGE_INK)
    inside = found.mask(~touch_border(found.boxes, ink.shape))
    return inside if (ink * inside).max(initial=0) > CORE_INK else np.zeros_like(inside)


def _trimmed_components(ink: Float32[ndarray, "y x"]) -> Iterator[Bool[ndarray, "y x"]]:
    """Yield the largest component without its outer slices, at the sides that touch the border.

    These slices may belong to a neighbour that touches the digit and extends beyond the picture.
    """
    found = find_components(ink > EDGE_INK)
    if not len(found.areas):
        return
    component = found.labels == found.sums(ink).argmax() + 1
    h, w = ink.shape
    whole = make_piece(component, 0, 0, 0, 0.0)
    left, top, right, bottom = whole.box
    pieces = cut_into_slices(whole, ink[top:bottom, left:right], LIKELY_DIGIT_HEIGHT * h)
    for first in range(MAX_TRIMMED_SLICES + 1 if left == 0 else 1):
        for last in range(MAX_TRIMMED_SLICES + 1 if right == w else 1):
            kept = pieces[first : len(pieces) - last]
            if first + last and kept:
                mask = np.zeros_like(component)
                for piece in kept:
                    x, y, x_end, y_end = piece.box
                    mask[y:y_end, x:x_end] |= piece.mask
                yield mask
