"""A path, bytes, a file, a Pillow image or an array becomes the luminance of a picture, upright.

What is ink and what is paper is not decided here. A picture is a stranger's: its size is read from
its header and refused before a pixel is decoded, only the decoders of `signatures.FORMATS` ever
run, and whatever they raise ends as one `PictureError`.
Axes: h w pixels.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from math import prod
from os import PathLike, fspath
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from digitnn.errors import PictureError
from digitnn.reader.input.luminance import array_luminance, luminance
from digitnn.reader.input.quiet import quiet, without_stderr
from digitnn.reader.input.signatures import HEIF, detect_format
from digitnn.wording import words_of

Bytes: TypeAlias = bytes | bytearray | memoryview
File: TypeAlias = str | PathLike[str] | Bytes | BinaryIO
PictureSource: TypeAlias = File | Image.Image | ndarray
"""What can be opened."""

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF's orientations (section 4.6.4 A): how each is turned upright."""


@dataclass(frozen=True)
class Limits:
    """What is refused before it is decoded.

    megapixels: width x height; a camera's 64 fit in 64 MB as luminance. megabytes: of the file.
    least_side: below this no digit is told from another; 1 x 100,000 is no picture of one either.
    """

    megapixels: float = 64.0
    megabytes: float = 256.0
    least_side: int = 5


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Picture:
    """What a person handed in. name: what messages call it; notes: what was left out or decided."""

    grey: UInt8[ndarray, "h w"]
    name: str
    notes: tuple[str, ...] = ()


def open_picture(source: PictureSource, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """The luminance of `source`, 0 black to 255 white, upright; the first of several frames.

    Raises `PictureError` in one line: missing, a folder, empty, damaged, not a picture, too large.
    """
    if isinstance(source, ndarray):
        name = "array"
        if source.ndim not in (2, 3):
            raise PictureError(f"{name}: expected shape (h, w) or (h, w, c), got {source.shape}")
        _check_size(source.shape[1], source.shape[0], limits, name)
        return Picture(array_luminance(source, name), name)
    if isinstance(source, Image.Image):
        return _decode(source, limits, source.format or "image")
    name, data = read_bytes(source, limits)
    return open_bytes(data, name, limits)


def open_bytes(data: bytes, name: str, limits: Limits, frame: int = 0) -> Picture:
    """One frame of the file that holds `data`, which messages call `name`."""
    return _decode(header(data, name), limits, name, frame)


def read_bytes(source: File, limits: Limits) -> tuple[str, bytes]:
    """What messages call `source`, and its bytes, no more than `limits` lets in."""
    most = int(limits.megabytes * 1e6)
    if not (isinstance(source, str | PathLike | Bytes) or hasattr(source, "read")):
        kind = type(source).__name__
        raise PictureError(f"{kind}: expected a path, bytes, a file, a Pillow image or an array")
    try:
        if isinstance(source, Bytes):
            name, data = "bytes", bytes(source)
        elif isinstance(source, str | PathLike):
            name = fspath(source)
            with Path(source).open("rb") as file:
                data = file.read(most + 1)
        else:
            name = str(getattr(source, "name", "file"))
            data = source.read(most + 1)
    except IsADirectoryError:
        raise PictureError(f"{name}: a folder; expected a picture") from None
    except FileNotFoundError:
        raise PictureError(f"{name}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, a closed file
        reason = getattr(error, "strerror", None) or words_of(error)
        raise PictureError(f"{name}: cannot be read ({reason})") from None
    if not isinstance(data, bytes):
        raise PictureError(f"{name}: expected a file of bytes, opened in binary mode")
    if len(data) > most:
        raise PictureError(f"{name}: over {limits.megabytes:g} MB; the limit can be raised")
    return name, data


def header(data: bytes, name: str) -> Image.Image:
    """The picture with only its header read."""
    kind = detect_format(data[:1024], name)
    try:
        plugin = import_module(kind.plugin)
    except ImportError:
        raise PictureError(
            f"{name}: a {kind.name} picture, which needs {kind.plugin}: pip install pillow-heif, "
            "or save it as JPEG"
        ) from None
    if kind is HEIF:
        plugin.register_heif_opener()
    with quiet():
        try:
            return Image.open(BytesIO(data), formats=[kind.name])
        except Exception as error:  # OSError, SyntaxError, ValueError, struct.error, ...
            raise PictureError(f"{name}: damaged {kind.name} ({words_of(error)})") from None


def _decode(image: Image.Image, limits: Limits, name: str, frame: int = 0) -> Picture:
    _check_size(*image.size, limits, name)
    try:
        if isinstance(image, JpegImageFile):
            image.draft("L", image.size)  # colours are not even unpacked: a third of the time
        frames = count_frames(image)
        if frame:
            image.seek(frame)
            _check_size(*image.size, limits, name)
        with without_stderr() if image.format == "TIFF" else nullcontext():
            grey, notes = luminance(image, name)
        turn = _UPRIGHT.get(_orientation(image))
    except PictureError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, EOFError, ...
        kind = image.format or "image"
        raise PictureError(f"{name}: damaged {kind} ({words_of(error)})") from None
    if frames > 1:
        notes += (f"page {frame + 1} of {frames}" if frame else f"the first of {frames} frames",)
    if turn is not None:
        grey = np.asarray(Image.fromarray(grey).transpose(turn))
        notes += ("turned upright, as its EXIF says",)
    return Picture(grey, name, notes)


def count_frames(image: Image.Image) -> int:
    """How many it has; 1 where counting them finds damage: the first may be whole."""
    with quiet():
        try:
            return int(getattr(image, "n_frames", 1))
        except Exception:
            return 1
        finally:
            image.seek(0)


def _orientation(image: Image.Image) -> int:
    """EXIF's, 1 (upright) where there is none. Pillow turns some formats itself when it decodes."""
    with quiet():
        try:
            return int(image.getexif().get(_ORIENTATION, 1))
        except Exception:  # damaged EXIF does not damage the picture
            return 1


def _check_size(width: int, height: int, limits: Limits, name: str) -> None:
    size = f"{name}: {width} x {height} pixels"
    if prod((width, height)) > limits.megapixels * 1e6:
        raise PictureError(f"{size}; the limit is {limits.megapixels:g} megapixels, can be raised")
    if min(width, height) < limits.least_side:
        raise PictureError(f"{size}; expected at least {limits.least_side} each way")
