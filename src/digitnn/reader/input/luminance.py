"""Every kind of pixel (palettes, transparency, CMYK, 16 bits, floats) becomes one grey of 8 bits.

Axes: h w pixels, c channels.
"""

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray
from PIL import Image

from digitnn.errors import PictureError

FULL_SCALES = (1, 255, 4095, 65535)
"""White, in pixels that are not bytes: fractions, bytes in a wider type, cameras and scanners of 12
bits, 16 bits. The least that holds every pixel is meant; above all, the greatest pixel is white."""

ONE_TONE = 40
"""Visible pixels that differ by less (10th to 90th percentile, of 255) are one pen's ink."""


def luminance(image: Image.Image, name: str) -> tuple[UInt8[ndarray, "h w"], tuple[str, ...]]:
    """0 black to 255 white (ITU-R 601-2), and what was decided. Pixels are decoded here."""
    if image.has_transparency_data:
        image.load()
        return _composite(image.convert("RGBA"))
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return array_luminance(np.asarray(image), name), ()
    return np.asarray(image if image.mode == "L" else image.convert("L")), ()


def array_luminance(array: Shaped[ndarray, "h w ..."], name: str) -> UInt8[ndarray, "h w"]:
    """An array of bools, bytes, integers or floats, (h, w) or (h, w, c) with 1 to 4 channels."""
    channels = 1 if array.ndim == 2 else array.shape[2]
    if channels not in (1, 2, 3, 4) or array.dtype.kind not in "buif":
        raise PictureError(
            f"{name}: expected bools, integers or floats of shape (h, w) or (h, w, 1 to 4), "
            f"got {array.dtype} {array.shape}"
        )
    pixels = array if array.dtype == np.uint8 else _bytes(array, name)
    if channels == 1:
        return pixels.reshape(array.shape[:2])
    return luminance(Image.fromarray(np.ascontiguousarray(pixels)), name)[0]


def _bytes(array: ndarray, name: str) -> UInt8[ndarray, "..."]:
    """The pixels of a wider type on 0..255; see `FULL_SCALES`."""
    if array.dtype == bool:
        return array * np.uint8(255)
    values = array.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise PictureError(f"{name}: holds pixels that are no finite numbers")
    if low < 0:
        values, high = values - low, high - low
    # Integers of 0 and 1 are a drawing's two colours, like fractions up to 1.
    white = next((scale for scale in FULL_SCALES if high <= scale), high)
    return np.rint(values * np.float32(255 / white)).astype(np.uint8)


def _composite(image: Image.Image) -> tuple[UInt8[ndarray, "h w"], tuple[str, ...]]:
    """What is transparent gets a grey.

    Mostly transparent, or all of one tone: the pen's ink is what is visible, and it is put on white
    or black, whichever is farther. Otherwise the picture brings its paper, with corners cut off
    perhaps: these get the commonest grey, so that their edge is no ink.
    """
    grey = np.asarray(image.convert("RGB").convert("L"))
    alpha = np.asarray(image.getchannel("A"))
    if alpha.min() == 255:
        return grey, ()
    visible = grey[alpha > 127]
    if not visible.size:
        visible = grey[alpha > 0]
    if not visible.size:
        return np.full_like(grey, 255), ("wholly transparent",)
    low, middle, high = np.percentile(visible, [10, 50, 90])
    if alpha.mean() < 128 or high - low < ONE_TONE:
        ground = 255.0 if middle < 128 else 0.0
        note = f"transparent: put on {'white' if ground else 'black'}"
    else:
        ground = float(middle)
        note = f"transparent parts: given the picture's commonest grey, {ground:.0f}"
    opacity = alpha.astype(np.float32) / 255
    return np.rint(ground + (grey - ground) * opacity).astype(np.uint8), (note,)
