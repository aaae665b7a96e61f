"""A picture of one digit becomes (28, 28) uint8 as MNIST's makers did it: 0 paper to 255 ink.

    picture -> ink -> the digit's marks -> 20 x 20, anti-aliased -> centre of mass in the middle

They scaled a bilevel digit to fit 20 x 20 pixels, keeping its proportions, and moved its centre of
mass to the middle of 28 x 28 (LeCun, Bottou, Bengio and Haffner 1998, section III A).
Axes: h w pixels of the picture, y x those of the reduced ink.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from numpy import ndarray
from PIL import Image

from digitnn.data.dataset import BOX, SIDE
from digitnn.errors import PictureError
from digitnn.reader.ink.components import marks
from digitnn.reader.ink.ink import find_ink, running_max
from digitnn.reader.input.opening import Picture

LONGEST = 512
"""The ink's longest side: 25 pixels for each of the image's, so that no stroke is lost to rounding,
and 12 megapixels cost no more than a screen's worth."""

EDGE = 0.15
"""Ink from here on belongs to a mark that has `CORE` somewhere: its soft edge."""

CORE = 0.5

SCATTERED = 0.25
"""A digit has a mark with at least this share of all ink; the largest speck of grain had 0.17."""

DOT = (0.7, 2.5)
"""The sides of a dot above or below, in widths of the strokes: it makes a letter or a sign of what
would be a digit without it, as ? of 7, i of 1."""

STRIP = 0.2
"""Of the picture: what runs along a whole side of it and is no wider is no digit."""

FINE = 80
"""Strokes are thickened on this many pixels a side, or up to twice as many."""

WIDTHS = (1.7, 3.9)
"""Stroke widths of MNIST's training images in pixels, 5th to 95th percentile, by `stroke_width`."""


@dataclass(frozen=True)
class Steps:
    """What `normalise` saw on the way, for a person to look at."""

    grey: UInt8[ndarray, "h w"]
    ink: Float32[ndarray, "y x"]
    digit: Bool[ndarray, "y x"]
    square: Float32[ndarray, "s s"]


@dataclass(frozen=True)
class Normalised:
    """box: left, top, right, bottom of the digit in the picture's pixels, ends exclusive."""

    image: UInt8[ndarray, "28 28"]
    box: tuple[int, int, int, int]
    notes: tuple[str, ...]
    steps: Steps


def normalise(picture: Picture) -> Normalised:
    """The one digit of `picture`. Raises `PictureError` where there is no ink."""
    found = find_ink(picture.grey, LONGEST)
    if found.blank:
        raise PictureError(f"{picture.name}: no ink; expected a digit")
    digit = choose_marks(found.ink)
    if not digit.any():
        raise PictureError(f"{picture.name}: no ink that hangs together; expected a digit")
    left, top, right, bottom = box_of(digit)
    image, thick, notes = image_of(found.ink, digit)
    height, width = picture.grey.shape
    scale = found.step
    box = (left * scale, top * scale, min(right * scale, width), min(bottom * scale, height))
    steps = Steps(picture.grey, found.ink, digit, thick)
    return Normalised(image, box, picture.notes + found.notes + notes, steps)


def image_of(
    ink: Float32[ndarray, "y x"], digit: Bool[ndarray, "y x"]
) -> tuple[UInt8[ndarray, "28 28"], Float32[ndarray, "s s"], tuple[str, ...]]:
    """The image of the ink where `digit` is, the square it was scaled from, and what was decided.

    Every glyph takes this way, alone in its picture or one of a page.
    """
    square, notes = mend_width(cut_square(ink * _with_fringe(digit), box_of(digit)))
    return centre(fit(square)), square, notes


