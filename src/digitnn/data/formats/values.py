"""Pixels and labels of any numeric type, checked and brought to uint8.

Files hold grey levels as integers, as 0..255 in floats, or scaled to 0..1, and labels as integers,
whole floats, decimal strings or one-hot rows. A value that is no whole grey level is an error:
rounding it would hide that the images were standardised or resampled.
Axes: n images, h = w = 28 pixels, k = 10 classes.
"""

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.dataset import CLASSES, SIDE, as_digits
from digitnn.errors import FormatError

PIXELS = SIDE * SIDE
GREY_TOLERANCE = 1e-3
"""How far a scaled value may be from a whole grey level."""

_SCALES = (255.0, 256.0)
"""Grey levels per unit of values up to 1. Theano's mnist.pkl.gz holds k / 256."""

_BLOCK = 4096


def as_pixels(values: ndarray, name: str) -> UInt8[ndarray, "n 28 28"]:
    """Return images as uint8 (n, 28, 28).

    values: (n, 784), (n, 28, 28), or with one channel (n, 1, 28, 28) or (n, 28, 28, 1). Integers
    and booleans are grey levels as they are; floats that reach no further than 1 are scaled.
    Raises `FormatError` naming `name` for other shapes and for values that are no grey level.
    """
    if values.shape[1:] not in ((PIXELS,), (SIDE, SIDE), (1, SIDE, SIDE), (SIDE, SIDE, 1)):
        raise FormatError(
            f"{name}: expected images of shape (n, {SIDE}, {SIDE}) or (n, {PIXELS}), "
            f"got {values.shape}"
        )
    rows = values.reshape(len(values), PIXELS)
    if rows.dtype.kind not in "buif":
        raise FormatError(f"{name}: pixels must be numbers, got {values.dtype}")
    if rows.dtype == np.uint8:
        return np.ascontiguousarray(rows).reshape(-1, SIDE, SIDE)
    images = np.empty((len(rows), PIXELS), np.uint8)
    if rows.dtype.kind in "bui":
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            if block.dtype.kind != "b":
                _require(block, (block >= 0) & (block <= 255), start, name, "is not 0 to 255")
            images[start : start + _BLOCK] = block
    else:
        _fill_from_floats(images, rows, name)
    return images.reshape(-1, SIDE, SIDE)


def as_labels(values: ndarray, name: str) -> UInt8[ndarray, " n"]:
    """Return labels as uint8 (n,), each 0 to 9.

    values: (n,), (n, 1) or (1, n) integers, whole floats or decimal strings; or one-hot (n, 10).
    Raises `FormatError` naming `name` for anything else.
    """
    if values.ndim == 2 and values.shape[1] == CLASSES and values.shape[0] != 1:
        if values.dtype.kind not in "buif":
            raise FormatError(f"{name}: one-hot labels must be numbers, got {values.dtype}")
        hot = values == 1
        wrong = (hot.sum(axis=1) != 1) | (values != hot).any(axis=1)
        if wrong.any():
            raise FormatError(
                f"{name}: row {int(np.argmax(wrong))} is not one-hot; expected one 1 and nine 0"
            )
        return hot.argmax(axis=1).astype(np.uint8)
    if values.ndim == 2 and 1 in values.shape:
        values = values.reshape(-1)
    if values.ndim != 1:
        raise FormatError(
            f"{name}: expected labels of shape (n,) or one-hot (n, {CLASSES}), got {values.shape}"
        )
    if values.dtype.kind in "US":
        values = _parse_strings(values, name)
    elif values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            wrong = ~(values == np.floor(values)) | ~(np.abs(values) < 2**31)
        if wrong.any():
            where = int(np.argmax(wrong))
            raise FormatError(
                f"{name} must be integers, got {values.dtype}: label {where} is {values[where]:g}"
            )
        values = values.astype(np.int64)
    return as_digits(values, name)


def _parse_strings(values: ndarray, name: str) -> ndarray:
    digits = {str(digit): digit for digit in range(CLASSES)}
    digits |= {text.encode(): digit for text, digit in list(digits.items())}  # type: ignore[misc]
    try:
        return np.array([digits[value] for value in values.tolist()], np.int64)
    except KeyError as error:
        raise FormatError(f"{name}: label {error.args[0]!a}; labels are 0 to 9") from None


def _fill_from_floats(images: ndarray, rows: ndarray, name: str) -> None:
    """Write the grey levels of `rows` into `images`, block by block."""
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
            return
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
