"""Draw the scenes that a stranger's picture shows: surroundings, signs, print, tables, empty cells.

`Sample.content` is the text of the reader's default mode, "?" for each symbol; `Sample.symbols` has
the symbols. Printed and written words are part of neither: scores compare the digits of each line.
Axes: h w pixels.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from zlib import crc32

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds import non_digits, pages, photos, printed_pages, tables
from benchmarks.beds.fonts import FONTS
from benchmarks.beds.handwriting import Variation, handwritten_digits, vary
from benchmarks.beds.layout import scale_upright
from benchmarks.beds.paint import coloured
from benchmarks.beds.paper import Grey, pencilled
from benchmarks.beds.pens import Place, draw
from benchmarks.beds.printing import PRINTED
from benchmarks.beds.samples import Sample, Scene, to_uint8
from benchmarks.beds.styles import STYLE_DRAWINGS, STYLES, Style, written
from benchmarks.beds.surroundings import (
    Ground,
    bordered,
    dark_table,
    darkened,
    on_ground,
    patterned,
    photographed,
)
from benchmarks.beds.writing import (
    Word,
    ink_of,
    new_hand,
    text_of,
    with_symbols,
    write_lines,
)


def _patterns(rng: Generator, words: tuple[str, ...], lines: int, most: int) -> list[list[str]]:
    """Draw lines of one to `most` of the patterns."""
    return [
        [words[at] for at in rng.integers(len(words), size=int(rng.integers(1, most + 1)))]
        for _ in range(lines)
    ]


NUMBERS = ("d", "dd", "ddd", "dddd", "ddddd")
POINTS = ("d.d", "dd.d", "d.dd", "dd.dd", "ddd.d", "d,d", "dd,d", "d,dd", "ddd,dd", "dd")
SIGNS = ("-d", "-dd", "dd/dd", "d/d", "dd:dd", "d:dd", "ddd-ddd", "dd-dd", "dd/dd/dd", "ddd")


def _written(
    seed: tuple[int, ...], rng: Generator, words: tuple[str, ...], lines: tuple[int, int], most: int
) -> tuple[list[list[Word]], Grey]:
    """Write some lines in one hand; return the words and their ink."""
    height = rng.uniform(38, 70)
    pen = height * rng.uniform(0.05, 0.11)
    hand = new_hand(seed, height, pen, rng, upright=any("/" in word for word in words))
    count = int(rng.integers(lines[0], lines[1] + 1))
    rows, shape = write_lines(hand, _patterns(rng, words, count, most), height, rng)
    return rows, ink_of(rows, shape, pen, rng)


def _sheet(ground: Ground) -> Scene:
    """Return a scene of a sheet of numbers on a table or on a pattern."""

    def scene(seed: tuple[int, ...], rng: Generator) -> Sample:
        rows, ink = _written(seed, rng, NUMBERS, (1, 4), 3)
        seen, mask = on_ground(darkened(ink, rng.uniform(0.5, 0.9)), ground, rng)
        return Sample(photographed(seen, rng, mask), text_of(rows))

    return scene


def _border(tone: tuple[int, int], width: int | None) -> Scene:
    """Return a scene of a photo with a plain border; no width stands for a letterbox."""

    def scene(seed: tuple[int, ...], rng: Generator) -> Sample:
        if rng.random() < 0.3:
            strokes, digit, own = next(handwritten_digits(seed))
            draw_photo = (photos.pencil, photos.pen, photos.shadowed)[rng.integers(3)]
            inner = Sample(draw_photo(strokes, own), str(digit))
        else:
            inner = pages.PAGES["page, photo"](seed, rng)
        pixels = inner.pixels()
        rows = columns = width or 0
        if width is None:
            h, w = pixels.shape[:2]
            bar = int(max(h, w) * rng.uniform(0.1, 0.35))
            rows, columns = (bar, 0) if w > h else (0, bar)
        return Sample(bordered(pixels, int(rng.integers(tone[0], tone[1] + 1)), rows, columns),
                      inner.content)  # fmt: skip

    return scene


def pencil_and_pen(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Photograph numbers in pen and others in pale pencil, on the same lines."""
    height = rng.uniform(45, 75)
    pen = height * rng.uniform(0.05, 0.09)
    patterns = [[NUMBERS[at] for at in rng.integers(4, size=3)] for _ in range(rng.integers(1, 4))]
    rows, shape = write_lines(new_hand(seed, height, pen, rng), patterns, height, rng)
    pale = [[word for at, word in enumerate(row) if at % 2] for row in rows]
    dark = [[word for at, word in enumerate(row) if not at % 2] for row in rows]
    if rng.random() < 0.5:
        pale, dark = dark, pale
    grey = rng.uniform(0.3, 0.45) * pencilled(ink_of(pale, shape, pen, rng), rng, 0.4)
    ink = np.maximum(ink_of(dark, shape, pen, rng), grey)
    return Sample(photographed(darkened(ink, rng.uniform(0.75, 0.95)), rng), text_of(rows))


