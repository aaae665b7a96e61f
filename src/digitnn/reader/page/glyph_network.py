"""The network that looks at each glyph of a page again, in the middle of its surroundings.

The page network sees glyphs of any size anywhere in a cell of the page. This one sees each at one
size and in the middle, with its neighbours, the paper and the rulings around it, and in grey: no
decision about what is ink has been taken. It is a plain sequence of layers that ships as a saved
network of the classes `CHARACTERS`, "other" for any other glyph, and "none": a half of a glyph, two
together, rulings, or nothing at all.

Axes: h w pixels, n glyphs.
"""

from collections.abc import Callable
from functools import cache
from math import ceil, floor
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from PIL import Image

from digitnn.engines.find import find_engine
from digitnn.errors import RunError
from digitnn.network.storage.saved_network import load_network
from digitnn.reader.page.network import CHARACTERS, OTHER, softmax
from digitnn.wording import brief

SHIPPED_FOLDER = Path(__file__).parent.parent / "shipped" / "glyphs"
"""The trained network; written by `tools.page_reader.ship`."""

SIDE = 40
"""Height and width of a window, in its pixels."""

GLYPH_SIDE = 20
"""The longer side of a glyph's box in its window: as in MNIST's images."""

REACH = 4
"""Pixels around a window that smoothing may ask for."""

MIDDLE, SPREAD, LEAST_SPREAD = 128.0, 48.0, 2.0
"""A window's grey levels get this mean and standard deviation; nearly plain ones are not stretched
beyond a deviation of `LEAST_SPREAD`, which may be noise."""

NONE = OTHER + 1
"""The class of a box that holds no glyph."""

CLASSES = (*CHARACTERS, "other", "none")

ClassifyWindows: TypeAlias = Callable[[UInt8[ndarray, "n 40 40"]], Float32[ndarray, "n 17"]]
"""Returns the probabilities of `CLASSES`."""


def windows(
    grey: UInt8[ndarray, "h w"], boxes: Float32[ndarray, "n 4"]
) -> UInt8[ndarray, "n 40 40"]:
    """Return the surroundings of boxes, each with its box in the middle, `GLYPH_SIDE` long.

    boxes: left, top, right, bottom in pixels of the page, which goes on in the tones of its border.
    """
    each = [_window(grey, *box) for box in boxes.tolist()]
    found = np.array(each, np.float32).reshape(-1, SIDE, SIDE)  # there may be none
    found -= found.mean(axis=(1, 2), keepdims=True)
    found *= SPREAD / np.maximum(found.std(axis=(1, 2), keepdims=True), LEAST_SPREAD)
    return np.clip(found + MIDDLE, 0, 255).astype(np.uint8)


def _window(
    grey: UInt8[ndarray, "h w"], left: float, top: float, right: float, bottom: float
) -> UInt8[ndarray, "40 40"]:
    """Return the surroundings of one box, in the grey levels of the page.

    A large part of the page is reduced before, by a whole factor. What lies beyond the page
    repeats its border, of the reduced page: so memory depends on the page alone.
    """
    half = max(right - left, bottom - top, 1.0) * SIDE / GLYPH_SIDE / 2
    factor = max(1, int(half / SIDE))
    x, y = ((low + high) / 2 / factor for low, high in ((left, right), (top, bottom)))
    half /= factor
    columns, rows = (
        np.arange(floor(middle - half) - REACH, ceil(middle + half) + REACH) for middle in (x, y)
    )
    area = (x - half - columns[0], y - half - rows[0], x + half - columns[0], y + half - rows[0])
    h, w = (-(-side // factor) for side in grey.shape)
    columns, rows = columns.clip(0, w - 1), rows.clip(0, h - 1)
    x0, y0, x1, y1 = (int(i) for i in (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1))
    part = Image.fromarray(grey[y0 * factor : y1 * factor, x0 * factor : x1 * factor])
    around = np.asarray(part.reduce(factor))[(rows - y0)[:, None], columns - x0]
    method = Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(around).resize((SIDE, SIDE), method, box=area))


@cache
def shipped_glyph_network() -> ClassifyWindows:
    """Return the network of the package; it is loaded once."""
    return load_glyph_network(SHIPPED_FOLDER)


def load_glyph_network(folder: Path) -> ClassifyWindows:
    """Load a saved network of windows. Raises `RunError`."""
    network, params = load_network(folder)
    if (network.labels, network.input) != (CLASSES, (1, SIDE, SIDE)):
        raise RunError(
            f"{folder}: expected a network of windows with the classes {' '.join(CLASSES)}, "
            f"got one of {brief(' '.join(network.labels))}"
        )
    classifier = find_engine("scratch").classifier(network, params)
    return lambda images: softmax(classifier.logits(images) / np.float32(network.temperature))
