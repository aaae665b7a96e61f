"""Writers with their habits, and the words and numbers that they write."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from tools.page_reader.glyphs import SIGNS
from tools.page_reader.hands import Hand, font_hand, some_hand, stroke_hand
from tools.page_reader.page import Page, Placed

CONSONANTS, VOWELS = "bcdfghjklmnprstvwz", "aeiou"
OTHER_SIGNS = "+=()&%#?!*"


@dataclass(frozen=True)
class Writer:
    """One hand with its habits: size in pixels, slant, gaps in digit heights, darkness."""

    hand: Hand
    letters: Hand
    size: float
    lean: float
    gaps: tuple[float, float]
    unsteady: float
    tone: float


def draw_size(rng: Generator, usual: tuple[float, float]) -> float:
    """Return a digit height: mostly within `usual`, sometimes far smaller or larger."""
    kind = rng.random()
    low, high = usual
    if kind < 0.84:
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))
    if kind < 0.92:
        return float(rng.uniform(0.3 * low, low))
    return float(np.exp(rng.uniform(np.log(high), np.log(5 * high))))


def writer(rng: Generator, usual: tuple[float, float]) -> Writer:
    """Return a random writer."""
    hand, letters = some_hand(rng)
    gap = rng.choice([rng.uniform(-0.2, 0.0), rng.uniform(-0.02, 0.25), rng.uniform(0.2, 0.9)],
                     p=[0.35, 0.43, 0.22])  # fmt: skip
    spread = rng.uniform(0.02, 0.2)
    return Writer(
        hand,
        hand if letters else (font_hand(rng) if rng.random() < 0.7 else stroke_hand(rng)),
        draw_size(rng, usual),
        rng.normal(scale=0.12) if not letters else rng.choice([0.0, 0.2], p=[0.85, 0.15]),
        (gap - spread / 2, gap + spread / 2) if not letters else (0.06, 0.14),
        0.0 if letters and rng.random() < 0.7 else rng.uniform(0, 0.09),
        float(1 - 0.75 * rng.random() ** 2),
    )


def write_word(
    page: Page, text: str, x: float, y: float, by: Writer, rng: Generator, tone: float | None = None
) -> float:
    """Write `text` from `x` on; return where it ends."""
    tone = by.tone if tone is None else tone
    for at, character in enumerate(text):
        plain = character.isdigit() or character in SIGNS
        glyph = (by.hand if plain else by.letters)(character, rng)
        size = by.size * rng.normal(1, by.unsteady)
        if at:
            x += by.size * rng.uniform(*by.gaps) * (0.6 if character in ".,:" else 1)
        base = y + by.size * rng.normal(0, 0.6 * by.unsteady)
        page.glyphs.append(Placed(glyph, character, x, base, size, by.lean, tone))
        x += glyph.ink.shape[1] * size / glyph.height
    return x


def word(rng: Generator) -> str:
    """Return a pronounceable word of letters, sometimes capital."""
    letters = "".join(
        CONSONANTS[rng.integers(len(CONSONANTS))] + VOWELS[rng.integers(5)]
        for _ in range(int(rng.integers(1, 5)))
    )[: int(rng.integers(2, 9))]
    if rng.random() < 0.2:
        letters = "".join(chr(rng.integers(65, 91)) for _ in range(int(rng.integers(2, 7))))
    if rng.random() < 0.2:
        return letters.upper()
    return letters.title() if rng.random() < 0.3 else letters


def number(rng: Generator, signs: float) -> str:
    """Return a number of one to seven digits; with probability `signs` it has a sign inside."""
    n = int(rng.choice([1, 2, 3, 4, 5, 6, 7], p=[0.15, 0.25, 0.2, 0.14, 0.12, 0.1, 0.04]))
    digits = "".join(str(digit) for digit in rng.integers(0, 10, n))
    if rng.random() >= signs:
        return digits
    kind = rng.random()
    if kind < 0.15:
        return "-" + digits
    at = int(rng.integers(1, max(n, 2)))
    mark = SIGNS[int(rng.choice(5, p=[0.38, 0.22, 0.14, 0.14, 0.12]))]
    if kind < 0.25:
        return digits[:at] + OTHER_SIGNS[rng.integers(len(OTHER_SIGNS))] + digits[at:]
    return digits[:at] + mark + (digits[at:] or str(rng.integers(10)))
