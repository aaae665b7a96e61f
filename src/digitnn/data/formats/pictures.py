"""Pictures of one digit each, of any size and mode, as images of 28 x 28 grey levels.

Axes: h, w pixels of a picture.
"""

from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image, ImageOps

from digitnn.data.dataset import SIDE
from digitnn.data.formats.magic import kind_of
from digitnn.data.formats.picture_options import Fit
from digitnn.errors import FormatError
from digitnn.wording import error_text

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
HEIF_SUFFIXES = (".heic", ".heif")
"""Photos of some phones, which Pillow opens if pillow-heif is installed."""

_PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "HEIF")
MAX_PICTURE_PIXELS = 64_000_000
_HEAD_BYTES = 512

Grey: TypeAlias = UInt8[ndarray, "h w"]
PictureFile: TypeAlias = Path | bytes
"""A picture on disk, or its content."""

_LIGHT = 128


def is_picture(path: Path) -> bool:
    """Return whether the name is that of a picture, and not hidden."""
    return path.suffix.lower() in (*SUFFIXES, *HEIF_SUFFIXES) and not path.name.startswith(".")


def picture_size(path: Path) -> tuple[int, int]:
    """Return height and width from the header. Raises `FormatError` for what is no picture."""
    try:
        with _opened(path) as picture:
            return picture.height, picture.width
    except Exception as error:
        raise _fault(path, str(path), error) from None


def read_grey(source: PictureFile, name: str | None = None) -> Grey:
    """Return the grey levels of a picture as it is meant to be seen; transparent is white.

    name: of the picture in errors; None for its path. Raises `FormatError` for a damaged file, one
    that is no picture, or one of too many pixels.
    """
    name = name or str(source)
    try:
        with _opened(source) as picture:
            width, height = picture.size  # in the header: checked before unpacking
            if width * height > MAX_PICTURE_PIXELS:
                raise FormatError(
                    f"{name}: {width} x {height} pixels; at most {MAX_PICTURE_PIXELS:,} are read"
                )
            return _grey_levels(picture, name)
    except FormatError:
        raise
    except Exception as error:
        raise _fault(source, name, error) from None


def _opened(source: PictureFile) -> Image.Image:
    file: Path | IO[bytes] = source if isinstance(source, Path) else BytesIO(source)
    if isinstance(source, Path) and source.suffix.lower() in HEIF_SUFFIXES:
        with suppress(ImportError):
            import pillow_heif

            pillow_heif.register_heif_opener()
    known = [name for name in _PILLOW_FORMATS if name != "HEIF" or name in Image.OPEN]
    return Image.open(file, formats=known)


def _fault(source: PictureFile, name: str, error: Exception) -> FormatError:
    """Return the error for what Pillow raises: OSError, SyntaxError, ValueError, struct.error."""
    if isinstance(error, OSError) and error.errno:
        return FormatError(f"{name}: {error.strerror}")
    if isinstance(source, Path) and source.suffix.lower() in HEIF_SUFFIXES:
        if "HEIF" not in Image.OPEN:
            return FormatError(
                f"{name}: HEIF pictures need pillow-heif, which is not installed: "
                "pip install pillow-heif, or convert them to JPEG"
            )
        return FormatError(f"{name}: damaged picture ({error_text(error)})")
    if isinstance(source, Path):
        with source.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    else:
        head = source[:_HEAD_BYTES]
    kind = kind_of(head)
    if not kind.endswith("image"):
        return FormatError(f"{name}: not a picture: it looks like {kind}")
    return FormatError(f"{name}: damaged picture ({error_text(error)})")


def _grey_levels(picture: Image.Image, name: str) -> Grey:
    if picture.mode.startswith("I"):  # 16 bits
        levels = np.asarray(picture, np.int64)
        if levels.min() < 0 or levels.max() > 65_535:
            raise FormatError(f"{name}: grey levels of more than 16 bits")
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
    """Return the picture as 28 x 28 pixels; one of that size is returned as it is.

    A function fits pictures of that size too.
    """
    if callable(fit):
        return np.asarray(fit(grey), np.uint8)
    if grey.shape == (SIDE, SIDE):
        return grey
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
