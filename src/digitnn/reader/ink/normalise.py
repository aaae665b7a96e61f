"""Normalise a picture of one digit to a (28, 28) uint8 image as in MNIST, 0 paper to 255 ink.

    picture -> ink -> the digit's components -> 20 x 20, anti-aliased -> centred in 28 x 28

MNIST scales a bilevel digit to fit 20 x 20 pixels, keeping its aspect ratio, and moves its centre
of mass to the centre of 28 x 28 (LeCun, Bottou, Bengio and Haffner 1998, section III A).
Axes: h w pixels of the picture, y x pixels of the reduced ink, s side of a square, m components.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from numpy import ndarray
from PIL import Image

from digitnn.data.dataset import DIGIT_SIDE, SIDE
from digitnn.errors import PictureError
from digitnn.reader.ink.components import Box, bounding_box, enlarge_box, find_components
from digitnn.reader.ink.ink import dilate_by_square, find_ink
from digitnn.reader.input.opening import Picture

MAX_DIGIT_INK_SIDE = 512
"""Longest side of the ink of a single digit: 25 ink pixels per image pixel of the 20, so that no
stroke is lost to rounding, and a 12-megapixel photo costs no more than a screenshot."""

EDGE_INK, CORE_INK = 0.15, 0.5
"""Ink above the first value belongs to a component, which needs ink above the second somewhere."""

MIN_LARGEST_SHARE = 0.25
"""A digit has a component with at least this share of all ink; the largest of noise had 0.17."""

DOT_STROKE_WIDTHS = (0.7, 2.5)
"""Smallest and largest side of a dot in stroke widths. With their dots, "?" is no 7, "i" no 1."""

MAX_STRIP_SHARE = 0.2
"""A component along a whole side of the picture, no wider than this share of it, is no digit."""

FINE_SIDE = 80
"""Strokes are thickened at this many pixels a side, or up to twice as many."""

MIN_STROKE_WIDTH = 1.7
"""Thinner strokes are thickened to this width, in image pixels: the 5th percentile of MNIST's
training images by `stroke_width` (the 95th is 3.9)."""


@dataclass(frozen=True)
class Normalised:
    """box: of the digit in picture pixels: left, top, right, bottom; right, bottom exclusive."""

    image: UInt8[ndarray, "28 28"]
    box: Box
    notes: tuple[str, ...]


def normalise(picture: Picture) -> Normalised:
    """Normalise the single digit of `picture`. Raises `PictureError` if there is no ink."""
    found = find_ink(picture.grey, MAX_DIGIT_INK_SIDE)
    if found.blank:
        raise PictureError(f"{picture.name}: no ink; expected a digit")
    digit = choose_digit(found.ink)
    if not digit.any():
        raise PictureError(f"{picture.name}: no ink that hangs together; expected a digit")
    image, notes = image_from_ink(found.ink, digit)
    box = enlarge_box(bounding_box(digit), found.reduction, picture.grey.shape)
    return Normalised(image, box, picture.notes + found.notes + notes)


def image_from_ink(
    ink: Float32[ndarray, "y x"], digit: Bool[ndarray, "y x"]
) -> tuple[UInt8[ndarray, "28 28"], tuple[str, ...]]:
    """Return the image of the ink under the mask `digit`, and notes.

    Every glyph is normalised here, whether it is alone in its picture or on a page.
    """
    # Soft edges have a faint outside, below `EDGE_INK`: dilate the mask by one pixel.
    square = crop_to_square(ink * dilate_by_square(np.pad(digit, 1), 3), bounding_box(digit))
    square, notes = thicken_thin_strokes(square)
    return centre_by_mass(scale_to_box(square)), notes


def choose_digit(ink: Float32[ndarray, "y x"]) -> Bool[ndarray, "y x"]:
    """Return the mask of the digit: its components, without specks and parts of neighbours.

    Keeps the largest component and those of at least a tenth of its ink (the bar of a 5, a broken
    8). A component that touches the border counts a third: next to a whole component it is a
    neighbour, a fold or the table. A dot above or below is kept too. The mask is empty where the
    ink is scattered: see `MIN_LARGEST_SHARE`.
    """
    found = find_components(ink > EDGE_INK)
    weights = found.sums(ink)
    h, w = ink.shape
    touches = (found.boxes == [0, 0, w, h]).any(axis=1)
    has_core = (found.sums(ink > CORE_INK) > 0) & ~_are_border_strips(found.boxes, h, w)
    counted = weights * has_core / np.where(touches, 3, 1)
    kept = counted >= counted.max() / 10
    if not counted.any() or weights[kept].max() < MIN_LARGEST_SHARE * weights.sum():
        return np.zeros_like(found.labels, bool)
    digit = found.mask(kept)
    are_dots = _are_dots(found.boxes, bounding_box(digit), ink * digit)
    dots = ~kept & has_core & ~touches & are_dots
    return found.mask(kept | dots) if dots.any() else digit


def _are_border_strips(boxes: Int64[ndarray, "m 4"], h: int, w: int) -> Bool[ndarray, " m"]:
    """Return which boxes are strips along one whole side of the picture: a sheet's edge, a shadow.

    A digit that fills its picture touches the opposite side too.
    """
    at = boxes == [0, 0, w, h]
    wide, high = (boxes[:, 2:] - boxes[:, :2]).T
    left_or_right = (wide <= w * MAX_STRIP_SHARE) & at[:, 1] & at[:, 3] & (at[:, 0] ^ at[:, 2])
    top_or_bottom = (high <= h * MAX_STRIP_SHARE) & at[:, 0] & at[:, 2] & (at[:, 1] ^ at[:, 3])
    return np.asarray(left_or_right | top_or_bottom)


def _are_dots(
    boxes: Int64[ndarray, "m 4"], digit: Box, ink: Float32[ndarray, "y x"]
) -> Bool[ndarray, " m"]:
    """Return which boxes are about as large as `ink`'s strokes are wide, above or below `digit`."""
    left, top, right, bottom = digit
    sides = (boxes[:, 2:] - boxes[:, :2]) / stroke_width(ink)
    are_small = ((sides >= DOT_STROKE_WIDTHS[0]) & (sides <= DOT_STROKE_WIDTHS[1])).all(axis=1)
    middle = (boxes[:, 0] + boxes[:, 2]) / 2
    gap = np.maximum(top - boxes[:, 3], boxes[:, 1] - bottom)
    are_near = (middle >= left) & (middle <= right) & (gap >= 0) & (gap <= (bottom - top) / 2)
    return are_small & are_near


