"""How accurate is a network on digits that were redrawn and then normalised?

MNIST's validation digits are redrawn as ink on bright and dim paper, as chalk and as bitmaps of
other sizes. A run's network, trained on MNIST only, classifies the normalised pictures. So the
difference from its accuracy without the normaliser measures the normaliser.

    python -m benchmarks.beds.normaliser RUN --json [--digits 400] [--sheet PNG]
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy import ndarray
from PIL import Image

from benchmarks.beds.handwriting import validation_split
from benchmarks.measuring import print_result
from digitnn.errors import PictureError
from digitnn.reader.ink.normalise import normalise
from digitnn.reader.input.opening import Picture
from digitnn.runs.run import load_single_run

SEED = 0
"""The seed of each bed's noise."""

Redraw = Callable[[ndarray, np.random.Generator], ndarray]


def resized(image: ndarray, side: int) -> ndarray:
    """Resize an image of 0..255 to (side, side) pixels of 0..1."""
    method = Image.Resampling.BICUBIC if side > 28 else Image.Resampling.BOX
    return np.asarray(Image.fromarray(image).resize((side, side), method)) / 255


def photo(
    contrast: float, slope: float, shadow: float, noise: float, chalk: bool = False
) -> Redraw:
    """Return a function that redraws an image as a photo of 260 x 260 pixels.

    contrast: of the ink; slope: loss of light across the picture; shadow: loss of light within the
    shadow; noise: standard deviation of the sensor's noise.
    """

    def draw(image: ndarray, rng: np.random.Generator) -> ndarray:
        ink = np.pad(resized(image, 200), 30) * contrast
        y, x = np.indices(ink.shape) / len(ink) - 0.5
        angle = rng.uniform(0, 2 * np.pi)
        light = 1 - slope * (0.5 + y * np.sin(angle) + x * np.cos(angle))
        beyond = rng.uniform(-0.3, 0.3) + y * np.cos(angle) - x * np.sin(angle)
        light *= 1 - shadow * np.clip(beyond * 60, 0, 1)  # a penumbra of 4 pixels
        surface = 0.15 + ink if chalk else 1 - ink
        return 235 * light * surface + rng.normal(scale=noise, size=ink.shape)

    return draw


BEDS: dict[str, Redraw] = {
    "as they are": lambda image, _: image,
    "dark on light": lambda image, _: 255 - image,
    "300 x 300, two colours": lambda image, _: np.where(resized(image, 300) > 0.43, 0, 255),
    "a thin pen, 280 x 280": lambda image, _: np.where(resized(image, 280) > 0.8, 0, 255),
    "14 x 14": lambda image, _: 255 * (1 - resized(image, 14)),
    "16 x 16, two colours": lambda image, _: np.where(resized(image[3:25, 3:25], 16) > 0.4, 0, 255),
    "photo": photo(0.6, 0.3, 0.0, 6),
    "photo, grain": photo(0.5, 0.5, 0.0, 20),
    "photo, shadow": photo(0.6, 0.5, 0.4, 6),
    "photo, pencil in shadow": photo(0.25, 0.3, 0.3, 4),
    "chalk on a board": photo(0.65, 0.5, 0.2, 6, chalk=True),
}


def main() -> None:
    """Print the accuracy on each bed; draw the contact sheet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--digits", type=int, default=400, help="number of digits")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="write a contact sheet")
    options = parser.parse_args()
    classifier = load_single_run(options.run).classifier("scratch")
    valid = validation_split()
    images, labels = valid.images[: options.digits], valid.labels[: options.digits]
    accuracies: dict[str, float] = {}

    def record(name: str, classified: ndarray) -> None:
        accuracies[name] = float((classifier.logits(classified).argmax(axis=1) == labels).mean())
        print(f"{name:26} {100 * accuracies[name]:6.2f} %", file=sys.stderr)

    record("without the normaliser", images)
    rows = []
    for name, redraw in BEDS.items():
        rng = np.random.default_rng(SEED)
        drawn = [np.clip(np.rint(redraw(image, rng)), 0, 255).astype(np.uint8) for image in images]
        found = np.stack([_normalised(grey) for grey in drawn])
        record(name, found)
        rows.append((drawn[:10], found[:10]))
    if options.sheet:
        _sheet(rows).save(options.sheet, optimize=True)
    result = {"schema": 1, "run": options.run, "n": len(images), "seed": SEED}
    print_result({**result, "accuracies": accuracies}, options.json)


def _normalised(grey: ndarray) -> ndarray:
    """Return the normalised image; a blank image, usually misclassified, if there is no ink."""
    try:
        return normalise(Picture(grey, "drawn")).image
    except PictureError:
        return np.zeros((28, 28), np.uint8)


def _sheet(rows: list[tuple[list[ndarray], ndarray]], cell: int = 56) -> Image.Image:
    """Draw a row for each bed: every picture next to its normalised image."""
    sheet = Image.new("L", (20 * cell, len(rows) * cell), 110)
    for row, (drawn, found) in enumerate(rows):
        for column, pair in enumerate(zip(drawn, found, strict=True)):
            for half, grey in enumerate(pair):
                small = Image.fromarray(grey).resize((cell - 4, cell - 4), Image.Resampling.BOX)
                sheet.paste(small, ((2 * column + half) * cell + 2 * (1 - half), row * cell + 2))
    return sheet.quantize(32)


if __name__ == "__main__":
    main()
