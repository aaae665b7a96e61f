"""Elements of sections: charts with captions and numbers, tables, and arrays as images.

Arrays become PNG data URIs with one pixel per number. The browser enlarges them with sharp pixel
edges, so that a mosaic of all first weights takes a kilobyte. Axes: n planes of h w pixels.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Num, UInt8
from numpy import ndarray
from PIL import Image

from digitnn.analysis.explain.mosaic import AMOUNT, SIGNED, mosaic


@dataclass(frozen=True)
class Table:
    """A table of text; the first cell of each row is its header.

    prose: the cells hold words, which may wrap, rather than numbers.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    prose: bool = False


@dataclass(frozen=True)
class Chart:
    """A figure. svg: a safe `<svg>` element; words: its caption; table: its numbers."""

    svg: str
    words: str
    table: Table


@dataclass(frozen=True)
class Pixels:
    """An array shown with visible pixels.

    src: a data URI; zoom: CSS pixels per pixel; ink: black on white, inverted on a dark page.
    """

    src: str
    width: int
    height: int
    alt: str
    zoom: float
    ink: bool = False


def table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], prose: bool = False
) -> Table:
    """Return a `Table` from any sequences."""
    return Table(caption, tuple(head), tuple(tuple(row) for row in rows), prose)


PIXELS_PER_CELL = 6
"""Side in pixels of one array element where an outline is drawn between elements."""


def ink(
    images: UInt8[ndarray, "n h w"], alt: str, zoom: float, columns: int = 1, gap: int = 2
) -> Pixels:
    """Return images in black on white, in rows of `columns`."""
    whole = 255 - np.nan_to_num(mosaic(images, columns, gap), nan=0)
    return _pixels(Image.fromarray(whole.astype(np.uint8)), alt, zoom, is_ink=True)


def coloured(
    planes: Num[ndarray, "n h w"],
    kind: Literal["signed", "amount"],
    limit: tuple[float, float],
    alt: str,
    zoom: float,
    columns: int,
    gap: int = 1,
) -> Pixels:
    """Return planes coloured from limit[0] to limit[1]: blue to red, or dark to light."""
    return _pixels(Image.fromarray(_paint(mosaic(planes, columns, gap), kind, limit)), alt, zoom)


def outlined(
    plane: Num[ndarray, "h w"], image: UInt8[ndarray, "h w"], largest: float, alt: str, zoom: float
) -> Pixels:
    """Return a plane coloured from -largest to largest, with the outline of the image's strokes."""
    painted = _paint(plane, "signed", (-largest, largest))
    painted = painted.repeat(PIXELS_PER_CELL, axis=0).repeat(PIXELS_PER_CELL, axis=1)
    stroke = (image > 127).repeat(PIXELS_PER_CELL, axis=0).repeat(PIXELS_PER_CELL, axis=1)
    edge = np.zeros_like(stroke)
    edge[1:] |= stroke[1:] != stroke[:-1]
    edge[:, 1:] |= stroke[:, 1:] != stroke[:, :-1]
    painted[edge] = (0, 0, 0, 255)
    return _pixels(Image.fromarray(painted), alt, zoom / PIXELS_PER_CELL)


def _paint(
    whole: Num[ndarray, "h w"], kind: Literal["signed", "amount"], limit: tuple[float, float]
) -> UInt8[ndarray, "h w 4"]:
    """Return RGBA colours; NaN is transparent."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    scale = Normalize(*limit, clip=True)
    painted: ndarray = colormaps[SIGNED if kind == "signed" else AMOUNT](scale(whole), bytes=True)
    painted[np.isnan(whole)] = 0
    return painted


def _pixels(image: Image.Image, alt: str, zoom: float, is_ink: bool = False) -> Pixels:
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    src = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return Pixels(src, *image.size, alt=alt, zoom=zoom, ink=is_ink)
