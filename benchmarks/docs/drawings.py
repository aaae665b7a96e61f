"""The drawings in docs/reading.md, of a page as `beds` writes it, in shadow.

    python -m benchmarks.docs.drawings [FOLDER]

Its digits are MNIST's validation digits as a pen would write them; to explain a refusal, a cross
is drawn beside two of them.
"""

import sys
from pathlib import Path

import numpy as np
from numpy import ndarray
from PIL import Image, ImageDraw

from benchmarks.beds.pages import PAGES
from digitnn.reader.drawing.boxes import draw_boxes
from digitnn.reader.drawing.explanation import explain
from digitnn.reader.input.opening import Picture
from digitnn.reader.reader import Reader

SEED = 2
"""Chosen for a shadow that runs through the digits."""


def page() -> ndarray:
    """Three lines of numbers."""
    sample = PAGES["page, shadow"]((SEED,), np.random.default_rng(SEED))
    return np.asarray(Image.fromarray(sample.pixels()).convert("L"))


def crossed(grey: ndarray) -> ndarray:
    """The first two digits of the page's last line, and a cross."""
    part = Image.fromarray(grey[280:390, 50:275])
    pen = ImageDraw.Draw(part)
    for line in (((155, 30), (200, 85)), ((200, 28), (153, 87))):
        pen.line(line, fill=40, width=5)
    return np.asarray(part)


def main(folder: Path) -> None:
    """Draw both."""
    reader = Reader.load()
    whole, part = Picture(page(), "page.jpg"), Picture(crossed(page()), "part.jpg")
    draw_boxes(whole, reader.read_picture(whole)).save(folder / "found.png", optimize=True)
    sheet = explain(part, reader.read_picture(part), reader.min_confidence)
    sheet.save(folder / "why.png", optimize=True)


if __name__ == "__main__":
    main(Path(*sys.argv[1:2]) if sys.argv[1:] else Path("docs/images"))
