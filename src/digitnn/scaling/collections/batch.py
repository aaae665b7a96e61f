"""Read the pictures of one shard: 28 x 28 images all at once, everything else one by one."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from time import perf_counter

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from digitnn.data.dataset import SIDE
from digitnn.errors import PictureError
from digitnn.reader.input.opening import Limits, Picture
from digitnn.reader.input.pages import Page, pages_of
from digitnn.reader.reader import Reader, Reading
from digitnn.reader.results import PictureResult
from digitnn.scaling.collections.items import Content, Item, Selection
from digitnn.scaling.collections.plain_png import is_plain_png, open_plain_pngs
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
    shard = _ShardRows(reader, options, [[] for _ in range(len(selection))])
    items = selection.items(losses.errors.keys())
    for place in range(len(selection)):
        at(place)
        item = next(items)
        if lost := losses.errors.get(place):
            item = replace(item, content=PictureError(f"{item.path}: {lost}"))
        shard.take(place, item)
        if losses.alone:
            shard.read_small()
    shard.read_small()
    return [row for of_picture in shard.rows for row in of_picture]


@dataclass(frozen=True)
class _Small:
    """A picture of 28 x 28 pixels that waits for the others of its shard."""

    place: int
    item: Item
    picture: Picture


@dataclass
class _ShardRows:
    """The rows of a shard, by the place of the picture, and the small pictures still without one.

    plain: PNGs that wait to be opened together; small: pictures that wait to be classified so.
    """

    reader: Reader
    options: ReadingOptions
    rows: list[list[Row]]
    plain: list[tuple[int, Item, bytes]] = field(default_factory=list)
    small: list[_Small] = field(default_factory=list)

    @property
    def _may_be_images(self) -> bool:
        # Points and commas are found by the page network alone.
        return self.options.images and not self.options.symbols

    def take(self, place: int, item: Item) -> None:
        """Read a picture, or let it wait if it may be an image of 28 x 28 pixels."""
        content = item.content
        if isinstance(content, bytes) and self._may_be_images and is_plain_png(content):
            self.plain.append((place, item, content))
        else:
            self._read(place, item)

    def read_small(self) -> None:
        """Read the pictures that wait: all images at once, then the others.

        The images have equal shares of the time that they take together.
        """
        start = perf_counter()
        pngs, self.plain = self.plain, []
        opened = open_plain_pngs([content for _, _, content in pngs])
        for (place, item, _), grey in zip(pngs, opened, strict=True):
            if grey is None:
                self._read(place, item)
            else:
                self.small.append(_Small(place, item, Picture(grey, item.path)))
        small, self.small = self.small, []
        if not small:
            return
        pixels = np.array([one.picture.grey for one in small])
        are_images = _are_images(pixels)
        readings = iter(self.reader.read_images(pixels[are_images], (IMAGE_NOTE,)))
        each = 1e3 * (perf_counter() - start) / max(int(are_images.sum()), 1)
        for one, is_image in zip(small, are_images.tolist(), strict=True):
            if is_image:
                result = PictureResult(one.item.path, None, next(readings))
                self.rows[one.place] = [Row(one.item.source, result, each)]
            else:
                start = perf_counter()
                found = _attempt(self.reader, self.options, one.item.path, one.picture)
                spent = 1e3 * (perf_counter() - start)
                result = PictureResult(one.item.path, None, found)
                self.rows[one.place] = [Row(one.item.source, result, spent)]

    def _read(self, place: int, item: Item) -> None:
        """Read the pages of a picture, or let it wait if it has 28 x 28 pixels."""
        start = perf_counter()
        results: list[PictureResult] = []
        try:
            pages = _pages(item.content, item.path, self.reader.limits)
        except PictureError as error:
            results, pages = [PictureResult(item.path, None, error)], ()
        for page in pages:
            number = page.number if page.count > 1 else None
            found: Reading | PictureError
            try:
                picture = page.open()
            except PictureError as error:
                found = error
            else:
                if number is None and self._may_be_images and picture.grey.shape == (SIDE, SIDE):
                    self.small.append(_Small(place, item, picture))
                    return
                found = _attempt(self.reader, self.options, item.path, picture)
            results.append(PictureResult(item.path, number, found))
        each = 1e3 * (perf_counter() - start) / len(results)
        self.rows[place] = [Row(item.source, result, each) for result in results]


def _are_images(pixels: UInt8[ndarray, "n 28 28"]) -> Bool[ndarray, " n"]:
    """Tell which pictures are to be classified as they are: like MNIST's, light ink on dark."""
    edges = (pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1])
    borders = sum(edge.sum(axis=1, dtype=np.int64) for edge in edges)
    return (borders <= MAX_DARK_BORDER * 4 * SIDE) & (pixels.max(axis=(1, 2)) >= MIN_LIGHT_INK)


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
    if isinstance(content, ndarray):
        return (Page(1, 1, partial(Picture, content, path)),)
    file = BytesIO(content)
    file.name = path  # for messages
    pages = pages_of(file, limits)
    if not pages:
        raise PictureError(f"{path}: a document without pages")
    return pages
