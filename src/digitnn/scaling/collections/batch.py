"""Read the pictures of one shard: 28 x 28 images all at once, everything else one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import cast

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from digitnn.data.dataset import SIDE
from digitnn.errors import PictureError
from digitnn.reader.input.opening import Limits, Picture
from digitnn.reader.input.pages import Page, pages_of
from digitnn.reader.input.plain_png import open_plain_png
from digitnn.reader.reader import Reader, Reading
from digitnn.reader.results import PictureResult
from digitnn.scaling.collections.items import Content, Item, Selection
from digitnn.wording import error_text

MAX_DARK_BORDER = 32
"""The mean of the outermost pixels up to which an image is light ink on dark paper, of 255."""

MIN_LIGHT_INK = 96
"""The least maximum of such an image: with fainter ink it may as well be a blank one."""

IMAGE_NOTE = "classified as an image of 28 x 28 pixels, light ink on dark paper"


@dataclass(frozen=True)
class ReadingOptions:
    """The options of the reader that decide what is read, as `digitnn read` has them.

    images: classify 28 x 28 pictures that look like MNIST's as they are.
    """

    model: Path | None = None
    min_confidence: float | None = None
    max_megapixels: float = 64.0
    single: bool = False
    symbols: bool = False
    rotate: bool = True
    images: bool = True

    def reader(self) -> Reader:
        """Return the reader. Raises `RunError`, `UsageError`."""
        limits = Limits(megapixels=self.max_megapixels)
        return Reader.load(
            self.model, self.min_confidence, limits, symbols=self.symbols, rotate=self.rotate
        )


@dataclass(frozen=True)
class Row:
    """One row of the output: a picture, or a page of a document."""

    source: str | None
    result: PictureResult
    milliseconds: float


@dataclass(frozen=True)
class Losses:
    """Pictures of a shard that killed the worker that read them, by place, each with an error.

    alone: read one picture at a time, also the images.
    """

    alone: bool = False
    errors: dict[int, str] = field(default_factory=dict)


NO_LOSSES = Losses()


@dataclass(frozen=True)
class _Waiting:
    """A picture of 28 x 28 pixels that waits for the others. row: its place in the rows."""

    row: int
    item: Item
    picture: Picture
    milliseconds: float


def read_selection(
    reader: Reader,
    options: ReadingOptions,
    selection: Selection,
    at: Callable[[int], None] = lambda place: None,
    losses: Losses = NO_LOSSES,
) -> list[Row]:
    """Return the rows of a selection in order. A picture that cannot be read is a row too.

    at: called with the place of each picture before it is read.
    """
    rows: list[Row | None] = []
    waiting: list[_Waiting] = []
    items = selection.items(losses.errors.keys())
    for place in range(len(selection)):
        at(place)
        item = next(items)
        start = perf_counter()
        lost = losses.errors.get(place)
        content = PictureError(f"{item.path}: {lost}") if lost else item.content
        found = _read(reader, options, item.path, content)
        spent = 1e3 * (perf_counter() - start)
        if isinstance(found, Picture):
            waiting.append(_Waiting(len(rows), item, found, spent))
            rows.append(None)
            if losses.alone:
                _read_small(reader, options, waiting, rows)
                waiting = []
        else:
            rows += [Row(item.source, result, spent / len(found)) for result in found]
    _read_small(reader, options, waiting, rows)
    return [row for row in rows if row is not None]


def _read_small(
    reader: Reader,
    options: ReadingOptions,
    waiting: Sequence[_Waiting],
    rows: list[Row | None],
) -> None:
    """Fill in the rows of pictures of 28 x 28 pixels: of all images at once, then of the others."""
    if not waiting:
        return
    pixels = np.stack([one.picture.grey for one in waiting])
    are_images = _are_images(pixels)
    start = perf_counter()
    readings = iter(reader.read_images(pixels[are_images], (IMAGE_NOTE,)))
    each = 1e3 * (perf_counter() - start) / max(int(are_images.sum()), 1)
    for one, is_image in zip(waiting, are_images.tolist(), strict=True):
        start = perf_counter()
        found: Reading | PictureError
        if is_image:
            found, spent = next(readings), each
        else:
            found = _attempt(reader, options, one.item.path, one.picture)
            spent = 1e3 * (perf_counter() - start)
        result = PictureResult(one.item.path, None, found)
        rows[one.row] = Row(one.item.source, result, one.milliseconds + spent)


def _are_images(pixels: UInt8[ndarray, "n 28 28"]) -> Bool[ndarray, " n"]:
    """Tell which pictures are to be classified as they are: like MNIST's, light ink on dark."""
    edges = (pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1])
    borders = sum(edge.sum(axis=1, dtype=np.int64) for edge in edges)
    return (borders <= MAX_DARK_BORDER * 4 * SIDE) & (pixels.max(axis=(1, 2)) >= MIN_LIGHT_INK)


def _read(
    reader: Reader, options: ReadingOptions, path: str, content: Content
) -> list[PictureResult] | Picture:
    """Return the results of a picture's pages, or a picture that may be an image."""
    # Points and commas are found by the page network alone.
    may_be_image = options.images and not options.symbols
    results = []
    try:
        pages = _pages(content, path, reader.limits)
    except PictureError as error:
        return [PictureResult(path, None, error)]
    for page in pages:
        number = page.number if page.count > 1 else None
        try:
            picture = page.open()
        except PictureError as error:
            results.append(PictureResult(path, number, error))
            continue
        if number is None and may_be_image and picture.grey.shape == (SIDE, SIDE):
            return picture
        found = _attempt(reader, options, path, picture)
        results.append(PictureResult(path, number, found))
    return results


def _attempt(
    reader: Reader, options: ReadingOptions, path: str, picture: Picture
) -> Reading | PictureError:
    try:
        return reader.read_picture(picture, options.single)
    except PictureError as error:
        return error
    except Exception as error:  # one picture in a million must not end the job
        return PictureError(f"{path}: unexpected {type(error).__name__}: {error_text(error)}")


def _pages(content: Content, path: str, limits: Limits) -> tuple[Page, ...]:
    """Return the pages of a picture. Raises `PictureError`."""
    if isinstance(content, PictureError):
        raise content
    grey = content if isinstance(content, ndarray) else open_plain_png(content)
    if grey is not None:
        return (Page(1, 1, partial(Picture, grey, path)),)
    file = BytesIO(cast("bytes", content))
    file.name = path  # for messages
    pages = pages_of(file, limits)
    if not pages:
        raise PictureError(f"{path}: a document without pages")
    return pages
