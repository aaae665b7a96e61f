"""Exactly one digit in a picture: several ways to tell which of the ink it is, the best read wins.

Axes: h w pixels of the picture, y x those of its reduced ink.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import NO_DIGIT
from digitnn.reader.ink.components import marks
from digitnn.reader.ink.ink import FEW_GRAINS, MIN_UNEVEN, Ink, find_ink, level_light
from digitnn.reader.ink.normalise import CORE, EDGE, LONGEST, box_of, choose_marks, image_of
from digitnn.reader.input.opening import Picture
from digitnn.reader.layout.cutting import slices
from digitnn.reader.layout.glyphs import Glyph
from digitnn.reader.layout.pieces import piece_of
from digitnn.reader.layout.rulings import without_rulings
from digitnn.reader.recogniser import ClassifyImages

FIRST = 0.7
"""What `normalise` takes for the digit stands if it is read with this probability."""

LEVELLED, FAINT, TURNED = 0.9, 0.65, 0.75
WHOLE, PLAIN, APART = 0.75, 0.95, 0.52
"""How far each other way is trusted: its probabilities count by this factor. Whoever looks in many
ways finds a digit in anything; by these, junk is accepted as seldom as by the first way alone."""

MAX_SLICES = 3
"""So many slices at a side may be a neighbour's."""

LIKELY_HEIGHT = 0.8
"""Of the picture: a digit in a picture that shows parts of its neighbours."""


@dataclass(frozen=True)
class Way:
    """Where the digit may be. step: side of a pixel of `ink`, in the picture's; trust: 0..1."""

    name: str
    ink: Float32[ndarray, "y x"]
    step: int
    digit: Bool[ndarray, "y x"]
    trust: float


def single(picture: Picture, classify: ClassifyImages) -> Glyph | None:
    """The one digit of a picture; None where there is no ink that hangs together.

    What `normalise` takes for it comes first. Where that is not read surely, the picture may hold
    parts of neighbours, the print of a form, faint ink on rough paper.
    """
    found = ways(picture.grey)
    glyphs = _read(list(islice(found, 1)), picture, classify)
    if not glyphs or glyphs[0].sureness < FIRST:
        glyphs += _read(list(found), picture, classify)
    return max(glyphs, key=lambda glyph: glyph.sureness, default=None)


def _read(found: Sequence[Way], picture: Picture, classify: ClassifyImages) -> list[Glyph]:
    """What each way leads to, those to the same image but once, read in one batch."""
    images = [image_of(way.ink, way.digit)[0] for way in found]
    first = {image.tobytes(): place for place, image in reversed(list(enumerate(images)))}
    different = sorted(first.values())
    if not different:
        return []
    read = classify(np.stack([images[place] for place in different]))
    return [
        Glyph(images[k], _box(found[k], picture), trusted(probabilities, found[k].trust))
        for k, probabilities in zip(different, read, strict=True)
    ]


def trusted(probabilities: Float32[ndarray, "11"], trust: float) -> Float32[ndarray, "11"]:
    """Each digit by so much less probable; what is missing then is for "no digit"."""
    less = probabilities * np.float32(trust)
    less[NO_DIGIT] += np.float32(1 - trust)
    return less


def _box(way: Way, picture: Picture) -> tuple[int, int, int, int]:
    height, width = picture.grey.shape
    left, top, right, bottom = (side * way.step for side in box_of(way.digit))
    return left, top, min(right, width), min(bottom, height)


def ways(grey: UInt8[ndarray, "h w"]) -> Iterator[Way]:
    """Everything that may be the digit, that which `normalise` takes for it first."""
    for name, found, trust in inks(grey):
        for how, ink, digit, share in () if found.blank else places(found.ink):
            if digit.any():
                yield Way(f"{name}{how}", ink, found.step, digit, trust * share)


def inks(grey: UInt8[ndarray, "h w"]) -> Iterator[tuple[str, Ink, float]]:
    """What may be ink: also with the light levelled, also faint, in doubt also the other side.

    Each is looked for only when it is asked for: mostly the first is enough.
    """
    first = find_ink(grey, LONGEST)
    yield "", first, 1.0
    if max(grey.shape) < MIN_UNEVEN:
        yield "levelled ", find_ink(level_light(grey), LONGEST), LEVELLED
    yield "faint ", find_ink(grey, LONGEST, FEW_GRAINS), FAINT
    if first.doubtful:
        yield "turned ", find_ink(grey, LONGEST, turned=True), TURNED


def places(
    ink: Float32[ndarray, "y x"],
) -> Iterator[tuple[str, Float32[ndarray, "y x"], Bool[ndarray, "y x"], float]]:
    """Where in the ink the digit may be."""
    yield "normal", ink, choose_marks(ink), 1.0
    yield "whole", ink, _whole_marks(ink), WHOLE
    plain = without_rulings(ink)
    if plain is not ink:
        yield "plain", plain, choose_marks(plain), PLAIN
        yield "plain whole", plain, _whole_marks(plain), PLAIN * WHOLE
    for digit in _without_neighbours(plain):
        yield "apart", plain, digit, APART


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
    for first in range(MAX_SLICES + 1 if left == 0 else 1):
        for last in range(MAX_SLICES + 1 if right == w else 1):
            kept = pieces[first : len(pieces) - last]
            if first + last and kept:
                digit = np.zeros_like(mark)
                for piece in kept:
                    x, y, x_end, y_end = piece.box
                    digit[y:y_end, x:x_end] |= piece.mask
                yield digit
