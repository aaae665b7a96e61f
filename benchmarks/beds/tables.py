"""Draw tables, printed grids and single cells, with many cells empty. Axes: h w pixels."""

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds.pens import Place, draw
from benchmarks.beds.printing import PRINTED, Ink, draw_words, paragraph, print_line, put
from benchmarks.beds.samples import Sample, to_uint8
from benchmarks.beds.styles import polyline
from benchmarks.beds.surroundings import (
    dark_table,
    darkened,
    on_ground,
    patterned,
    photographed,
)
from benchmarks.beds.writing import Hand, Word, ink_of, new_hand, text_of

GRID_SIDES = (4, 6, 9, 9)
"""Cells on each side of a printed grid."""


def written_table(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Draw a ruled table of handwritten numbers, leaning or bent, some cells empty."""
    height = rng.uniform(30, 48)
    pen = height * rng.uniform(0.06, 0.1)
    rows, columns = int(rng.integers(3, 9)), int(rng.integers(3, 7))
    cell = (height * rng.uniform(1.6, 2.1), height * rng.uniform(3.5, 4.3))
    hand = new_hand(seed, height, pen, rng)
    empty = rng.uniform(0.1, 0.35)
    written: list[list[Word]] = []
    for row in range(rows):
        words = []
        for column in range(columns):
            if rng.random() < empty:
                continue
            word = hand("d" * int(rng.integers(1, 4)))
            free = np.array([cell[1] - word.width(), cell[0] - height]) / 2
            place = free * (1 + rng.uniform(-0.35, 0.35, 2)) + (column * cell[1], row * cell[0])
            words.append(word.moved(height + place[0], 2 * height + place[1]))
        written.append(words)
    shape = (int(rows * cell[0] + 2 * height), int(columns * cell[1] + 2 * height))
    ink = ink_of(written, shape, pen, rng)
    rules = _rules(rows, columns, cell, height, rng)
    line = draw(rules, shape, Place(0, 0, 1), max(1.2, pen * rng.uniform(0.4, 1)), rng)
    sheet = darkened(np.maximum(ink, rng.uniform(0.5, 1) * line), rng.uniform(0.55, 0.85))
    ground = dark_table if rng.random() < 0.5 else patterned
    bend = rng.uniform(-0.06, 0.06) if rng.random() < 0.6 else 0.0
    scene, mask = on_ground(sheet, ground, rng, degrees=8, margins=(0.05, 0.25), bend=bend)
    return Sample(photographed(scene, rng, mask), text_of(written))


def _rules(
    rows: int, columns: int, cell: tuple[float, float], margin: float, rng: Generator
) -> tuple[ndarray, ...]:
    """Return the lines of a table, ruled by hand: each a little askew and too long."""
    high, wide = rows * cell[0], columns * cell[1]
    lines = [((-0.2, y * cell[0]), (wide, y * cell[0])) for y in range(rows + 1)]
    lines += [((x * cell[1], 0.0), (x * cell[1], high)) for x in range(columns + 1)]
    shift = 0.02 * cell[0]
    return tuple(
        polyline(np.array(line) + margin + rng.normal(scale=shift, size=(2, 2))) for line in lines
    )


def printed_grid(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Draw a puzzle's grid on newsprint: printed or written digits, empty cells, text beside."""
    n, cell = GRID_SIDES[rng.integers(len(GRID_SIDES))], int(rng.integers(44, 64))
    written = rng.random() < 0.35
    font = PRINTED[rng.integers(len(PRINTED))]
    height = cell * rng.uniform(0.5, 0.62)
    hand = new_hand(seed, height, 0.08 * height, rng)
    given = rng.uniform(0.3, 0.55)
    side, margin = n * cell, int(cell * rng.uniform(0.5, 1.2))
    grid = np.zeros((side + 6, side + 6), np.float32)
    words: list[list[Word]] = []
    for row in range(n):
        found = []
        for column in range(n):
            if rng.random() > given:
                continue
            if written:
                found.append(_centred(hand, column, row, cell, height))
                continue
            digit = str(rng.integers(1, n + 1))
            part = _trimmed(print_line(digit, font, int(1.3 * height)))
            middle = (row + 0.5) * cell - part.shape[0] / 2, (column + 0.5) * cell
            put(grid, part, middle[0] + 2, middle[1] - part.shape[1] / 2 + 2)
            found.append(Word((), digit))
        words.append(found)
    if written:
        grid = ink_of(words, grid.shape, 0.08 * height, rng)
    _rule_grid(grid, n, cell, rng)
    ink, tone = _newsprint(grid, margin, rng), rng.uniform(0.62, 0.95)
    paper = darkened(ink, rng.uniform(0.6, 0.85), tone)
    bend = rng.uniform(-0.04, 0.04)
    scene, mask = on_ground(paper, patterned, rng, degrees=7, margins=(0.01, 0.2), bend=bend)
    return Sample(photographed(scene, rng, mask), text_of(words))


def _centred(hand: Hand, column: int, row: int, cell: int, height: float) -> Word:
    word = hand("d")
    left = (column + 0.5) * cell - word.width() / 2
    return word.moved(left + 2, (row + 0.5) * cell + height / 2 + 2)


def _rule_grid(grid: Ink, n: int, cell: int, rng: Generator) -> None:
    """Add the grid's lines in place: thin ones, and thick ones around its blocks."""
    block = {4: 2, 6: 3, 9: 3}[n]
    thin, thick = (1, int(rng.integers(2, 5))) if cell < 54 else (2, int(rng.integers(3, 6)))
    tone = rng.uniform(0.5, 1)
    for at in range(n + 1):
        width, value = (thick, 1.0) if at % block == 0 else (thin, tone)
        grid[at * cell : at * cell + width] = np.maximum(grid[at * cell : at * cell + width], value)
        lines = grid[:, at * cell : at * cell + width]
        grid[:, at * cell : at * cell + width] = np.maximum(lines, value)


def _newsprint(grid: Ink, margin: int, rng: Generator) -> Ink:
    """Put the grid on a page with a heading above and a column of text beside it or below."""
    pixels = int(rng.integers(13, 20))
    title = print_line(draw_words(rng, 2).title(), PRINTED[rng.integers(len(PRINTED))], 2 * pixels)
    h, w = grid.shape
    below = rng.random() < 0.4
    size = (h // 3, w) if below else (h, int(w * rng.uniform(0.35, 0.6)))
    text, _ = paragraph(PRINTED[rng.integers(len(PRINTED))], pixels, size, rng)
    top = margin + title.shape[0] + 4
    shape = (top + h + margin + (size[0] if below else 0), w + 2 * margin)
    page = np.zeros(shape if below else (shape[0], shape[1] + size[1] + margin), np.float32)
    put(page, title, margin / 2, margin)
    put(page, grid, top, margin)
    put(page, text, *((top + h + margin / 2, margin) if below else (top, 2 * margin + w)))
    return page


def _trimmed(ink: Ink) -> Ink:
    """Crop ink to its bounding box."""
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.05) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def empty_cell(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Draw one empty printed cell with one to four of its sides."""
    count = int(rng.integers(1, 5))
    sides = rng.permutation(4)[:count]
    return Sample(_cell([int(side) for side in sides], rng), "")


def cell_corner(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Draw a piece of an empty grid where two lines meet or cross near the picture's border."""
    first = int(rng.integers(4))
    return Sample(_cell([first, (first + 1) % 4], rng, inset=(0.03, 0.3)), "")


def _cell(
    sides: list[int], rng: Generator, inset: tuple[float, float] = (0.0, 0.16)
) -> ndarray | bytes:
    """Draw lines along some sides (top, right, bottom, left), each through the whole picture."""
    h, w = (int(side) for side in rng.integers(28, 130, 2))
    w = int(np.clip(w, 0.7 * h, 1.4 * h))
    lean, width = rng.normal(scale=0.03), rng.uniform(0.02, 0.09) * min(h, w)
    ink = np.zeros((h, w), np.float32)
    for side in sides:
        d = rng.uniform(*inset)
        along = np.array([[-0.2, d - lean], [1.2, d + lean]])
        ends = {0: along, 1: [1, 0] + along[:, ::-1] * [-1, 1], 2: [0, 1] - along * [-1, 1],
                3: along[:, ::-1]}[side]  # fmt: skip
        line = (polyline(np.asarray(ends) * (w, h)),)
        ink = np.maximum(ink, draw(line, (h, w), Place(0, 0, 1), max(1.0, width), rng))
    kind = int(rng.integers(3))
    if kind == 0:
        return to_uint8(255 - 255 * ink)
    if kind == 1:  # cells cut out by a program are often inverted
        return to_uint8(40 + 200 * ink + rng.normal(scale=3, size=ink.shape))
    return photographed(darkened(ink, rng.uniform(0.4, 0.85)), rng)
