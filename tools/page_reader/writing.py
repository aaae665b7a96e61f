"""Write a page: in one of the layouts, with clutter, printed paper and dust."""

import numpy as np
from numpy.random import Generator

from tools.page_reader.layouts import alone, boxes, lines, scattered, table
from tools.page_reader.page import Page, Placed, Ruling
from tools.page_reader.shapes import JUNK_SHAPES, junk
from tools.page_reader.words import writer


def clutter(page: Page, rng: Generator, usual: tuple[float, float], most: int) -> None:
    """Draw up to `most` shapes that are no characters, of any size, where nothing is written."""
    taken = [(p.x, p.y - p.size / 2, p.size) for p in page.glyphs]
    for _ in range(int(rng.integers(1, most + 1))):
        size = float(np.exp(rng.uniform(np.log(0.5 * usual[0]), np.log(3 * usual[1]))))
        x, y = rng.uniform(-0.5, 0.5) * page.width, rng.uniform(-0.5, 0.5) * page.height
        if all(max(abs(x - a), abs(y - b)) > 0.7 * size + r for a, b, r in taken):
            taken.append((x, y, 0.6 * size))
            glyph = junk(int(rng.integers(JUNK_SHAPES)))
            tone = float(1 - 0.8 * rng.random() ** 2)
            page.glyphs.append(Placed(glyph, "", x - size / 2, y + size / 2, size, 0.0, tone))


def dust(page: Page, rng: Generator, size: float) -> None:
    """Sprinkle specks, which are no signs."""
    for _ in range(int(rng.integers(3, 60))):
        x, y = rng.uniform(-0.5, 0.5) * page.width, rng.uniform(-0.5, 0.5) * page.height
        r = size * rng.uniform(0.01, 0.09)
        turn = rng.normal(scale=r, size=2)
        width = max(0.6, r)
        page.rulings.append(Ruling(x, y, x + turn[0], y + turn[1], width, round(rng.random(), 1)))


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
