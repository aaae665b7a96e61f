"""Draw pages of print: text without digits, receipts, displays, numbers, forms. Axes: h w pixels.

The first argument of each drawing is the seed of its handwriting.
"""

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds.fonts import FONTS
from benchmarks.beds.paint import coloured
from benchmarks.beds.printing import (
    MONOSPACED,
    PRINTED,
    draw_words,
    paragraph,
    print_line,
    put,
    seven_segments,
)
from benchmarks.beds.samples import Sample, Scene, to_uint8
from benchmarks.beds.surroundings import dark_table, darkened, on_ground, photographed
from benchmarks.beds.writing import ink_of, new_hand, text_of, with_symbols


def text_pages(fonts: tuple[str, ...], pixels: tuple[int, int]) -> Scene:
    """Return a scene of a page of text without digits: clean, scanned, or on a table."""

    def scene(seed: tuple[int, ...], rng: Generator) -> Sample:
        size = int(rng.integers(pixels[0], pixels[1] + 1))
        shape = (int(size * rng.uniform(5, 14)), int(size * rng.uniform(12, 26)))
        ink, letters = paragraph(fonts[rng.integers(len(fonts))], size, shape, rng)
        ink, kind = np.pad(ink, size), int(rng.integers(3))
        if kind == 0:
            return Sample(to_uint8(255 - 255 * ink), "", letters=letters)
        sheet = darkened(ink, rng.uniform(0.6, 0.95))
        if kind == 1:
            return Sample(photographed(sheet, rng), "", letters=letters)
        seen, mask = on_ground(sheet, dark_table, rng, degrees=5, margins=(0.05, 0.3))
        return Sample(photographed(seen, rng, mask), "", letters=letters)

    return scene


def _digits(rng: Generator, n: int) -> str:
    """Draw a number of `n` digits that does not begin with 0, unless it is 0."""
    return str(rng.integers(1, 10)) + "".join(map(str, rng.integers(0, 10, n - 1)))


def receipt(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Print a shop's receipt: words left, prices right; photographed on a table."""
    pixels, font = int(rng.integers(18, 30)), MONOSPACED[rng.integers(len(MONOSPACED))]
    wide, point = pixels * 16, ".,"[rng.integers(2)]
    parts, prices = [print_line(draw_words(rng, 2).upper(), font, pixels)], []
    for _ in range(int(rng.integers(3, 9))):
        prices.append(f"{_digits(rng, int(rng.integers(1, 4)))}{point}{_digits(rng, 2)}")
        line = np.zeros((int(1.4 * pixels), wide), np.float32)
        put(line, print_line(draw_words(rng, 1), font, pixels), 0, 0)
        right = print_line(prices[-1], font, pixels)
        put(line, right, 0, wide - right.shape[1])
        parts.append(line)
    margin = int(pixels * rng.uniform(0.8, 1.6))
    ink = np.zeros((len(parts) * int(1.4 * pixels) + 2 * margin, wide + 2 * margin), np.float32)
    for at, part in enumerate(parts):
        put(ink, part, margin + at * int(1.4 * pixels), margin)
    sheet = darkened(ink, rng.uniform(0.45, 0.8), rng.uniform(0.85, 1))
    bend = rng.uniform(-0.03, 0.03)
    seen, mask = on_ground(sheet, dark_table, rng, degrees=6, margins=(0.1, 0.4), bend=bend)
    return with_symbols(photographed(seen, rng, mask), "\n".join(prices))


def display(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Show one or two numbers on a display of seven segments, lit or dark on grey."""
    height = rng.uniform(40, 110)
    lean, width = rng.uniform(0, 0.12), rng.uniform(0.09, 0.17)
    texts = []
    for _ in range(int(rng.integers(1, 3))):
        kinds = (_digits(rng, 4), f"{_digits(rng, 2)}:{_digits(rng, 2)}",
                 f"{_digits(rng, 3)}.{_digits(rng, 1)}", f"-{_digits(rng, 2)}")  # fmt: skip
        texts.append(kinds[rng.integers(len(kinds))])
    parts = [seven_segments(text, height, lean, width) for text in texts]
    margin = int(height * rng.uniform(0.3, 0.8))
    shape = (sum(len(part) for part in parts), max(part.shape[1] for part in parts))
    ink = np.zeros((shape[0] + 2 * margin, shape[1] + 2 * margin), np.float32)
    y = margin
    for part in parts:
        put(ink, part, y, margin)
        y += len(part)
    ink = np.maximum(ink, rng.uniform(0, 0.08))
    lit = rng.random() < 0.5
    scene = 0.04 + rng.uniform(0.5, 0.9) * ink if lit else darkened(ink, rng.uniform(0.6, 0.9), 0.6)
    return with_symbols(photographed(scene.astype(np.float32), rng), "\n".join(texts))


def numbers(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Print a screen's or a document's numbers, light on dark or dark on light."""
    pixels, font = int(rng.integers(24, 64)), PRINTED[rng.integers(len(PRINTED))]
    texts = [
        "  ".join(_digits(rng, int(rng.integers(1, 6))) for _ in range(int(rng.integers(1, 4))))
        for _ in range(int(rng.integers(1, 4)))
    ]
    parts = [print_line(text.replace("  ", "    "), font, pixels) for text in texts]
    step = int(pixels * rng.uniform(1.4, 2))
    ink = np.zeros(
        (step * len(parts) + pixels, max(p.shape[1] for p in parts) + pixels), np.float32
    )
    for at, part in enumerate(parts):
        put(ink, part, pixels / 2 + at * step, pixels / 2)
    content = "\n".join(text.replace("  ", " ") for text in texts)
    if rng.random() < 0.5:
        return Sample(coloured(ink, bool(rng.random() < 0.5)), content)
    return Sample(photographed(darkened(ink, rng.uniform(0.6, 0.9)), rng), content)


def numbers_beside_words(seed: tuple[int, ...], rng: Generator) -> Sample:
    """Write numbers beside printed or handwritten words, as on a form or a list."""
    height = rng.uniform(38, 60)
    pen = height * rng.uniform(0.05, 0.09)
    hand = new_hand(seed, height, pen, rng)
    fonts = PRINTED if rng.random() < 0.5 else tuple(FONTS)
    font, pixels = fonts[rng.integers(len(fonts))], int(height * rng.uniform(0.6, 1.2))
    labels = [print_line(draw_words(rng, 1), font, pixels) for _ in range(int(rng.integers(2, 6)))]
    left, margin = max(label.shape[1] for label in labels) + height, height
    step = height * rng.uniform(1.6, 2.1)
    rows = [
        [hand("d" * int(rng.integers(1, 6))).moved(margin + left, margin + height + at * step)]
        for at in range(len(labels))
    ]
    far = max(row[0].width() for row in rows)
    shape = (int(2 * margin + height + step * (len(rows) - 1)), int(far + margin))
    ink = ink_of(rows, shape, pen, rng)
    for at, label in enumerate(labels):
        put(ink, label, margin + height + at * step - 1.05 * pixels, margin)
    picture: ndarray | bytes = coloured(ink, True)
    if rng.random() < 0.6:
        picture = photographed(darkened(ink, rng.uniform(0.55, 0.9)), rng)
    return Sample(picture, text_of(rows))
