"""Draw the figures of docs/reading.md and docs/robustness.md.

    python -m benchmarks.docs.drawings [FOLDER]

found.png shows what the reader finds on a shadowed page of `beds`; why.png explains a rejection, of
a cross next to two digits; corruptions.png is the contact sheet of the fifteen corruptions.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray
from PIL import Image, ImageDraw

from benchmarks import ROOT
from benchmarks.beds.pages import PAGES
from digitnn.analysis.robustness.corrupted import corrupted_splits
from digitnn.data.dataset import Dataset
from digitnn.plotting import new_figure, write_figure
from digitnn.reader.drawing.boxes import draw_boxes
from digitnn.reader.drawing.explanation import explain
from digitnn.reader.input.opening import Picture
from digitnn.reader.reader import Reader
from digitnn.runs.experiment import load_training_data

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEED = 2
"""Chosen for a shadow that runs through the digits."""
CORRUPTED_IMAGES = 12
"""The first validation images, drawn under each corruption."""


def page() -> ndarray:
    """Return a page with three lines of numbers."""
    sample = PAGES["page, shadow"]((SEED,), np.random.default_rng(SEED))
    return np.asarray(Image.fromarray(sample.pixels()).convert("L"))


def add_cross(grey: ndarray) -> ndarray:
    """Crop the page to the first two digits of its last line and draw a cross next to them."""
    part = Image.fromarray(grey[280:390, 50:275])
    pen = ImageDraw.Draw(part)
    for line in (((155, 30), (200, 85)), ((200, 28), (153, 87))):
        pen.line(line, fill=40, width=5)
    return np.asarray(part)


def draw_corruptions(dataset: Dataset) -> "Figure":
    """Draw a contact sheet: a column for each image, unchanged first, then a row per corruption."""
    rows = {"none": dataset} | dict(corrupted_splits(dataset))
    figure = new_figure(1.6 + 0.5 * len(dataset), 0.5 * len(rows))
    for axes, (name, row) in zip(figure.subplots(len(rows), 1), rows.items(), strict=True):
        axes.imshow(np.concatenate(list(row.images), axis=1), cmap="gray", vmin=0, vmax=255)
        axes.set_ylabel(name.replace("_", " "), rotation=0, ha="right", va="center", fontsize=9)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


def main() -> None:
    """Draw the figures into a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "images")
    folder = parser.parse_args().folder
    reader = Reader.load()
    whole, part = Picture(page(), "page.jpg"), Picture(add_cross(page()), "part.jpg")
    draw_boxes(whole, reader.read_picture(whole)).save(folder / "found.png", optimize=True)
    sheet = explain(part, reader.read_picture(part), reader.min_confidence)
    sheet.save(folder / "why.png", optimize=True)
    images = load_training_data("mnist").valid[:CORRUPTED_IMAGES]
    write_figure(folder / "corruptions.png", draw_corruptions(images))


if __name__ == "__main__":
    main()
