"""Write a page: characters in lines, tables, forms or alone, at places of a flat sheet.

Places are in page pixels: x to the right, y downwards, from the middle of the page.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.random import Generator

from tools.page_reader.glyphs import (
    SIGNS,
    Glyph,
    Hand,
    clothing,
    font_hand,
    half_digit,
    junk,
    some_hand,
    stroke_hand,
)

CONSONANTS, VOWELS = "bcdfghjklmnprstvwz", "aeiou"
CLEAR_LETTERS = "ACEFHKLMNPRUVWXdehkmnprxw"
"""Letters that are letters even without a word around them."""

OTHER_SIGNS = "+=()&%#?!*"


@dataclass(frozen=True, eq=False)
class Placed:
    """A glyph on the page.

    character: what it is; "" for a shape that is no character. x: its left edge; y: the line it
    stands on; size: the height of a digit there; lean: to the right per unit of height;
    tone: the darkness of its ink, 0 to 1.
    """

    glyph: Glyph
    character: str
    x: float
    y: float
    size: float
    lean: float
    tone: float


@dataclass(frozen=True)
class Ruling:
    """A printed line of the page from (x0, y0) to (x1, y1), `width` pixels wide."""

    x0: float
    y0: float
    x1: float
    y1: float
    width: float
    tone: float


@dataclass
class Page:
    """What is written and printed inside the page's rectangle."""

    width: float
    height: float
    glyphs: list[Placed] = field(default_factory=list)
    rulings: list[Ruling] = field(default_factory=list)


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


def lines(page: Page, by: Writer, rng: Generator, words: float) -> None:
    """Fill the page with lines of numbers and, with probability `words` each, of words."""
    spacing = by.size * rng.choice([rng.uniform(1.25, 1.6), rng.uniform(1.5, 3)])
    signs = rng.choice([0.0, 0.5], p=[0.6, 0.4])
    ruled = rng.random() < 0.3
    rule = rng.uniform(-0.1, 0.3) * by.size
    rule_tone, rule_width = rng.uniform(0.1, 0.9), max(0.6, by.size * rng.uniform(0.02, 0.08))
    two_tones = rng.random() < 0.2
    space = by.size * rng.uniform(0.8, 2.2) if words < 0.9 else by.size * rng.uniform(0.45, 0.8)
    y = -page.height / 2 + by.size * rng.uniform(1.0, 1.8)
    left = -page.width / 2 + by.size * rng.uniform(0.1, 1.5)
    while y < page.height / 2 - 0.1 * by.size:
        x = left + by.size * rng.uniform(0, 0.6)
        stop = page.width / 2 - by.size * (rng.uniform(0, 6) if rng.random() < 0.5 else 0)
        while x < stop - 0.6 * by.size:
            text = word(rng) if rng.random() < words else number(rng, signs)
            tone = by.tone * rng.uniform(0.2, 1) if two_tones and rng.random() < 0.4 else by.tone
            length = len(text) * by.size * (0.7 + max(by.gaps[0], 0))
            if x + length > page.width / 2 and x > left + by.size:
                break
            x = write_word(page, text, x, y, by, rng, tone) + space * rng.uniform(0.8, 1.2)
        if ruled:
            w = page.width / 2
            page.rulings.append(Ruling(-w, y + rule, w, y + rule, rule_width, rule_tone))
        y += spacing


def table(page: Page, by: Writer, rng: Generator) -> None:
    """Rule a table and write into its cells; some stay empty."""
    single = rng.random() < 0.45
    digits = 1 if single else int(rng.integers(1, 5))
    cell_h = by.size * rng.uniform(1.15, 2.4)
    if single:
        cell_w = cell_h * rng.uniform(0.7, 1.3)
    else:
        cell_w = by.size * (0.9 * digits + rng.uniform(0.2, 1.5))
    columns = max(1, min(int(page.width / cell_w), 12))
    rows = max(1, min(int(page.height / cell_h), 12))
    left, top = -columns * cell_w / 2, -rows * cell_h / 2
    width, tone = max(0.5, by.size * rng.uniform(0.02, 0.16)), rng.uniform(0.15, 1)
    empty, letters = rng.uniform(0, 0.8), rng.random() < 0.3
    kind = rng.random()
    for row in range(rows + 1):
        y = top + row * cell_h
        thick = width * (2 if single and row % 3 == 0 else 1)
        if kind < 0.9:
            page.rulings.append(Ruling(left, y, left + columns * cell_w, y, thick, tone))
    for column in range(columns + 1):
        x = left + column * cell_w
        thick = width * (2 if single and column % 3 == 0 else 1)
        if kind > 0.1:
            page.rulings.append(Ruling(x, top, x, top + rows * cell_h, thick, tone))
    signs = rng.choice([0.0, 0.4], p=[0.6, 0.4])
    for row in range(rows):
        for column in range(columns):
            if rng.random() < empty:
                continue
            text = number(rng, signs)[: digits + (not single)]
            if letters and column == columns - 1:
                text = "ABCDEFH"[rng.integers(7)] + ("+" if rng.random() < 0.2 else "")
            x = left + (column + 0.5) * cell_w - 0.32 * len(text) * by.size
            x += rng.normal(0, 0.08) * by.size
            y = top + (row + 0.5) * cell_h + by.size * rng.normal(0.5, 0.06)
            write_word(page, text, x, y, by, rng)


