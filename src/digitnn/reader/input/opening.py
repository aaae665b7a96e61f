"""Open a path, bytes, a file, a Pillow image or an array as the luminance of an upright picture.

Files are untrusted: the size is checked from the header before any pixel is decoded, only the
decoders of `signatures.PICTURE_FORMATS` run, and whatever they raise becomes a `PictureError`.
Axes: h w pixels.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from io import BytesIO
from os import PathLike, fspath
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, TypeAlias, cast

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base as ExifTag
from PIL.JpegImagePlugin import JpegImageFile

from digitnn.errors import PictureError
from digitnn.reader.input.arrays import (
    SOURCE_KINDS,
    ArraySource,
    Scale,
    as_picture,
    batch_of_pictures,
    describe,
    find_scale,
    is_array,
    to_array,
)
from digitnn.reader.input.luminance import image_luminance
from digitnn.reader.input.signatures import HEIF, detect_format
from digitnn.wording import error_text

BytesLike: TypeAlias = bytes | bytearray | memoryview
FileSource: TypeAlias = str | PathLike[str] | BytesLike | BinaryIO
PictureSource: TypeAlias = FileSource | Image.Image | ArraySource
"""Everything that can be opened."""

_PROCESS_STATE = Lock()
"""Guards Python's warning filters, Pillow's pixel cap and file descriptor 2. Pixels are decoded
outside it, in parallel, except those of TIFF."""


@dataclass(frozen=True)
class Limits:
    """Limits that are checked before decoding.

    megapixels: of width x height (64 take 64 MB as luminance); megabytes: of the file; min_side:
    in pixels, below which digits cannot be distinguished.
    """

    megapixels: float = 64.0
    megabytes: float = 256.0
    min_side: int = 5


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True)
class Picture:
    """An open picture. name: used in messages; notes: decisions taken while opening it."""

    grey: UInt8[ndarray, "h w"]
    name: str
    notes: tuple[str, ...] = ()


def open_picture(source: PictureSource, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """Return the luminance of `source`, 0 black to 255 white, upright; the first of several frames.

    Raises `PictureError`: missing, a folder, empty, damaged, not a picture, too large.
    """
    if isinstance(source, Image.Image):
        file = str(getattr(source, "filename", ""))
        return _decode(source, limits, file or source.format or "image")
    if is_array(source):
        array, name = to_array(source)
        pixels, notes = as_picture(array, name)
        return _open_pixels(pixels, find_scale(pixels), name, limits, notes)
    name, data = read_bytes(cast("FileSource", source), limits)
    return open_bytes(data, name, limits)


def open_each(
    sources: Iterable[PictureSource] | ArraySource, limits: Limits = DEFAULT_LIMITS
) -> Iterable[Callable[[], Picture]]:
    """Return a function for each picture, in order, that opens it.

    An array is a batch of pictures along its first axis, all on one scale; anything else is
    iterated over. Raises `PictureError` for an array of another shape, and for a single file.
    """
    several = isinstance(sources, Iterable)
    if is_array(sources) and not isinstance(sources, list | tuple):
        batch, name = to_array(sources)
        if batch.dtype.kind not in SOURCE_KINDS:
            return _open_batch(batch, name, limits)
        several = batch.ndim > 0
    if not several or isinstance(sources, str | PathLike | BytesLike | Image.Image):
        kind = type(sources).__name__
        raise PictureError(f"{kind}: expected several pictures, as a list, an iterator or a batch")
    return (partial(open_picture, source, limits) for source in cast("Iterable[Any]", sources))


def _open_batch(batch: ndarray, name: str, limits: Limits) -> Sequence[Callable[[], Picture]]:
    pictures = batch_of_pictures(batch, name)
    for pixels in pictures[:1]:  # all are of one size
        _check_size(pixels.shape[1], pixels.shape[0], limits, f"{name}, {describe(batch)}")
    scale = find_scale(batch)
    return [
        partial(_open_pixels, pixels, scale, f"{name}[{index}]", limits)
        for index, pixels in enumerate(pictures)
    ]


def _open_pixels(
    pixels: Shaped[ndarray, "h w ..."],
    scale: Scale,
    name: str,
    limits: Limits,
    notes: tuple[str, ...] = (),
) -> Picture:
    _check_size(pixels.shape[1], pixels.shape[0], limits, f"{name}, {describe(pixels)}")
    grey, notes = scale.to_bytes(pixels, name), notes + scale.notes
    if grey.ndim == 3:
        grey, more = image_luminance(Image.fromarray(grey), name)
        notes += more
    return Picture(grey, name, notes)


def open_bytes(data: bytes, name: str, limits: Limits, frame: int = 0) -> Picture:
    """Open one frame of the file content `data`; messages call it `name`."""
    return _decode(open_header(data, name), limits, name, frame)


def read_bytes(source: FileSource, limits: Limits) -> tuple[str, bytes]:
    """Return the name of `source` for messages, and its bytes. Raises `PictureError`."""
    max_bytes = int(limits.megabytes * 1e6)
    if not (isinstance(source, str | PathLike | BytesLike) or hasattr(source, "read")):
        kind = type(source).__name__
        raise PictureError(f"{kind}: expected a path, bytes, a file, a Pillow image or an array")
    try:
        if isinstance(source, BytesLike):
            name, data = "bytes", bytes(source)
        elif isinstance(source, str | PathLike):
            name = fspath(source)
            with Path(source).open("rb") as file:
                data = file.read(max_bytes + 1)
        else:
            name = str(getattr(source, "name", "file"))
            data = source.read(max_bytes + 1)
    except IsADirectoryError:
        raise PictureError(f"{name}: a folder; expected a picture") from None
    except FileNotFoundError:
        raise PictureError(f"{name}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, a closed file
        reason = getattr(error, "strerror", None) or error_text(error)
        raise PictureError(f"{name}: cannot be read ({reason})") from None
    if not isinstance(data, bytes):
        raise PictureError(f"{name}: expected a file of bytes, opened in binary mode")
    if len(data) > max_bytes:
        raise PictureError(f"{name}: over {limits.megabytes:g} MB; the limit can be raised")
    return name, data


def open_header(data: bytes, name: str) -> Image.Image:
    """Return the Pillow image after reading the header only. Raises `PictureError`."""
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
    with _quiet_pillow():
        try:
            return Image.open(BytesIO(data), formats=[kind.name])
        except UnidentifiedImageError:  # its message is the repr of the BytesIO
            raise PictureError(f"{name}: damaged {kind.name} (unreadable header)") from None
        except Exception as error:  # OSError, SyntaxError, ValueError, struct.error, ...
            raise PictureError(f"{name}: damaged {kind.name} ({error_text(error)})") from None


def _decode(image: Image.Image, limits: Limits, name: str, frame: int = 0) -> Picture:
    _check_size(*image.size, limits, name)
    try:
        if isinstance(image, JpegImageFile):
            image.draft("L", image.size)  # decodes luminance only, in a third of the time
        frames = count_frames(image)
        if frame:
            image.seek(frame)
            _check_size(*image.size, limits, name)
        with _without_stderr() if image.format == "TIFF" else nullcontext():
            grey, notes = image_luminance(image, name)
        orientation = _exif_orientation(image)
    except PictureError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, EOFError, ...
        kind = image.format or "image"
        raise PictureError(f"{name}: damaged {kind} ({error_text(error)})") from None
    if frames > 1:
        notes += (f"page {frame + 1} of {frames}" if frame else f"the first of {frames} frames",)
    if orientation in range(2, 9):
        stored = Image.fromarray(grey)
        stored.getexif()[ExifTag.Orientation] = orientation
        grey = np.asarray(ImageOps.exif_transpose(stored))
        notes += ("turned upright, as its EXIF says",)
    return Picture(grey, name, notes)


def count_frames(image: Image.Image) -> int:
    """Return the number of frames; 1 if counting fails, as the first frame may be intact."""
    with _quiet_pillow():
        try:
            return int(getattr(image, "n_frames", 1))
        except Exception:
            return 1
        finally:
            image.seek(0)


def _exif_orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 (upright) if absent. Pillow turns some formats by itself."""
    with _quiet_pillow():
        try:
            return int(image.getexif().get(ExifTag.Orientation, 1))
        except Exception:  # damaged EXIF data do not make the picture unreadable
            return 1


def _check_size(width: int, height: int, limits: Limits, name: str) -> None:
    size = f"{name}: {width} x {height} pixels"
    if width * height > limits.megapixels * 1e6:
        raise PictureError(f"{size}; the limit is {limits.megapixels:g} megapixels, can be raised")
    if min(width, height) < limits.min_side:
        raise PictureError(f"{size}; expected at least {limits.min_side} each way")


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Suppress Pillow's warnings, all about damaged metadata, and disable its pixel cap.

    The cap warns below twice its value and cannot be set per picture; `Limits` replaces it.
    """
    with _PROCESS_STATE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cap, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = cap


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2: libtiff reports damage there, from C."""
    stderr = 2
    with _PROCESS_STATE:
        try:
            kept = os.dup(stderr)
        except OSError:  # stderr is closed, which is as quiet
            yield
            return
        sink = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(sink, stderr)
            yield
        finally:
            os.dup2(kept, stderr)
            os.close(kept)
            os.close(sink)
