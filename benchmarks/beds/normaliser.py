"""Are digits read as well when they are drawn some other way and normalised back?

MNIST's validation digits are drawn as ink on paper, on a bright and a dim one, as chalk, as bitmaps
of other sizes; the plain network of a run reads what the normaliser makes of them. It never saw
anything but MNIST, so the difference to the first line is the normaliser's.

    python -m benchmarks.beds.normaliser RUN [--digits 400] [--sheet docs/images/normalised.png]
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy import ndarray
from PIL import Image

from digitnn.data.dataset import split
from digitnn.data.fetch.sources import load
from digitnn.errors import PictureError
from digitnn.reader.ink.normalise import normalise
from digitnn.reader.input.opening import Picture
from digitnn.runs.run import load_single_run

Drawing = Callable[[ndarray, np.random.Generator], ndarray]


def resized(image: ndarray, side: int) -> ndarray:
    """`image`, 0..255, at another size, as 0..1."""
    method = Image.Resampling.BICUBIC if side > 28 else Image.Resampling.BOX
    return np.asarray(Image.fromarray(image).resize((side, side), method)) / 255


def photo(
    contrast: float, slope: float, shadow: float, noise: float, chalk: bool = False
) -> Drawing:
    """Draws on 260 x 260 pixels lit from one side, a part of them in shadow, with a sensor's noise.

    contrast: of the ink; slope: how much darker the far side is; shadow: how much darker its part.
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


BEDS: dict[str, Drawing] = {
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
    """Print how many digits of each bed are read right; draw the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--digits", type=int, default=400)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    classifier = load_single_run(options.run).classifier("scratch")
    valid = split(load("mnist"))[1]
    images, labels = valid.images[: options.digits], valid.labels[: options.digits]
    right = float((classifier.logits(images).argmax(axis=1) == labels).mean())
    print(f"{'without the normaliser':26} {100 * right:6.2f} %")
    rows = []
    for name, draw in BEDS.items():
        rng = np.random.default_rng(0)
        drawn = [np.clip(np.rint(draw(image, rng)), 0, 255).astype(np.uint8) for image in images]
        found = np.stack([_normalised(grey) for grey in drawn])
        right = float((classifier.logits(found).argmax(axis=1) == labels).mean())
        print(f"{name:26} {100 * right:6.2f} %")
        rows.append((drawn[:10], found[:10]))
    if options.sheet:
        _sheet(rows).save(options.sheet, optimize=True)


def _normalised(grey: ndarray) -> ndarray:
    try:
        return normalise(Picture(grey, "drawn")).image
    except PictureError:  # counted as misread, unless the network takes a blank for the digit
        return np.zeros((28, 28), np.uint8)


def _sheet(rows: list[tuple[list[ndarray], ndarray]], cell: int = 56) -> Image.Image:
    """A row for each bed: every picture as it was drawn, and beside it what became of it."""
    sheet = Image.new("L", (20 * cell, len(rows) * cell), 110)
    for row, (drawn, found) in enumerate(rows):
        for column, pair in enumerate(zip(drawn, found, strict=True)):
            for half, grey in enumerate(pair):
                small = Image.fromarray(grey).resize((cell - 4, cell - 4), Image.Resampling.BOX)
                sheet.paste(small, ((2 * column + half) * cell + 2 * (1 - half), row * cell + 2))
    return sheet.quantize(32)


if __name__ == "__main__":
    main()
