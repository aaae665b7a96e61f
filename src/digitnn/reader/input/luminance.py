"""Convert pixels of any kind (palette, transparency, CMYK, 16 bits, floats) to 8-bit luminance.

Axes: h w pixels, c channels.
"""

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray
from PIL import Image

from digitnn.errors import PictureError

FULL_SCALE_VALUES = (1, 255, 4095, 65535)
"""White in arrays that are not uint8: fractions, bytes in a wider type, 12 bits (as of cameras), 16
bits. The smallest that holds every pixel applies; beyond the last, the maximum pixel is white."""

MAX_ONE_TONE_SPREAD = 40
"""Visible pixels whose 10th and 90th percentiles (of 255) differ by less are the ink of one pen."""


def image_luminance(image: Image.Image, name: str) -> tuple[UInt8[ndarray, "h w"], tuple[str, ...]]:
    """Return luminance, 0 black to 255 white (ITU-R 601-2), and notes. Decodes the pixels."""
    if image.has_transparency_data:
        image.load()
        return _flatten_transparency(image.convert("RGBA"))
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return array_luminance(np.asarray(image), name), ()
    return np.asarray(image if image.mode == "L" else image.convert("L")), ()


def array_luminance(array: Shaped[ndarray, "h w ..."], name: str) -> UInt8[ndarray, "h w"]:
    """Convert bools, integers or floats of shape (h, w) or (h, w, c), with 1 to 4 channels."""
    channels = 1 if array.ndim == 2 else array.shape[2]
    if channels not in (1, 2, 3, 4) or array.dtype.kind not in "buif":
        raise PictureError(
            f"{name}: expected bools, integers or floats of shape (h, w) or (h, w, 1 to 4), "
            f"got {array.dtype} {array.shape}"
        )
    pixels = array if array.dtype == np.uint8 else _to_bytes(array, name)
    if channels == 1:
        return pixels.reshape(array.shape[:2])
    return image_luminance(Image.fromarray(np.ascontiguousarray(pixels)), name)[0]


def _to_bytes(array: ndarray, name: str) -> UInt8[ndarray, "..."]:
    """Scale pixels of a wider type to 0..255; see `FULL_SCALE_VALUES`."""
    if array.dtype == bool:
        return array * np.uint8(255)
    values = array.astype(np.float32)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise PictureError(f"{name}: holds pixels that are no finite numbers")
    if low < 0:
        values, high = values - low, high - low
    # Integers of 0 and 1 are a bilevel drawing, scaled like fractions up to 1.
    white = next((scale for scale in FULL_SCALE_VALUES if high <= scale), high)
    return np.rint(values * np.float32(255 / white)).astype(np.uint8)


def _flatten_transparency(image: Image.Image) -> tuple[UInt8[ndarray, "h w"], tuple[str, ...]]:
    """Composite a picture with transparency on a uniform background, and return notes.

    If it is mostly transparent, or all visible pixels have one tone, these are ink: then the
    background is white or black, whichever differs more. Otherwise the picture includes its paper,
    and its transparent parts (cropped corners) get the median grey, so that their edges are no ink.
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
    if alpha.mean() < 128 or high - low < MAX_ONE_TONE_SPREAD:
        background = 255.0 if middle < 128 else 0.0
        note = f"transparent: put on {'white' if background else 'black'}"
    else:
        background = float(middle)
        note = f"transparent parts: given the picture's commonest grey, {background:.0f}"
    opacity = alpha.astype(np.float32) / 255
    return np.rint(background + (grey - background) * opacity).astype(np.uint8), (note,)
