"""Convert Pillow's images of any mode (palette, transparency, CMYK, 16 bits) to 8-bit luminance.

Axes: h w pixels.
"""

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from digitnn.reader.input.arrays import find_scale

MAX_ONE_TONE_SPREAD = 40
"""Visible pixels whose 10th and 90th percentiles (of 255) differ by less are the ink of one pen."""


def image_luminance(image: Image.Image, name: str) -> tuple[UInt8[ndarray, "h w"], tuple[str, ...]]:
    """Return luminance, 0 black to 255 white (ITU-R 601-2), and notes. Decodes the pixels."""
    if image.has_transparency_data:
        image.load()
        return _flatten_transparency(image.convert("RGBA"))
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        pixels = np.asarray(image)
        scale = find_scale(pixels)
        return scale.to_bytes(pixels, name), scale.notes
    return np.asarray(image if image.mode == "L" else image.convert("L")), ()


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
