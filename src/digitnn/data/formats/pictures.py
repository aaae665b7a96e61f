"""Pictures of one digit each, of any size and mode, as images of 28 x 28 grey levels.

Axes: h, w pixels of a picture.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image, ImageOps

from digitnn.data.dataset import SIDE
from digitnn.data.formats.magic import head_of, kind_of
from digitnn.errors import FormatError
from digitnn.wording import error_text

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MAX_PICTURE_PIXELS = 25_000_000

Grey: TypeAlias = UInt8[ndarray, "h w"]
Fit: TypeAlias = Literal["pad", "crop", "stretch"] | Callable[[Grey], ndarray]
"""How a picture becomes 28 x 28.

pad: padded to a square in the colour of its border; crop: the central square; stretch: both sides
scaled on their own; or a function that returns the image.
"""

_LIGHT = 128


def is_picture(path: Path) -> bool:
    """Return whether the name is that of a picture, and not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def picture_size(path: Path) -> tuple[int, int]:
    """Return height and width from the header. Raises `FormatError` for what is no picture."""
    try:
        with Image.open(path, formats=_PILLOW_FORMATS) as picture:
            return picture.height, picture.width
    except Exception as error:
        raise _fault(path, error) from None


def read_grey(path: Path) -> Grey:
    """Return the grey levels of a picture as it is meant to be seen; transparent is white.

    Raises `FormatError` for a damaged file, one that is no picture, or one of too many pixels.
    """
    try:
        with Image.open(path, formats=_PILLOW_FORMATS) as picture:
            width, height = picture.size  # in the header: checked before unpacking
            if width * height > MAX_PICTURE_PIXELS:
                raise FormatError(
                    f"{path}: {width} x {height} pixels; at most {MAX_PICTURE_PIXELS:,} are read"
                )
            return _grey_levels(picture, path)
    except FormatError:
        raise
    except Exception as error:
        raise _fault(path, error) from None


def _fault(path: Path, error: Exception) -> FormatError:
    """Return the error for what Pillow raises: OSError, SyntaxError, ValueError, struct.error."""
    if isinstance(error, OSError) and error.errno:
        return FormatError(f"{path}: {error.strerror}")
    kind = kind_of(head_of(path))
    if not kind.endswith("image"):
        return FormatError(f"{path}: not a picture: it looks like {kind}")
    return FormatError(f"{path}: damaged picture ({error_text(error)})")


def _grey_levels(picture: Image.Image, path: Path) -> Grey:
    if picture.mode.startswith("I"):  # 16 bits
        levels = np.asarray(picture, np.int64)
        if levels.min() < 0 or levels.max() > 65_535:
            raise FormatError(f"{path}: grey levels of more than 16 bits")
        return (levels // 257).astype(np.uint8)
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in ("LA", "PA", "RGBA") or "transparency" in upright.info:
        layer = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(upright.convert("L"))


def border(grey: Grey) -> UInt8[ndarray, " pixels"]:
    """Return the outermost pixels of a picture."""
    edges = (grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1])
    return np.concatenate(edges)


def light_share(grey: Grey) -> float:
    """Return the share of the border that is lighter than the middle grey."""
    return float((border(grey) >= _LIGHT).mean())


def fit_picture(grey: Grey, fit: Fit = "pad") -> UInt8[ndarray, "28 28"]:
    """Return the picture as 28 x 28 pixels; one of that size is returned as it is."""
    if grey.shape == (SIDE, SIDE):
        return grey
    if callable(fit):
        return np.asarray(fit(grey), np.uint8)
    height, width = grey.shape
    if fit == "pad":
        side = max(height, width)
        square = np.full((side, side), np.median(border(grey)), np.uint8)
        top, left = (side - height) // 2, (side - width) // 2
        square[top : top + height, left : left + width] = grey
        grey = square
    elif fit == "crop":
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        grey = grey[top : top + side, left : left + side]
    # Pillow averages over the source pixels when it reduces
    resized = Image.fromarray(np.ascontiguousarray(grey)).resize(
        (SIDE, SIDE), Image.Resampling.BILINEAR
    )
    return np.asarray(resized)