def boxes(page: Page, by: Writer, rng: Generator) -> None:
    """Print boxes or combs of a form, a digit in each; some stay empty."""
    w, h = by.size * rng.uniform(0.85, 1.5), by.size * rng.uniform(1.15, 1.7)
    width, tone = max(0.5, by.size * rng.uniform(0.02, 0.1)), rng.uniform(0.2, 1)
    apart, comb = w * rng.choice([0.0, rng.uniform(0.1, 0.5)]), rng.random() < 0.35
    empty = rng.uniform(0, 0.5)
    y = -page.height / 2 + by.size * rng.uniform(0.3, 1)
    while y + h < page.height / 2:
        x = -page.width / 2 + by.size * rng.uniform(0.2, 2)
        count = int(rng.integers(1, 12))
        for place in range(count):
            if x + w > page.width / 2:
                break
            depth = h * rng.uniform(0.3, 0.5) if comb else h
            edges = [(x, y + h, x + w, y + h), (x, y + h - depth, x, y + h)]
            if apart or place == count - 1 or x + 2 * w > page.width / 2:
                edges.append((x + w, y + h - depth, x + w, y + h))
            if not comb:
                edges.append((x, y, x + w, y))
            page.rulings += [Ruling(*edge, width, tone) for edge in edges]
            if rng.random() >= empty:
                digit = str(rng.integers(10))
                inside = x + w / 2 - 0.32 * by.size + rng.normal(0, 0.05) * by.size
                write_word(page, digit, inside, y + h / 2 + 0.5 * by.size, by, rng)
            x += w + apart
        y += h * rng.uniform(1.2, 2)


def scattered(page: Page, by: Writer, rng: Generator) -> None:
    """Write a few numbers anywhere, without overlap; some in a size or darkness of their own."""
    taken: list[tuple[float, float, float]] = []
    letters = rng.choice([0.0, 0.5], p=[0.75, 0.25])
    for _ in range(int(rng.integers(1, 14))):
        text = number(rng, 0.1)[: int(rng.integers(1, 4))]
        if rng.random() < letters:
            text = CLEAR_LETTERS[rng.integers(len(CLEAR_LETTERS))]
        reach = by.size * (0.5 + 0.5 * len(text))
        x = rng.uniform(-0.5, 0.5) * max(page.width - 2 * reach, 1)
        y = rng.uniform(-0.5, 0.5) * max(page.height - 1.4 * by.size, 1)
        if all(max(abs(x - a) - reach - r, abs(y - b) - 1.3 * by.size) > 0 for a, b, r in taken):
            taken.append((x, y, reach))
            tone = by.tone * rng.uniform(0.3, 1)
            write_word(page, text, x - reach + 0.2 * by.size, y + by.size / 2, by, rng, tone)


def alone(page: Page, rng: Generator) -> None:
    """Fill a small picture with a digit or a short number, in a cell or not, or leave it empty."""
    by = writer(rng, (14, 30))
    kind = rng.random()
    n = 1 if rng.random() < 0.6 else int(rng.integers(2, 4))
    size = min(page.height * rng.uniform(0.45, 0.95), page.width / (0.72 * n) * rng.uniform(0.6, 1))
    by = replace(by, size=size)
    if kind < 0.6:
        text = "".join(str(digit) for digit in rng.integers(0, 10, n))
        first = len(page.glyphs)
        stop = write_word(page, text, 0.0, size / 2, by, rng)
        shift = stop / 2 + rng.normal(0, 0.03) * page.width
        for k in range(first, len(page.glyphs)):
            page.glyphs[k] = replace(page.glyphs[k], x=page.glyphs[k].x - shift)
    elif kind < 0.86:
        text = CLEAR_LETTERS[rng.integers(len(CLEAR_LETTERS))]
        glyph = (
            by.letters(text, rng) if kind < 0.66 else clothing(rng) if kind < 0.7
            else half_digit(rng) if kind < 0.78 else junk(int(rng.integers(1500)))
        )  # fmt: skip
        text = text if kind < 0.66 else ""
        x = -size / 2 * glyph.ink.shape[1] / glyph.height
        page.glyphs.append(Placed(glyph, text, x, size / 2, size, 0.0, by.tone))
    if rng.random() < (0.25 if kind < 0.86 else 0.85):  # parts of a printed cell
        w, h, tone = page.width / 2, page.height / 2, rng.uniform(0.2, 1)
        width = max(0.7, size * rng.uniform(0.02, 0.15))
        inset = rng.uniform(-0.02, 0.16, 4) * min(w, h)
        top, bottom, left, right = inset[0] - h, h - inset[1], inset[2] - w, w - inset[3]
        start = bottom - 2 * h * rng.uniform(0.25, 0.5) if rng.random() < 0.3 else -h  # of a comb
        edges = [(-w, top, w, top), (-w, bottom, w, bottom),
                 (left, start, left, h), (right, start, right, h)]  # fmt: skip
        page.rulings += [Ruling(*edge, width, tone) for edge in edges if rng.random() < 0.65]