def crop_to_square(ink: Float32[ndarray, "y x"], box: Box) -> Float32[ndarray, "s s"]:
    """Return the ink in `box`, centred in the smallest square that holds it; the rest is paper."""
    left, top, right, bottom = box
    part = ink[top:bottom, left:right]
    gaps = [max(part.shape) - side for side in part.shape]
    return np.pad(part, [(gap // 2, gap - gap // 2) for gap in gaps])


def stroke_width(ink: Float32[ndarray, "y x"]) -> float:
    """Return the mean stroke width in pixels: 2 area / outline length.

    The outline length is the total variation (coarea formula), so soft edges need no threshold.
    The factor pi / 4 corrects the vertical plus horizontal variation for strokes in all directions.
    """
    padded = np.pad(ink, 1)
    variation = np.abs(np.diff(padded, axis=0)).sum() + np.abs(np.diff(padded, axis=1)).sum()
    return float(2 * ink.sum() / (variation * np.pi / 4))


def thicken_thin_strokes(
    square: Float32[ndarray, "s s"],
) -> tuple[Float32[ndarray, "s s"], tuple[str, ...]]:
    """Return the digit with strokes at least `MIN_STROKE_WIDTH` wide, and notes.

    A thin pen on a large sheet would fade to nothing at 20 x 20. Thick strokes stay as they are:
    thinning does not reopen the loops that they closed.
    """
    width = stroke_width(square) * DIGIT_SIDE / len(square)
    if width >= MIN_STROKE_WIDTH:
        return square, ()
    fine = _resample_finely(square)
    pixel = DIGIT_SIDE / len(fine)
    radius = max(round((MIN_STROKE_WIDTH / pixel - stroke_width(fine)) / 2), 0)
    note = f"strokes thickened from {width:.1f} to {MIN_STROKE_WIDTH:.1f} pixels of the image"
    return dilate_by_disc(np.pad(fine, radius), radius), (note,)


def _resample_finely(square: Float32[ndarray, "s s"]) -> Float32[ndarray, "f f"]:
    """Resample to 80 to 160 pixels a side, so that thickening can be finer than an image pixel.

    Reduces by the maximum of each block: the mean would erase a hairline.
    """
    side = len(square)
    block = side // FINE_SIDE
    if block <= 1:
        size = max(side, FINE_SIDE)
        return np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BICUBIC))
    padded = np.pad(square, (0, -side % block))
    blocks = padded.reshape(len(padded) // block, block, -1, block)
    return np.ascontiguousarray(blocks.max(axis=(1, 3)))


def dilate_by_disc(ink: Float32[ndarray, "y x"], radius: int) -> Float32[ndarray, "y x"]:
    """Return the maximum ink within `radius` pixels, row by row of the disc."""
    h, w = ink.shape
    padded = np.pad(ink, radius)
    dilated = np.zeros_like(ink)
    for down in range(-radius, radius + 1):
        half = int(np.sqrt(radius**2 - down**2 + radius))  # rounder than without the last term
        row = padded[radius + down : radius + down + h]
        for across in range(-min(half, radius), min(half, radius) + 1):
            np.maximum(dilated, row[:, radius + across : radius + across + w], out=dilated)
    return dilated


def scale_to_box(square: Float32[ndarray, "s s"]) -> Float32[ndarray, "20 20"]:
    """Scale to 20 x 20 by area means, or by bicubic interpolation when enlarging."""
    side = len(square)
    if side == DIGIT_SIDE:
        return square
    if side < DIGIT_SIDE:
        small = np.asarray(
            Image.fromarray(square).resize((DIGIT_SIDE, DIGIT_SIDE), Image.Resampling.BICUBIC)
        )
    else:
        weights = area_weights(side, DIGIT_SIDE)
        small = weights @ square @ weights.T
    return np.clip(small / small.max(), 0, 1).astype(np.float32)


def area_weights(many: int, few: int) -> Float32[ndarray, "few many"]:
    """Return the matrix that averages a row of `many` pixels over `few` equal areas."""
    edges = np.arange(few + 1) * (many / few)
    covered = np.clip(edges[:, None] - np.arange(many), 0, 1)  # of each pixel, left of each edge
    return (np.diff(covered, axis=0) * (few / many)).astype(np.float32)


def centre_by_mass(digit: Float32[ndarray, "20 20"]) -> UInt8[ndarray, "28 28"]:
    """Move the centre of mass by whole pixels to the centre; no ink leaves the image."""
    total = digit.sum()
    middle = (SIDE - 1) / 2
    starts = []
    for axis in (0, 1):
        mean = float((digit.sum(axis=1 - axis) * np.arange(DIGIT_SIDE)).sum() / total)
        starts.append(min(max(round(middle + 0.5 - mean), 0), SIDE - DIGIT_SIDE))
    image = np.zeros((SIDE, SIDE), np.uint8)
    y, x = starts
    image[y : y + DIGIT_SIDE, x : x + DIGIT_SIDE] = np.rint(digit * 255)
    return image
