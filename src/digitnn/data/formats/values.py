"""Pixels of any numeric type and size, checked and brought to uint8.

Files hold grey levels as integers, as 0..255 in floats, scaled to 0..1, or as 0..16 (the digits of
scikit-learn). A value that is no whole grey level is an error: rounding it would hide that the
images were standardised or resampled.
Axes: n images, h w pixels.
"""

from math import isqrt

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.formats.notes import tell
from digitnn.errors import FormatError

MIN_SIDE = 7
"""Of images in flat rows: a table of fewer columns holds features, not pixels."""

MAX_SIXTEENTH = 16
"""The highest level of images with 17 grey levels."""

GREY_TOLERANCE = 1e-3
"""How far a scaled value may be from a whole grey level."""

_SCALES = (255.0, 256.0)
"""Grey levels per unit of values up to 1. Theano's mnist.pkl.gz holds k / 256."""

_BLOCK = 4096


def square_side(n_pixels: int) -> int | None:
    """Return the side of a square image of so many pixels; None if it is none or too small."""
    side = isqrt(n_pixels)
    return side if side * side == n_pixels and side >= MIN_SIDE else None


def as_pixels(values: ndarray, name: str) -> UInt8[ndarray, "n h w"]:
    """Return images as uint8 (n, h, w).

    values: (n, h, w), with one channel (n, 1, h, w) or (n, h, w, 1), or flat rows of a square
    number of pixels. Integers and booleans are grey levels as they are; floats that reach no
    further than 1 are scaled, and so are levels from 0 to 16, with a note.
    Raises `FormatError` naming `name` for other shapes and for values that are no grey level.
    """
    shape = _image_shape(values, name)
    rows = values.reshape(len(values), shape[0] * shape[1])
    if rows.dtype.kind not in "buif":
        raise FormatError(f"{name}: pixels must be numbers, got {values.dtype}")
    if rows.dtype == np.uint8:
        return scale_sixteenths(np.ascontiguousarray(rows), name).reshape(-1, *shape)
    images = np.empty(rows.shape, np.uint8)
    if rows.dtype.kind in "bui":
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            if block.dtype.kind != "b":
                _require(block, (block >= 0) & (block <= 255), start, name, "is not 0 to 255")
            images[start : start + _BLOCK] = block
    elif _fill_from_floats(images, rows, name) > 1:
        return images.reshape(-1, *shape)
    return scale_sixteenths(images, name).reshape(-1, *shape)


def scale_sixteenths(images: UInt8[ndarray, "..."], name: str) -> UInt8[ndarray, "..."]:
    """Return levels from 0 to 16 scaled to 0 to 255, with a note; other images as they are."""
    if not 1 < images.max(initial=0) <= MAX_SIXTEENTH:
        return images
    tell(f"{name}: grey levels 0 to {MAX_SIXTEENTH}, scaled to 0 to 255")
    scaled = np.rint(np.arange(MAX_SIXTEENTH + 1) * (255 / MAX_SIXTEENTH)).astype(np.uint8)
    return np.asarray(scaled[images])


def _image_shape(values: ndarray, name: str) -> tuple[int, int]:
    """Return (h, w). Raises `FormatError` for what are no images."""
    shape = values.shape[1:]
    if len(shape) == 3 and 1 in (shape[0], shape[2]):
        shape = shape[1:] if shape[0] == 1 else shape[:2]
    if len(shape) == 1 and (side := square_side(shape[0])):
        shape = (side, side)
    if len(shape) != 2 or 0 in shape:
        raise FormatError(
            f"{name}: expected images of shape (n, h, w), or flat rows of a square number of "
            f"pixels, {MIN_SIDE} x {MIN_SIDE} or more, got {values.shape}"
        )
    return shape[0], shape[1]


def _fill_from_floats(images: ndarray, rows: ndarray, name: str) -> float:
    """Write the grey levels of `rows` into `images`, block by block; return the scale."""
    blocks = range(0, len(rows), _BLOCK)
    for start in blocks:
        block = rows[start : start + _BLOCK]
        in_range = (block >= 0) & (block <= 255 + GREY_TOLERANCE)  # false for NaN
        fault = "is not 0 to 255, nor 0 to 1: expected raw grey levels, not standardised ones"
        _require(block, in_range, start, name, fault)
    highest = max((float(rows[start : start + _BLOCK].max()) for start in blocks), default=0.0)
    scales = _SCALES if highest <= 1 + GREY_TOLERANCE / 255 else (1.0,)
    for scale in scales:
        for start in blocks:
            levels = rows[start : start + _BLOCK].astype(np.float64) * scale
            whole = np.rint(levels)
            fits = (np.abs(levels - whole) <= GREY_TOLERANCE) & (whole <= 255)
            if not fits.all():
                break
            images[start : start + _BLOCK] = whole
        else:
            return scale
    how = "is not k / 255 or k / 256" if len(scales) > 1 else "is no whole number"
    for start in blocks:
        levels = rows[start : start + _BLOCK].astype(np.float64) * scales[0]
        fits = np.abs(levels - np.rint(levels)) <= GREY_TOLERANCE
        fault = f"{how}: expected 256 grey levels, unscaled or as 0 to 1; store them as uint8"
        _require(rows[start : start + _BLOCK], fits, start, name, fault)
    raise FormatError(f"{name}: values mix k / 255 and k / 256; store the images as uint8")


def _require(block: ndarray, fits: ndarray, start: int, name: str, fault: str) -> None:
    """Raise `FormatError` naming the first value of `block` that does not fit."""
    if not fits.all():
        row, pixel = np.argwhere(~fits)[0]
        value = f"{block[row, pixel]:.7g}" if block.dtype.kind == "f" else block[row, pixel]
        raise FormatError(f"{name}: pixel {pixel} of image {start + row} is {value}, which {fault}")