def dust(page: Page, rng: Generator, size: float) -> None:
    """Sprinkle specks, which are no signs."""
    for _ in range(int(rng.integers(3, 60))):
        x, y = rng.uniform(-0.5, 0.5) * page.width, rng.uniform(-0.5, 0.5) * page.height
        r = size * rng.uniform(0.01, 0.09)
        turn = rng.normal(scale=r, size=2)
        width = max(0.6, r)
        page.rulings.append(Ruling(x, y, x + turn[0], y + turn[1], width, round(rng.random(), 1)))


def clutter(page: Page, rng: Generator, usual: tuple[float, float], most: int) -> None:
    """Draw up to `most` shapes that are no characters, of any size, where nothing is written."""
    taken = [(p.x, p.y - p.size / 2, p.size) for p in page.glyphs]
    for _ in range(int(rng.integers(1, most + 1))):
        size = float(np.exp(rng.uniform(np.log(0.5 * usual[0]), np.log(3 * usual[1]))))
        x, y = rng.uniform(-0.5, 0.5) * page.width, rng.uniform(-0.5, 0.5) * page.height
        if all(max(abs(x - a), abs(y - b)) > 0.7 * size + r for a, b, r in taken):
            taken.append((x, y, 0.6 * size))
            glyph = junk(int(rng.integers(1500)))
            tone = float(1 - 0.8 * rng.random() ** 2)
            page.glyphs.append(Placed(glyph, "", x - size / 2, y + size / 2, size, 0.0, tone))


def rule_paper(page: Page, rng: Generator, size: float) -> None:
    """Print squared paper, or stray lines."""
    tone, width = rng.uniform(0.08, 0.45), max(0.5, size * rng.uniform(0.015, 0.05))
    w, h = page.width / 2, page.height / 2
    if rng.random() < 0.6:
        step = size * rng.uniform(0.4, 1.2)
        page.rulings += [Ruling(-w, y, w, y, width, tone) for y in np.arange(-h, h, step)]
        page.rulings += [Ruling(x, -h, x, h, width, tone) for x in np.arange(-w, w, step)]
    else:
        for _ in range(int(rng.integers(1, 5))):
            ends = rng.uniform(-1, 1, 4) * (w, h, w, h)
            if rng.random() < 0.7:  # level or upright
                axis = int(rng.integers(2))
                ends[2 + axis] = ends[axis]
            x0, y0, x1, y1 = map(float, ends)
            thick = width * 3 * rng.random() + 0.5
            page.rulings.append(Ruling(x0, y0, x1, y1, thick, rng.random()))


def write_page(
    width: float, height: float, rng: Generator, usual: tuple[float, float], small: bool = False
) -> Page:
    """Return a page of a random kind; most digits have a height within `usual` pixels."""
    page = Page(width, height)
    if small and rng.random() < 0.75:
        alone(page, rng)
        return page
    by = writer(rng, usual)
    kind = rng.random()
    if kind < 0.42:
        lines(page, by, rng, rng.choice([0.0, 0.25, 0.6], p=[0.7, 0.15, 0.15]))
    elif kind < 0.53:
        lines(page, by, rng, 1.0)
    elif kind < 0.69:
        table(page, by, rng)
    elif kind < 0.79:
        boxes(page, by, rng)
    elif kind < 0.95:
        scattered(page, by, rng)
    if kind >= 0.95 or rng.random() < 0.12:
        clutter(page, rng, usual, 12)
    if rng.random() < 0.15:
        rule_paper(page, rng, by.size)
    if rng.random() < 0.12:
        dust(page, rng, by.size)
    return page
