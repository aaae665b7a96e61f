"""Layouts of a page: lines, tables, forms, scattered numbers, or one digit alone."""

from dataclasses import replace

from numpy.random import Generator

from tools.page_reader.page import Page, Placed, Ruling
from tools.page_reader.shapes import JUNK_SHAPES, clothing, half_digit, junk
from tools.page_reader.words import Writer, number, word, write_word, writer

CLEAR_LETTERS = "ACEFHKLMNPRUVWXdehkmnprxw"
"""Letters that are letters even without a word around them."""


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
            else half_digit(rng) if kind < 0.78 else junk(int(rng.integers(JUNK_SHAPES)))
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
