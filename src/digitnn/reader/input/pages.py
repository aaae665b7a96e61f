"""The pages of a document: of a TIFF, or of a PDF where the package pypdfium2 is installed.

A page is opened when it is its turn, so that a long document is never in memory as pixels.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from math import sqrt
from threading import Lock
from typing import Any

import numpy as np
from numpy import ndarray
from PIL import Image

from digitnn.errors import PictureError
from digitnn.reader.input.opening import (
    DEFAULT_LIMITS,
    Limits,
    Picture,
    PictureSource,
    count_frames,
    header,
    open_bytes,
    open_picture,
    read_bytes,
)
from digitnn.wording import words_of

DOTS_PER_INCH = 200
"""At which a PDF's page is drawn: a line of handwriting is some 50 pixels high."""

MAX_PAGES = 2000
"""Documents with more are refused; each page costs a look at its header before any is read."""

_ONE_AT_A_TIME = Lock()
"""PDFium is not made for several threads."""


@dataclass(frozen=True)
class Page:
    """number: from 1; of: how many there are; open: raises `PictureError`."""

    number: int
    of: int
    open: Callable[[], Picture]


def pages_of(source: PictureSource, limits: Limits = DEFAULT_LIMITS) -> tuple[Page, ...]:
    """The pages of `source`, one where it is a plain picture; of an animation the first frame.

    Raises `PictureError` where not even their number can be told.
    """
    if isinstance(source, ndarray | Image.Image):
        return (Page(1, 1, partial(open_picture, source, limits)),)
    name, data = read_bytes(source, limits)
    if data.startswith(b"%PDF"):
        count = _count_pdf(data, name)
        openers = [partial(_open_pdf, data, name, limits, index) for index in range(count)]
    else:
        image = header(data, name)
        count = count_frames(image) if image.format == "TIFF" else 1
        openers = [partial(open_bytes, data, name, limits, index) for index in range(count)]
    if count > MAX_PAGES:
        raise PictureError(f"{name}: {count:,} pages; at most {MAX_PAGES:,} are read")
    return tuple(Page(number, count, opener) for number, opener in enumerate(openers, 1))


def _count_pdf(data: bytes, name: str) -> int:
    with _ONE_AT_A_TIME, closing(_document(data, name)) as document:
        return len(document)


def _open_pdf(data: bytes, name: str, limits: Limits, index: int) -> Picture:
    """One page in `DOTS_PER_INCH`, in fewer where it would exceed the limit of megapixels."""
    with _ONE_AT_A_TIME, closing(_document(data, name)) as document:
        note = f"page {index + 1} of {len(document)}"
        try:
            with closing(document[index]) as page:
                width, height = page.get_size()  # in points, 72 to the inch
                most = sqrt(limits.megapixels * 1e6 / max(width * height, 1)) * 0.99
                scale = min(DOTS_PER_INCH / 72, most)
                drawn = page.render(scale=scale, grayscale=True).to_numpy()
        except Exception as error:  # PdfiumError, and what PDFium's sizes make of the rest
            raise PictureError(f"{name}: damaged PDF, {note} ({words_of(error)})") from None
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
        raise PictureError(f"{name}: cannot be opened as PDF ({words_of(error)})") from None
