"""Lay out the digits of a page: lines of numbers, in pixels.

Lengths are in digit heights unless they say pixels. A number is a word of digits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from benchmarks.beds.handwriting import Variation, handwritten_digits
from benchmarks.beds.tracing import Strokes

MAX_OVERLAP = 0.3
"""Largest overlap of two neighbours, as a share of the narrower one's width."""

NUMBER_GAPS = (1.1, 2.2)
"""Range of gaps between numbers, far wider than any gap within one, so the truth is unambiguous."""


@dataclass(frozen=True)
class Layout:
    """Parameters of a page.

    Args:
        height: of a digit, in pixels.
        gaps: range of gaps between outlines within a number; negative gaps overlap.
        sizes: range of a line's size relative to the page's.
        heights: range of a digit's height relative to its line's.
        spacing: between baselines.
        degrees: largest rotation of the page.
        pen: width of the pen.
        box_width: width of each digit's printed box; 0 for no boxes.
    """

    height: float = 60.0
    gaps: tuple[float, float] = (0.12, 0.35)
    sizes: tuple[float, float] = (1.0, 1.0)
    heights: tuple[float, float] = (0.88, 1.12)
    spacing: float = 1.9
    degrees: float = 1.5
    pen: float = 0.07
    box_width: float = 0.0


@dataclass(frozen=True, eq=False)
class WrittenPage:
    """All strokes in pixels, line by line, with the page's shape and text.

    baselines: y of each line before the page is rotated; boxes: left, top, right, bottom of each
    digit's printed box.
    """

    strokes: Strokes
    shape: tuple[int, int]
    content: str
    baselines: tuple[float, ...]
    boxes: tuple[tuple[float, float, float, float], ...]


def write_page(
    lines: Sequence[Sequence[int]], layout: Layout, seed: tuple[int, ...]
) -> WrittenPage:
    """Write a page of random digits; `lines` has the number of digits of each number."""
    rng = np.random.default_rng([*seed, 3])
    variation = Variation(degrees=5, slant=0.08, octaves=0.25)
    source = handwritten_digits(seed, variation)
    lean = rng.uniform(-0.15, 0.15)  # one writer, one slant
    margin, text = layout.height * rng.uniform(0.5, 1.2), []
    baseline, far = margin, 0.0
    strokes: list[np.ndarray] = []
    baselines: list[float] = []
    boxes: list[tuple[float, float, float, float]] = []
    for lengths in lines:
        unit = layout.height * rng.uniform(*layout.sizes)
        baseline += unit * (layout.spacing if baselines else 1.1)
        x, words = margin + unit * rng.uniform(0, 0.5), []
        for at, count in enumerate(lengths):
            if at:
                x += unit * rng.uniform(*NUMBER_GAPS)
            word, before = "", 0.0
            for place in range(count):
                glyph, digit, _ = next(source)
                glyph = scale_upright(glyph, lean, unit * rng.uniform(*layout.heights))
                width = float(np.concatenate(glyph)[:, 0].max())
                pen = layout.pen * layout.height
                if layout.box_width:
                    box_width = layout.box_width * unit
                    boxes.append((x, baseline - 1.2 * unit, x + box_width, baseline + 0.2 * unit))
                    left = x + (box_width - width) / 2 + rng.uniform(-0.04, 0.04) * unit
                    x += box_width
                else:
                    gap = unit * rng.uniform(*layout.gaps) + pen if place else 0.0
                    left = x + max(gap, -MAX_OVERLAP * min(width, before))
                    x, before = left + width, width
                corner = np.array([left, baseline + unit * rng.uniform(-0.05, 0.05)])
                strokes += [stroke + corner for stroke in glyph]
                word += str(digit)
            words.append(word)
        far = max(far, x)
        baselines.append(baseline)
        text.append(" ".join(words))
    shape = (int(baseline + margin), int(far + margin))
    turn = np.radians(rng.uniform(-layout.degrees, layout.degrees))
    turned, shape = _turn_page(strokes, shape, turn)
    return WrittenPage(turned, shape, "\n".join(text), tuple(baselines), tuple(boxes))


def scale_upright(glyph: Strokes, lean: float, height: float) -> Strokes:
    """Slant a glyph and scale it to `height` pixels, left at x = 0 and baseline at y = 0.

    A flat glyph is limited by its width instead.
    """
    leaning = [stroke @ np.array([[1, 0], [-lean, 1]]) for stroke in glyph]
    points = np.concatenate(leaning)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = height / max(float(high[1] - low[1]), 0.75 * float(high[0] - low[0]))
    return tuple((stroke - (low[0], high[1])) * scale for stroke in leaning)


def _turn_page(
    strokes: Sequence[np.ndarray], shape: tuple[int, int], turn: float
) -> tuple[Strokes, tuple[int, int]]:
    """Rotate strokes about the middle of the page, which grows to hold all of them."""
    c, s = np.cos(turn), np.sin(turn)
    h, w = shape
    larger = (int(h * c + w * abs(s)), int(w * c + h * abs(s)))
    middle, new = np.array([w, h]) / 2, np.array([larger[1], larger[0]]) / 2
    return tuple((p - middle) @ np.array([[c, s], [-s, c]]) + new for p in strokes), larger


def draw_line_lengths(
    rng: Generator, lines: tuple[int, int], words: tuple[int, int]
) -> list[list[int]]:
    """Draw the number of digits, 1 to 6, of each number of each line."""
    count = int(rng.integers(lines[0], lines[1] + 1))
    return [
        [int(n) for n in rng.integers(1, 7, int(rng.integers(words[0], words[1] + 1)))]
        for _ in range(count)
    ]