def choose_marks(ink: Float32[ndarray, "y x"]) -> Bool[ndarray, "y x"]:
    """Where the digit is: its marks with their soft edges, without specks and parts of neighbours.

    The largest mark, and those of at least a tenth of it: the bar of a 5, a broken 8. What runs out
    of the picture counts as a third: beside a whole mark it is a neighbour, a fold or the table.
    A dot above or below comes along. None where the ink is scattered: see `SCATTERED`.
    """
    found = marks(ink > EDGE)
    weights = np.bincount(found.labels.ravel(), ink.ravel(), len(found.areas) + 1)[1:]
    has_core = np.zeros(len(found.areas) + 1, bool)
    has_core[found.labels[ink > CORE]] = True
    h, w = ink.shape
    touches = (found.boxes[:, :2] == 0).any(axis=1) | (found.boxes[:, 2:] == [w, h]).any(axis=1)
    has_core[1:] &= ~_are_edges(found.boxes, w, h)
    counted = weights * has_core[1:] / np.where(touches, 3, 1)
    kept = counted >= counted.max() / 10
    if not counted.any() or weights[kept].max() < SCATTERED * weights.sum():
        return np.zeros_like(found.labels, bool)
    digit = np.concatenate([[False], kept])[found.labels]
    dots = ~kept & has_core[1:] & ~touches & _are_dots(found.boxes, box_of(digit), ink * digit)
    return np.concatenate([[False], kept | dots])[found.labels] if dots.any() else digit


def _are_edges(boxes: Int64[ndarray, "m 4"], w: int, h: int) -> Bool[ndarray, " m"]:
    """Which boxes are strips along a whole side of the picture: the edge of a sheet, a shadow.

    A digit that fills its picture reaches the other side too.
    """
    at = boxes == [0, 0, w, h]
    wide, high = (boxes[:, 2:] - boxes[:, :2]).T
    left_or_right = (wide <= w * STRIP) & at[:, 1] & at[:, 3] & (at[:, 0] ^ at[:, 2])
    top_or_bottom = (high <= h * STRIP) & at[:, 0] & at[:, 2] & (at[:, 1] ^ at[:, 3])
    return np.asarray(left_or_right | top_or_bottom)


def _are_dots(
    boxes: Int64[ndarray, "m 4"], digit: tuple[int, int, int, int], ink: Float32[ndarray, "y x"]
) -> Bool[ndarray, " m"]:
    """Which boxes are as wide and high as `ink`'s strokes, and above or below the digit's box."""
    left, top, right, bottom = digit
    height = bottom - top
    sides = boxes[:, 2:] - boxes[:, :2]
    least, most = (factor * stroke_width(ink) for factor in DOT)
    middle = (boxes[:, 0] + boxes[:, 2]) / 2
    above, below = top - boxes[:, 3], boxes[:, 1] - bottom
    return (
        (sides >= least).all(axis=1)
        & (sides <= most).all(axis=1)
        & (middle >= left)
        & (middle <= right)
        & (np.maximum(above, below) >= 0)
        & (np.maximum(above, below) <= height / 2)
    )


def _with_fringe(digit: Bool[ndarray, "y x"]) -> Bool[ndarray, "y x"]:
    """The digit and the pixels around it: the faint outside of soft edges, below `EDGE`."""
    return running_max(np.pad(digit, 1), 3)


