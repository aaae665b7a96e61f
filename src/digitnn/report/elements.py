"""Elements of sections: charts with captions and numbers, tables, and arrays as images.

A matplotlib figure becomes an inline `<svg>` whose colours are the page's CSS variables, so that
one figure serves light, dark and print; text stays text, in the page's typeface. An array becomes
a PNG data URI with one pixel per number, which the browser enlarges with sharp pixel edges, so that
a mosaic of all first weights takes a kilobyte. Axes: n planes of h w pixels.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Num, UInt8
from numpy import ndarray
from PIL import Image

from digitnn.analysis.explain.mosaic import AMOUNT, SIGNED, mosaic
from digitnn.plotting import COLOURS, GREY

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Table:
    """A table of text; the first cell of each row is its header.

    prose: the cells hold words, which may wrap, rather than numbers.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
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


VARIABLES = {
    **{colour: f"var(--chart-{i})" for i, colour in enumerate(COLOURS)},
    GREY: "var(--muted)",
    "#000000": "var(--ink)",
    "#b0b0b0": "var(--rule)",
    "#cccccc": "var(--rule)",
    "#ffffff": "var(--paper)",
}
"""matplotlib's colours and the CSS variables that replace them, see templates/style.css."""

_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_FONT = re.compile(r"font: (?:[a-z0-9]+ )*?([0-9.]+)px [^;]*")
_FAMILY = re.compile(r"font-family: [^;]*;? ?")
_XLINK = "{http://www.w3.org/1999/xlink}"


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """Return `figure` as one `<svg>` element; equal figures give equal text.

    name: a prefix for its identifiers, unique on the page; label: its description for screen
    readers.
    """
    from matplotlib import rc_context

    text = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(text, format="svg", transparent=True, metadata=metadata)
    root = ElementTree.fromstring(text.getvalue())
    _clean(root, name)
    box = [float(side) for side in root.attrib["viewBox"].split()]
    root.attrib.clear()
    root.attrib |= {
        "class": "chart",
        "role": "img",
        "aria-label": label,
        "viewBox": " ".join(f"{side:g}" for side in box),
        "width": f"{box[2]:g}",
        "height": f"{box[3]:g}",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _clean(root: ElementTree.Element, name: str) -> None:
    """Remove namespaces, metadata, global styles and unused identifiers; apply the theme."""
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', ElementTree.tostring(root).decode()))
    for parent in root.iter():
        for child in list(parent):
            if child.tag.endswith(("}metadata", "}style")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        element.tail = None
        if element.text and not element.text.strip():
            element.text = None
        kept = {}
        for key, value in element.attrib.items():
            if key == "id":
                if value in used:
                    kept["id"] = f"{name}-{value}"
            elif key == f"{_XLINK}href":
                kept["href"] = value.replace("#", f"#{name}-")
            elif key == "clip-path":
                kept[key] = value.replace("#", f"#{name}-")
            else:
                kept[key] = _themed(value) if key == "style" else value
        element.attrib.clear()
        element.attrib |= kept


def _themed(style: str) -> str:
    """Return a style with the page's colours and typeface; the font size is kept."""
    style = _FAMILY.sub("", _FONT.sub(r"font-size: \1px", style))
    return _COLOUR.sub(lambda found: VARIABLES.get(found.group(), found.group()), style)
