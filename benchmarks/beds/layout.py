"""Where the digits of a page stand: lines of numbers, one after the other, in pixels.

Lengths are in digit heights unless they say pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from benchmarks.beds.hands import Hand
from benchmarks.beds.tracing import Strokes
from benchmarks.beds.written import digits

OVERLAP = 0.3
"""No digit lies within another: two share at most so much of the narrower's width."""

WIDE = (1.1, 2.2)
"""Gaps between numbers; no gap within one comes near it, so that the truth is beyond dispute."""


@dataclass(frozen=True)
class Layout:
    """How a page is written.

    height: of a digit, in pixels; gaps: between outlines within a number, below 0 they overlap;
    sizes: of a line by the page's, uniform; heights: the same, digit by digit; spacing: of the
    lines' feet; degrees: the page turned by up to so many; pen: its width; slot: the width of each
    digit's box on boxed paper, 0 without.
    """

    height: float = 60.0
    gaps: tuple[float, float] = (0.12, 0.35)
    sizes: tuple[float, float] = (1.0, 1.0)
    heights: tuple[float, float] = (0.88, 1.12)
    spacing: float = 1.9
    degrees: float = 1.5
    pen: float = 0.07
    slot: float = 0.0


@dataclass(frozen=True, eq=False)
class Written:
    """Every digit's strokes in pixels, line by line; the page's shape; the text; boxes on paper.

    feet: y of each line's foot before turning; slots: left, top, right, bottom of each digit's box.
    """

    strokes: Strokes
    shape: tuple[int, int]
    content: str
    feet: tuple[float, ...]
    slots: tuple[tuple[float, float, float, float], ...]


def write(lines: Sequence[Sequence[int]], layout: Layout, seed: tuple[int, ...]) -> Written:
    """A page; lines: how many digits each number of each line has. What they say is drawn."""
    rng = np.random.default_rng([*seed, 3])
    hand = Hand(degrees=5, slant=0.08, octaves=0.25)
    source = digits(seed, hand)
    lean = rng.uniform(-0.15, 0.15)  # one writer, one slant
    margin, text = layout.height * rng.uniform(0.5, 1.2), []
    foot, far = margin, 0.0
    strokes: list[np.ndarray] = []
    feet: list[float] = []
    slots: list[tuple[float, float, float, float]] = []
    for numbers in lines:
        unit = layout.height * rng.uniform(*layout.sizes)
        foot += unit * (layout.spacing if feet else 1.1)
        x, words = margin + unit * rng.uniform(0, 0.5), []
        for at, count in enumerate(numbers):
            if at:
                x += unit * rng.uniform(*WIDE)
            word, before = "", 0.0
            for place in range(count):
                glyph, digit, _ = next(source)
                glyph = _upright(glyph, lean, unit * rng.uniform(*layout.heights))
                width = float(np.concatenate(glyph)[:, 0].max())
                pen = layout.pen * layout.height
                if layout.slot:
                    slots.append((x, foot - 1.2 * unit, x + layout.slot * unit, foot + 0.2 * unit))
                    left = x + (layout.slot * unit - width) / 2 + rng.uniform(-0.04, 0.04) * unit
                    x += layout.slot * unit
                else:
                    gap = unit * rng.uniform(*layout.gaps) + pen if place else 0.0
                    left = x + max(gap, -OVERLAP * min(width, before))
                    x, before = left + width, width
                corner = np.array([left, foot + unit * rng.uniform(-0.05, 0.05)])
                strokes += [stroke + corner for stroke in glyph]
                word += str(digit)
            words.append(word)
        far = max(far, x)
        feet.append(foot)
        text.append(" ".join(words))
    shape = (int(foot + margin), int(far + margin))
    turn = np.radians(rng.uniform(-layout.degrees, layout.degrees))
    turned, shape = _turned(strokes, shape, turn)
    return Written(turned, shape, "\n".join(text), tuple(feet), tuple(slots))


def _upright(glyph: Strokes, lean: float, height: float) -> Strokes:
    """`height` pixels high, its left at x = 0 and its foot at y = 0; a flat one is not blown up."""
    leaning = [stroke @ np.array([[1, 0], [-lean, 1]]) for stroke in glyph]
    points = np.concatenate(leaning)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = height / max(float(high[1] - low[1]), 0.75 * float(high[0] - low[0]))
    return tuple((stroke - (low[0], high[1])) * scale for stroke in leaning)


def _turned(
    strokes: Sequence[np.ndarray], shape: tuple[int, int], turn: float
) -> tuple[Strokes, tuple[int, int]]:
    """Turned about the middle of a page that grows so that nothing leaves it."""
    c, s = np.cos(turn), np.sin(turn)
    h, w = shape
    larger = (int(h * c + w * abs(s)), int(w * c + h * abs(s)))
    middle, new = np.array([w, h]) / 2, np.array([larger[1], larger[0]]) / 2
    return tuple((p - middle) @ np.array([[c, s], [-s, c]]) + new for p in strokes), larger


def numbers(rng: Generator, lines: tuple[int, int], words: tuple[int, int]) -> list[list[int]]:
    """How many digits each number of each line has: some lines of some numbers of 1 to 6 digits."""
    count = int(rng.integers(lines[0], lines[1] + 1))
    return [
        [int(n) for n in rng.integers(1, 7, int(rng.integers(words[0], words[1] + 1)))]
        for _ in range(count)
    ]
