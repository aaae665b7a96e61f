"""Take arrays as people hold them: any container, number type, range and shape; give 8-bit pixels.

    source -> array -> one picture, or the pictures of a batch -> scaled to 0..255

The shapes: `as_picture`, `batch_of_pictures`, `digit_images`. The ranges: `find_scale`.
Axes: n images, h w pixels, c channels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeGuard

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray

from digitnn.data.dataset import SIDE
from digitnn.errors import PictureError
from digitnn.wording import error_text

PIXEL_KINDS = "buif"
"""The kinds of NumPy's types that can be pixels: bools, integers, floats."""

SOURCE_KINDS = "OUS"
"""The kinds that hold other sources: objects, strings, bytes."""

FULL_SCALES = (
    (0, 1 / 255),  # fractions that were divided by 255 once more
    (0, 1),
    (-0.5, 0.5),
    (-1, 1),
    (0, 255),
    (-128, 127),
    (0, 1023),  # cameras: 10, 12 and 14 bits
    (0, 4095),
    (0, 16383),
    (0, 65535),
)
"""Black and white of the usual encodings. The first that holds all pixels applies."""

MAX_OVERSHOOT = 0.1
"""Pixels may exceed a full scale by this share of their range, as interpolation does at edges."""

MAX_SMALL_NUMBER = 18
"""Arrays whose largest magnitude is above the fractions and at most this are on no full scale, but
standardised, counts, or scikit-learn's digits (0..16, more if interpolated); bytes so small would
be all but black."""

MIN_SMALL_BYTE = 9
"""The same for uint8, whose black frames from a sensor must stay black: from this maximum on."""

_PIXELS = SIDE * SIDE
_IMAGE_SHAPES = ((SIDE, SIDE), (1, SIDE, SIDE), (SIDE, SIDE, 1), (_PIXELS,))
_BLOCK = 4096


class SupportsArray(Protocol):
    """Converts itself to NumPy: tensors, data frames, arrays of other libraries."""

    def __array__(self) -> ndarray: ...


ArraySource: TypeAlias = ndarray | Sequence[Any] | SupportsArray
"""An array, nested lists, or anything with `__array__`."""


@dataclass(frozen=True)
class Scale:
    """The values of black and white. notes: says so where they are not those of the type."""

    black: float
    white: float
    notes: tuple[str, ...] = ()

    def to_bytes(self, pixels: Shaped[ndarray, "..."], name: str) -> UInt8[ndarray, "..."]:
        """Scale pixels to 0..255. Raises `PictureError` for NaN and infinity."""
        if pixels.dtype == np.uint8 and (self.black, self.white) == (0, 255):
            return pixels
        with np.errstate(over="ignore", invalid="ignore"):
            values = pixels.astype(np.float32)
            values -= np.float32(self.black)
            values *= np.float32(255 / (self.white - self.black))
            finite = np.isfinite(values)
        if not finite.all():
            raise PictureError(
                f"{name}: expected finite pixels, but {np.count_nonzero(~finite):,} of "
                f"{finite.size:,} are NaN or infinite, got {describe(pixels)}"
            )
        return np.rint(values, out=values).astype(np.uint8)


def find_scale(array: Shaped[ndarray, "..."]) -> Scale:
    """Return what is black and what is white in an array of numbers; NaN and infinity are ignored.

    A full scale (see `FULL_SCALES`) if one holds the pixels, so that a pale picture stays pale;
    else the array's own range, with 0.
    """
    low, high = _range_of(array)
    if array.dtype == bool or low == high == 0:
        return Scale(0, 1)
    if array.dtype == np.uint8 and high != 1 and not MIN_SMALL_BYTE <= high <= MAX_SMALL_NUMBER:
        return Scale(0, 255)
    black, white = _choose_scale(low, high)
    usual = {"f": (0, 1), "u": (0, np.iinfo(np.uint16).max)}.get(array.dtype.kind)
    if (black, white) in ((0, 255), usual):
        return Scale(black, white)
    return Scale(black, white, (f"pixels from {black:.5g} to {white:.5g} scaled to 0..255",))


def _range_of(array: ndarray) -> tuple[float, float]:
    """Return the minimum and the maximum of the finite pixels; 0 and 0 if there is none."""
    if not array.size:
        return 0.0, 0.0
    low, high = float(array.min()), float(array.max())
    limit = float(np.finfo(np.float32).max)
    if -limit <= low and high <= limit:
        return low, high
    values = array.astype(np.float64)
    finite = values[np.abs(values) <= limit]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _choose_scale(low: float, high: float) -> tuple[float, float]:
    largest = max(-low, high)
    margin = MAX_OVERSHOOT * (high - low)
    if not 1 + MAX_OVERSHOOT < largest <= MAX_SMALL_NUMBER:
        for black, white in FULL_SCALES:
            if black - margin <= low and high <= white + margin:
                return min(low, black), max(high, white)
    return min(low, 0.0), max(high, 0.0)


