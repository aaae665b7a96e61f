"""Pages of ones, noughts and eights drawn as bars and rings, and a reader that knows no others."""

from functools import cache

import numpy as np
from numpy import ndarray
from PIL import Image, ImageDraw

from digitnn.reader.ink.normalise import normalise
from digitnn.reader.input.opening import Picture


def page(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """White paper and a pen."""
    image = Image.new("L", (width, height), 255)
    return image, ImageDraw.Draw(image)


def write(pen: ImageDraw.ImageDraw, text: str, x: int, y: int, high: int = 40) -> int:
    """`text` of 0, 1, 8 and spaces from x on, its top at y; where the next digit would begin."""
    wide, thick = round(0.6 * high), max(2, high // 10)
    for digit in text:
        if digit == "0":
            pen.ellipse([x, y, x + wide, y + high], outline=0, width=thick)
        if digit == "1":
            pen.rectangle([x, y, x + thick, y + high], fill=0)
        if digit == "8":
            half = high // 2
            pen.ellipse([x, y, x + wide, y + half + thick], outline=0, width=thick)
            pen.ellipse([x, y + half, x + wide, y + high], outline=0, width=thick)
        x += (thick if digit == "1" else wide) + round((1.3 if digit == " " else 0.35) * high)
    return x


def picture(image: Image.Image | ndarray) -> Picture:
    """As `open_picture` gives it."""
    return Picture(np.asarray(image), "page")


def text_of(lines) -> str:
    """Return the text of the most likely classes, as in `Reading.text`."""
    rows = []
    for line in lines:
        row = ""
        for glyph, space in zip(line.glyphs, line.spaces, strict=True):
            answer = int(glyph.probabilities.argmax())
            row += (" " if space else "") + ("?" if answer == 10 else str(answer))
        rows.append(row)
    return "\n".join(rows)


def classify(images: ndarray) -> ndarray:
    """Which of 0, 1 and 8 an image shares at least 0.7 of its ink with; no digit otherwise."""
    probabilities = np.full((len(images), 11), 0.001, np.float32)
    for row, image in zip(probabilities, images.astype(np.float32), strict=True):
        alike = {digit: _alike(image, ideal) for digit, ideal in _ideals().items()}
        best = max(alike, key=lambda digit: alike[digit])
        row[best if alike[best] > 0.7 else 10] = 0.99
    return probabilities


def _alike(image: ndarray, ideal: ndarray) -> float:
    """1 where they are equal, 0 where they share nothing; a pixel aside does not matter."""
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    off = min(np.abs(np.roll(image, shift, (0, 1)) - ideal).sum() for shift in shifts)
    return float(1 - off / (image.sum() + ideal.sum()))


@cache
def _ideals() -> dict[int, ndarray]:
    """0, 1 and 8 as they come out when nothing else is in the picture."""
    ideals = {}
    for digit in "018":
        image, pen = page(100, 100)
        write(pen, digit, 30, 30)
        ideals[int(digit)] = normalise(picture(image)).image.astype(np.float32)
    return ideals