def coloured_numbers(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Draw numbers in colours on white: one dark, one yellow or as pale, others between."""
    height = rng.uniform(45, 90)
    pen = height * rng.uniform(0.08, 0.16)
    patterns = [[NUMBERS[at] for at in rng.integers(3, size=3)] for _ in range(rng.integers(1, 4))]
    rows, shape = write_lines(new_hand(seed, height, pen, rng), patterns, height, rng)
    dark, pale = ((20, 20, 20), (30, 30, 120)), ((250, 215, 50), (215, 215, 215), (170, 225, 160))
    between = ((200, 40, 40), (60, 160, 70), (240, 140, 30), (90, 150, 230))
    pens = (dark[rng.integers(2)], pale[rng.integers(3)], between[rng.integers(4)])
    picture = np.full((*shape, 3), 255.0, np.float32)
    for row in rows:
        for word, colour in zip(row, rng.permutation(pens), strict=True):
            ink = ink_of([[word]], shape, pen, rng)[..., None]
            picture = picture * (1 - ink) + colour * ink
    return Sample(to_uint8(picture), text_of(rows))


def _signed(words: tuple[str, ...]) -> Scene:
    """Return a scene of numbers with symbols, drawn or photographed."""

    def scene(seed: tuple[int, ...], rng: Generator) -> Sample:
        rows, ink = _written(seed, rng, words, (1, 4), 3)
        if rng.random() < 0.5:
            return with_symbols(coloured(ink, True), text_of(rows))
        sheet = darkened(ink, rng.uniform(0.5, 0.9))
        return with_symbols(photographed(sheet, rng), text_of(rows))

    return scene


def _turned(quarters: int) -> Scene:
    """Return a scene of a page that lies on its side or upside down."""

    def scene(seed: tuple[int, ...], rng: Generator) -> Sample:
        rows, ink = _written(seed, rng, NUMBERS[2:], (3, 5), 3)
        page = Sample(photographed(darkened(ink, rng.uniform(0.5, 0.9)), rng), text_of(rows))
        return Sample(np.ascontiguousarray(np.rot90(page.pixels(), quarters)), page.content)

    return scene


def _non_digit(kind: str) -> Scene:
    """Return a scene of one non-digit, in 28 x 28 or large."""

    def scene(seed: tuple[int, ...], rng: Generator) -> Sample:
        form = ("28", "large")[rng.integers(2)]
        return next(non_digits.samples(f"{kind}, {form}", 1, int(rng.integers(2**31))))

    return scene


def teens_28(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Draw 11 to 19 in 28 x 28 pixels with a thick pen; each 1 has a long up-stroke."""
    one = STYLES[("1, long up-stroke", "1, very long up-stroke")[rng.integers(2)]]
    small = Variation(degrees=5, slant=0.08, octaves=0.2)
    second = next((s, d) for s, d, _ in handwritten_digits(seed, small) if d != 0)
    digits = [(vary(written(one, rng), rng, small), 1)]
    digits += [(vary(written(one, rng), rng, small), 1)] if second[1] == 1 else [second]
    strokes: list[ndarray] = []
    x = 2.0
    height, pen = rng.uniform(17, 21), rng.uniform(1.7, 2.6)
    for glyph, _ in digits:
        scaled = scale_upright(glyph, 0.0, height * rng.uniform(0.9, 1.05))
        width = float(np.concatenate(scaled)[:, 0].max())
        scaled = tuple(stroke * (min(1, 10 / width), 1) for stroke in scaled)
        strokes += [stroke + np.array([x, 14 + height / 2]) for stroke in scaled]
        x += min(width, 10) + pen + rng.uniform(0.8, 2)
    ink = draw(tuple(strokes), (28, 28), Place((28 - x) / 2 + 0.5, 0, 1), pen, rng)
    return Sample(coloured(ink, bool(rng.random() < 0.5)), "1" + str(second[1]))


LOOPED_NINES = (
    Style(9, 0.62, (("S", ((0.0, 0.4), (0.35, 0.47), (0.85, 0.33), (0.95, 0.12), (0.65, 0.0),
        (0.42, 0.16), (0.43, 0.5), (0.4, 1.0))),)),
    Style(9, 0.66, (("S", ((0.05, 0.46), (0.5, 0.42), (0.96, 0.2), (0.74, 0.0), (0.46, 0.12),
        (0.5, 0.45), (0.66, 0.75), (0.45, 0.98), (0.16, 0.93))),)),
    Style(9, 0.62, (("S", ((0.75, 0.2), (0.68, 0.03), (0.9, 0.05), (0.86, 0.3), (0.4, 0.5),
        (0.04, 0.28), (0.4, 0.02), (0.85, 0.35), (0.88, 0.8), (0.55, 1.0), (0.15, 0.9))),)),
)  # fmt: skip
"""Nines in one line: a loop that crosses the stem, with a straight or a curled tail, and a start
with a small loop of its own."""


def looped_nine(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Draw a looped 9 in any medium."""
    strokes = written(LOOPED_NINES[rng.integers(len(LOOPED_NINES))], rng, 0.02)
    strokes = vary(strokes, rng, Variation(degrees=8, slant=0.15, octaves=0.3))
    return Sample(STYLE_DRAWINGS[rng.integers(len(STYLE_DRAWINGS))](strokes, rng), "9")


SCENES: Mapping[str, Scene] = {
    "sheet, dark table": _sheet(dark_table),
    "sheet, pattern": _sheet(patterned),
    "border, white 2": _border((255, 255), 2),
    "border, white 20": _border((255, 255), 20),
    "border, black 20": _border((0, 0), 20),
    "border, letterbox": _border((40, 200), None),
    "pale, pencil and pen": pencil_and_pen,
    "pale, colours": coloured_numbers,
    "numbers, points": _signed(POINTS),
    "numbers, signs": _signed(SIGNS),
    "table, photo": tables.written_table,
    "grid, newsprint": tables.printed_grid,
    "cell, empty": tables.empty_cell,
    "cell, corner": tables.cell_corner,
    "turned, 90": _turned(1),
    "turned, 180": _turned(2),
    "turned, 270": _turned(3),
    "text, print": printed_pages.text_pages(PRINTED, (18, 40)),
    "text, handwriting font": printed_pages.text_pages(tuple(FONTS), (30, 60)),
    "default, letters": _non_digit("letters"),
    "default, clothes": _non_digit("clothes"),
    "default, noise": _non_digit("noise"),
    "default, looped 9": looped_nine,
    "default, 11 to 19 in 28": teens_28,
    "print, receipt": printed_pages.receipt,
    "print, display": printed_pages.display,
    "print, numbers": printed_pages.numbers,
    "words, numbers beside": printed_pages.numbers_beside_words,
}
"""The function that draws a scene, by the name of its bed; all are read in the default mode."""


def samples(name: str, n: int, seed: int = 0) -> Iterator[Sample]:
    """Yield `n` scenes of the bed `name`; a larger `n` begins with the same scenes."""
    for at in range(n):
        own = (seed, crc32(name.encode()), at)
        yield SCENES[name](own, np.random.default_rng([*own, 7]))


WITH_SYMBOLS = ("numbers, points", "numbers, signs", "print, display")
"""Beds whose pictures show nothing but digits and symbols."""


def with_symbols_read(name: str, n: int, seed: int = 0) -> Iterator[Sample]:
    """Yield the samples of a bed of `WITH_SYMBOLS`; their content has the symbols."""
    for sample in samples(name, n, seed):
        yield replace(sample, content=sample.symbols or sample.content)