def box_of(digit: Bool[ndarray, "y x"]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is set, ends exclusive."""
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def cut_square(
    ink: Float32[ndarray, "y x"], box: tuple[int, int, int, int]
) -> Float32[ndarray, "s s"]:
    """The ink in `box`, in the middle of the least square that holds it; the rest is paper."""
    left, top, right, bottom = box
    h, w = bottom - top, right - left
    side = max(h, w)
    square = np.zeros((side, side), np.float32)
    y, x = (side - h) // 2, (side - w) // 2
    square[y : y + h, x : x + w] = ink[top:bottom, left:right]
    return square


def stroke_width(ink: Float32[ndarray, "y x"]) -> float:
    """The mean width of the strokes in pixels: twice the area by the outline's length.

    The outline's length is the total variation (the coarea formula), so soft edges need no
    threshold; pi / 4 corrects it, measured down and across, for strokes of all directions.
    """
    framed = np.pad(ink, 1)
    steps = np.abs(np.diff(framed, axis=0)).sum() + np.abs(np.diff(framed, axis=1)).sum()
    return float(2 * ink.sum() / (steps * np.pi / 4))


def mend_width(
    square: Float32[ndarray, "s s"],
) -> tuple[Float32[ndarray, "s s"], tuple[str, ...]]:
    """The digit with strokes at least as wide as MNIST's thin ones.

    A pen on a large sheet is a hair at 20 x 20 and would fade to nothing; thick strokes are as they
    are, thinning closes no gaps that they opened.
    """
    width = stroke_width(square) * BOX / len(square)
    if width >= WIDTHS[0]:
        return square, ()
    fine = _fine(square)
    pixel = BOX / len(fine)
    radius = round((WIDTHS[0] / pixel - stroke_width(fine)) / 2)
    note = f"strokes thickened from {width:.1f} to {WIDTHS[0]:.1f} pixels of the image"
    return disc_max(np.pad(fine, max(radius, 0)), max(radius, 0)), (note,)


def _fine(square: Float32[ndarray, "s s"]) -> Float32[ndarray, "f f"]:
    """On 80 pixels a side or more, below 160: strokes can be thickened by less than a pixel of 20.

    The greatest of each block, not its mean: of a hair's mean nothing would be left.
    """
    side = len(square)
    block = side // FINE
    if block <= 1:
        size = max(side, FINE)
        return np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BICUBIC))
    framed = np.pad(square, (0, -side % block))
    blocks = framed.reshape(len(framed) // block, block, -1, block)
    return np.ascontiguousarray(blocks.max(axis=(1, 3)))


def disc_max(ink: Float32[ndarray, "y x"], radius: int) -> Float32[ndarray, "y x"]:
    """The greatest ink within `radius` pixels, row by row of the disc."""
    h, w = ink.shape
    framed = np.pad(ink, radius)
    greatest = np.zeros_like(ink)
    for down in range(-radius, radius + 1):
        half = int(np.sqrt(radius**2 - down**2 + radius))  # rounder than without the last term
        row = framed[radius + down : radius + down + h]
        for across in range(-min(half, radius), min(half, radius) + 1):
            np.maximum(greatest, row[:, radius + across : radius + across + w], out=greatest)
    return greatest


def fit(square: Float32[ndarray, "s s"]) -> Float32[ndarray, "20 20"]:
    """Scaled to 20 x 20: each pixel the mean of its area, or between neighbours when enlarged."""
    side = len(square)
    if side == BOX:
        return square
    if side < BOX:
        image = Image.fromarray(square).resize((BOX, BOX), Image.Resampling.BICUBIC)
        small = np.asarray(image)
    else:
        shares = area_shares(side, BOX)
        small = shares @ square @ shares.T
    return np.clip(small / small.max(), 0, 1).astype(np.float32)


def area_shares(many: int, few: int) -> Float32[ndarray, "few many"]:
    """The share each of `many` pixels in a row has in each of the `few` that take their place."""
    edges = np.arange(few + 1) * (many / few)
    covered = np.clip(edges[:, None] - np.arange(many), 0, 1)  # of each pixel, left of each edge
    return (np.diff(covered, axis=0) * (few / many)).astype(np.float32)


def centre(digit: Float32[ndarray, "20 20"]) -> UInt8[ndarray, "28 28"]:
    """The centre of mass moved, by whole pixels, to the middle; no ink leaves the image."""
    total = digit.sum()
    middle = (SIDE - 1) / 2
    starts = []
    for axis in (0, 1):
        mean = float((digit.sum(axis=1 - axis) * np.arange(BOX)).sum() / total)
        starts.append(min(max(round(middle + 0.5 - mean), 0), SIDE - BOX))
    image = np.zeros((SIDE, SIDE), np.uint8)
    y, x = starts
    image[y : y + BOX, x : x + BOX] = np.rint(digit * 255)
    return image