def is_array(source: object) -> TypeGuard[ArraySource]:
    """Return whether `source` holds pixels as an array, nested lists, or with `__array__`."""
    if isinstance(source, str | bytes):  # NumPy's own strings have `__array__`
        return False
    return isinstance(source, ndarray | list | tuple) or hasattr(source, "__array__")


def to_array(source: ArraySource) -> tuple[ndarray, str]:
    """Return `source` as an array of any type, and its name for messages.

    Raises `PictureError` if it cannot be converted: lists of unequal length, a tensor on a GPU.
    """
    name = "array" if isinstance(source, ndarray) else type(source).__name__
    if not is_array(source):
        raise PictureError(f"{name}: expected an array, nested lists or a tensor")
    try:
        return np.asarray(source), name
    except Exception as error:  # ValueError, RuntimeError, TypeError, ...: as the library likes
        raise PictureError(f"{name}: cannot be made an array ({error_text(error)})") from None


def as_picture(
    array: Shaped[ndarray, "..."], name: str
) -> tuple[Shaped[ndarray, "h w ..."], tuple[str, ...]]:
    """Return an array of one picture as (h, w) or (h, w, c), and notes.

    (h, w), (h, w, c) and (c, h, w) are accepted, also after axes of length 1, and (784,). Raises
    `PictureError` for others, such as a batch, and for (3, 28, 28) and (4, 28, 28), which may be
    a batch or channels.
    """
    if array.shape in ((3, SIDE, SIDE), (4, SIDE, SIDE)):
        raise PictureError(
            f"{name}: {describe(array)} may be {array.shape[0]} images or the channels of one; "
            "read_many reads images, np.moveaxis(array, 0, -1) makes it one colour picture"
        )
    found = _layout(array)
    if found is None:
        raise PictureError(
            f"{name}: expected one picture, numbers of shape (h, w), (h, w, 1 to 4), (3 or 4, h, w)"
            f" or ({_PIXELS},), got {describe(array)}; read_many reads a batch"
        )
    if found.shape[1:] == (_PIXELS,):
        return found, (f"read as one picture {_PIXELS} pixels wide; read_many reads a batch",)
    if found.ndim == 3 and found.shape != array.shape[-3:]:
        return found, (f"shape {array.shape}: the first of three axes taken as channels",)
    return found, ()


def batch_of_pictures(
    array: Shaped[ndarray, "n ..."], name: str
) -> Sequence[Shaped[ndarray, "h w ..."]]:
    """Return the pictures of a batch, each (h, w) or (h, w, c), along the first axis of `array`.

    Each has one of the shapes that `as_picture` accepts. Raises `PictureError` for others.
    """
    pictures = [_layout(picture) for picture in array] if array.ndim > 1 else [None]
    found = [picture for picture in pictures if picture is not None]
    if len(found) < len(pictures):
        raise PictureError(
            f"{name}: expected a batch, numbers of shape (n, h, w), (n, h, w, 1 to 4), "
            f"(n, 3 or 4, h, w) or (n, {_PIXELS}), got {describe(array)}; read reads one picture"
        )
    return found


def digit_images(source: ArraySource) -> UInt8[ndarray, "n 28 28"]:
    """Return images of 28 x 28 pixels as a network takes them, on one scale for the whole array.

    (28, 28), (1, 28, 28), (28, 28, 1) and (784,) are accepted, with or without a first axis n.
    Raises `PictureError` for others.
    """
    array, name = to_array(source)
    batch = array if array.shape[1:] in _IMAGE_SHAPES else array[np.newaxis]
    if batch.shape[1:] not in _IMAGE_SHAPES or array.dtype.kind not in PIXEL_KINDS:
        raise PictureError(
            f"{name}: expected images, numbers of shape (n, {SIDE}, {SIDE}), "
            f"(n, 1, {SIDE}, {SIDE}) or (n, {_PIXELS}), got {describe(array)}"
        )
    batch = batch.reshape(len(batch), SIDE, SIDE)
    scale = find_scale(batch)
    images = np.empty(batch.shape, np.uint8)
    for start in range(0, len(batch), _BLOCK):  # bounds the memory of floats
        images[start : start + _BLOCK] = scale.to_bytes(batch[start : start + _BLOCK], name)
    return images


def _layout(array: ndarray) -> ndarray | None:
    """Return the picture of an array as (h, w) or (h, w, c); None if it is not one picture."""
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if not array.size or array.dtype.kind not in PIXEL_KINDS:
        return None
    if array.shape in ((_PIXELS,), (1, _PIXELS)):
        return array.reshape(SIDE, SIDE)
    if array.ndim == 2 and array.shape[1] == _PIXELS and len(array) < 5:
        return None  # a small batch, not a picture of so few rows
    if array.ndim == 3:
        if array.shape[2] == 1:
            return array[..., 0]
        if array.shape[2] in (2, 3, 4):
            return array
        return np.moveaxis(array, 0, -1) if len(array) in (3, 4) else None
    return array if array.ndim == 2 else None


def describe(array: ndarray) -> str:
    """Return the type and shape for messages."""
    return f"{array.dtype} {array.shape}"
