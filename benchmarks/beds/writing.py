"""Write given patterns of digits and symbols in one hand: lines of words, and words in cells.

In a pattern "d" is the next digit of the writer, any of `SYMBOLS` is itself. Lengths are in pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds.handwriting import Variation, handwritten_digits
from benchmarks.beds.layout import NUMBER_GAPS, scale_upright
from benchmarks.beds.pens import Place, draw
from benchmarks.beds.samples import Sample
from benchmarks.beds.styles import polyline
from benchmarks.beds.tracing import Strokes

SYMBOLS = ".,-/:"


def hide_symbols(text: str) -> str:
    """Return the text that the reader's default mode should give: "?" for each symbol."""
    return "".join("?" if character in SYMBOLS else character for character in text)


def with_symbols(picture: ndarray | bytes, text: str) -> Sample:
    """Return a sample whose text has symbols."""
    return Sample(picture, hide_symbols(text), text)


@dataclass(frozen=True, eq=False)
class Word:
    """Strokes in pixels, and what they say, symbols included."""

    strokes: Strokes
    text: str

    def width(self) -> float:
        """Return how far the word reaches to the right."""
        return float(max(stroke[:, 0].max() for stroke in self.strokes))

    def moved(self, x: float, y: float) -> "Word":
        """Return the word with its origin, which is left on the baseline, at (x, y)."""
        return Word(tuple(stroke + np.array([x, y]) for stroke in self.strokes), self.text)


Hand = Callable[[str], Word]
"""Writes a pattern, left at x = 0 and with its baseline at y = 0."""


def new_hand(
    seed: tuple[int, ...], height: float, pen: float, rng: Generator, upright: bool = False
) -> Hand:
    """Return the hand of one writer, with one slant.

    height: of a digit; pen: its width; upright: whether the slant is small and each 1 is vertical,
    without which nobody can tell a slash from a 1.
    """
    source = handwritten_digits(seed, Variation(degrees=5, slant=0.08, octaves=0.25))
    lean = rng.uniform(-0.15, 0.15) * (0.3 if upright else 1)

    def write(pattern: str) -> Word:
        strokes: list[ndarray] = []
        text, x = "", 0.0
        for mark in pattern:
            if mark == "d":
                glyph, digit, _ = next(source)
                if upright and digit == 1:
                    glyph = _straightened(glyph)
                glyph = scale_upright(glyph, lean, height * rng.uniform(0.88, 1.12))
                text += str(digit)
            else:
                glyph = tuple(height * stroke for stroke in _symbol(mark, rng))
                text += mark
            x += height * rng.uniform(0.1, 0.3) + pen if strokes else 0.0
            y = height * rng.uniform(-0.04, 0.04)
            strokes += [stroke + np.array([x, y]) for stroke in glyph]
            x = max(x, float(max(stroke[:, 0].max() for stroke in strokes)))
        return Word(tuple(strokes), text)

    return write


def _straightened(strokes: Strokes) -> Strokes:
    """Shear strokes so that the regression line of x on y is vertical."""
    points = np.concatenate(strokes)
    y = points[:, 1] - points[:, 1].mean()
    slope = float(points[:, 0] @ y / (y @ y))
    return tuple(stroke - np.outer(stroke[:, 1], (slope, 0)) for stroke in strokes)


def _symbol(mark: str, rng: Generator) -> Strokes:
    """Return a symbol's strokes, in heights of a digit above the baseline; x from 0."""
    a, b = rng.uniform(0.02, 0.05, 2)
    lines: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
        ".": (((0.0, -a), (b, 0.0)),),
        ",": (((0.08, -0.04), (0.07 + b, 0.05), (0.0, 0.14 + 2 * a)),),
        "-": (((0.0, -0.45), (rng.uniform(0.28, 0.5), -0.45 + a - b)),),
        "/": (((0.0, 0.2 + a), (rng.uniform(0.55, 0.75), -1.15 - b)),),
        ":": (((0.0, -0.62 - a), (b, -0.6)), ((0.0, -0.12 - a), (b, -0.1))),
    }
    return tuple(polyline(np.array(points)) for points in lines[mark])


def write_lines(
    hand: Hand, lines: Sequence[Sequence[str]], height: float, rng: Generator
) -> tuple[list[list[Word]], tuple[int, int]]:
    """Write lines of words, far apart; return the words of each line and the page's (h, w)."""
    margin = height * rng.uniform(0.6, 1.2)
    found: list[list[Word]] = []
    baseline, far = margin + 1.1 * height, 0.0
    for patterns in lines:
        x, row = margin + height * rng.uniform(0, 0.6), []
        for pattern in patterns:
            row.append(hand(pattern).moved(x, baseline))
            x = row[-1].width() + height * rng.uniform(*NUMBER_GAPS)
        far = max(far, row[-1].width())
        found.append(row)
        baseline += height * rng.uniform(1.75, 2.1)
    return found, (int(baseline - 0.8 * height + margin), int(far + margin))


def text_of(rows: Sequence[Sequence[Word]]) -> str:
    """Return the text of rows of words; empty rows are left out."""
    return "\n".join(" ".join(word.text for word in row) for row in rows if row)


def ink_of(
    rows: Sequence[Sequence[Word]], shape: tuple[int, int], pen: float, rng: Generator
) -> Float32[ndarray, "h w"]:
    """Draw the words of all rows with one pen."""
    strokes = tuple(stroke for row in rows for word in row for stroke in word.strokes)
    return draw(strokes, shape, Place(0, 0, 1), max(1.0, pen), rng, pressure=0.12)
