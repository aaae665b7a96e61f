"""List the pages of a TIFF, or of a PDF if the package pypdfium2 is installed.

Each page is opened lazily, so that a long document is never in memory as pixels.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from math import sqrt
from threading import Lock
from typing import Any, cast

import numpy as np
from PIL import Image

from digitnn.errors import PictureError
from digitnn.reader.input.arrays import is_array
from digitnn.reader.input.opening import (
    DEFAULT_LIMITS,
    FileSource,
    Limits,
    Picture,
    PictureSource,
    count_frames,
    open_bytes,
    open_header,
    open_picture,
    read_bytes,
)
from digitnn.wording import error_text

DOTS_PER_INCH = 200
"""Resolution of a rendered PDF page: a line of handwriting is about 50 pixels high."""

MAX_PAGES = 2000
"""Longer documents are an error: the header of every page is visited before the first is read."""

_PDFIUM = Lock()
"""PDFium is not thread-safe."""


@dataclass(frozen=True)
class Page:
    """number: from 1; count: of all pages; open: decodes the page, or raises `PictureError`."""

    number: int
    count: int
    open: Callable[[], Picture]


def pages_of(source: PictureSource, limits: Limits = DEFAULT_LIMITS) -> tuple[Page, ...]:
    """Return the pages of a document; one page for a picture, or an animation's first frame.

    Raises `PictureError` if the pages cannot even be counted, or are too many.
    """
    if isinstance(source, Image.Image) or is_array(source):
        return (Page(1, 1, partial(open_picture, source, limits)),)
    name, data = read_bytes(cast("FileSource", source), limits)
    if data.startswith(b"%PDF"):
        with _PDFIUM, closing(_document(data, name)) as document:
            count = len(document)
        openers = [partial(_open_pdf, data, name, limits, index) for index in range(count)]
    else:
        image = open_header(data, name)
        count = count_frames(image) if image.format == "TIFF" else 1
        openers = [partial(open_bytes, data, name, limits, index) for index in range(count)]
    if count > MAX_PAGES:
        raise PictureError(f"{name}: {count:,} pages; at most {MAX_PAGES:,} are read")
    return tuple(Page(number, count, opener) for number, opener in enumerate(openers, 1))


def _open_pdf(data: bytes, name: str, limits: Limits, index: int) -> Picture:
    """Render one page at `DOTS_PER_INCH`, or less to stay within the limit of megapixels."""
    with _PDFIUM, closing(_document(data, name)) as document:
        note = f"page {index + 1} of {len(document)}"
        try:
            with closing(document[index]) as page:
                width, height = page.get_size()  # in points, 72 to the inch
                max_scale = sqrt(limits.megapixels * 1e6 / max(width * height, 1)) * 0.99
                scale = min(DOTS_PER_INCH / 72, max_scale)
                drawn = page.render(scale=scale, grayscale=True).to_numpy()
        except Exception as error:  # PdfiumError, or errors from absurd page sizes
            raise PictureError(f"{name}: damaged PDF, {note} ({error_text(error)})") from None
        grey = np.array(drawn[..., 0] if drawn.ndim == 3 else drawn)
    return Picture(open_picture(grey, limits).grey, name, (note,))


def _document(data: bytes, name: str) -> Any:
    try:
        pdfium = import_module("pypdfium2")
    except ImportError:
        raise PictureError(
            f"{name}: a PDF document, which needs pypdfium2: pip install 'digitnn[pdf]', "
            "or save its pages as PNGs"
        ) from None
    try:
        return pdfium.PdfDocument(data)
    except Exception as error:  # PdfiumError: damaged, or a password
        raise PictureError(f"{name}: cannot be opened as PDF ({error_text(error)})") from None
