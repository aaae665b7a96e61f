"""Draw pages of several numbers: their handwriting, their paper and how they were photographed.

Axes: h w pixels.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from zlib import crc32

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from benchmarks.beds.layout import Layout, WrittenPage, draw_line_lengths, write_page
from benchmarks.beds.paper import Camera, pencilled, photograph, tinted
from benchmarks.beds.pens import Place, draw
from benchmarks.beds.photos import PAPERS, PENS
from benchmarks.beds.samples import Sample, encode_jpeg, to_uint8

Page = Callable[[tuple[int, ...], Generator], Sample]


def inked(page: WrittenPage, layout: Layout, rng: Generator, soft: bool = True) -> ndarray:
    """Return the ink of all digits, drawn with one pen."""
    width = max(1.0, layout.pen * layout.height)
    return draw(page.strokes, page.shape, Place(0, 0, 1), width, rng, pressure=0.12, soft=soft)


def white(page: WrittenPage, layout: Layout, rng: Generator) -> ndarray:
    """Draw black on white."""
    return to_uint8(255 - 255 * inked(page, layout, rng))


def dark(page: WrittenPage, layout: Layout, rng: Generator) -> ndarray:
    """Draw white on black, half of the pages without anti-aliasing."""
    return to_uint8(255 * inked(page, layout, rng, soft=bool(rng.random() < 0.5)))


def photo(page: WrittenPage, layout: Layout, rng: Generator) -> bytes:
    """Photograph pen on paper in uneven light, as JPEG."""
    ink = inked(page, layout, rng)
    grey = photograph(ink, _camera(layout, rng), rng)
    hues = (PAPERS[rng.integers(len(PAPERS))], PENS[rng.integers(len(PENS))])
    return encode_jpeg(to_uint8(tinted(grey, *hues, ink)), int(rng.integers(55, 92)))


def pencil(page: WrittenPage, layout: Layout, rng: Generator) -> bytes:
    """Photograph pencil on paper in uneven light, as JPEG."""
    ink = 0.7 * pencilled(inked(page, layout, rng), rng, 0.5)
    grey = photograph(ink, _camera(layout, rng), rng)
    return encode_jpeg(to_uint8(grey), int(rng.integers(60, 92)))


def shadowed(page: WrittenPage, layout: Layout, rng: Generator) -> bytes:
    """Photograph a page with a shadow across it."""
    camera = _camera(layout, rng, shadow=rng.uniform(0.2, 0.45))
    return encode_jpeg(to_uint8(photograph(inked(page, layout, rng), camera, rng)), 80)


def thresholded(page: WrittenPage, layout: Layout, rng: Generator) -> ndarray:
    """Threshold a photo in even light, as a copier does; edges are ragged."""
    camera = Camera(paper=220, contrast=0.7, slope=0.1, blur=1.2, noise=10)
    grey = photograph(inked(page, layout, rng), camera, rng)
    return np.where(grey < 145, 0, 255).astype(np.uint8)


def specked(page: WrittenPage, layout: Layout, rng: Generator) -> ndarray:
    """Add dust and blots of up to a twelfth of a digit's height, anywhere."""
    ink = inked(page, layout, rng)
    h, w = ink.shape
    for _ in range(int(rng.integers(15, 60))):
        y, x = rng.uniform(0, h), rng.uniform(0, w)
        dot = (np.zeros((2, 2)) + rng.normal(scale=0.5, size=(2, 2)),)
        width = layout.height * rng.uniform(0.015, 0.08)
        ink = np.maximum(ink, draw(dot, (h, w), Place(x, y, 1), width, rng))
    return to_uint8(235 - 200 * ink + rng.normal(scale=2, size=ink.shape))


def ruled(page: WrittenPage, layout: Layout, rng: Generator) -> bytes:
    """Print a rule below each line of writing, and between lines; the writing may cross it."""
    h, w = page.shape
    lines = np.zeros((h, w), np.float32)
    step = layout.spacing * layout.height
    for y in np.arange(page.baselines[0] + 0.08 * layout.height, h, step):
        lines[int(y) : int(y) + max(1, round(layout.height / 40))] = rng.uniform(0.25, 0.5)
    return _printed(page, layout, lines, rng)


def squared(page: WrittenPage, layout: Layout, rng: Generator) -> bytes:
    """Print a faint grid, finer than the writing."""
    h, w = page.shape
    lines = np.zeros((h, w), np.float32)
    step, tone = layout.height * rng.uniform(0.45, 0.8), rng.uniform(0.15, 0.35)
    thick = max(1, round(layout.height / 50))
    for start in np.arange(rng.uniform(0, step), max(h, w), step):
        lines[int(start) : int(start) + thick] = tone
        lines[:, int(start) : int(start) + thick] = tone
    return _printed(page, layout, lines, rng)


def boxed(page: WrittenPage, layout: Layout, rng: Generator) -> bytes:
    """Print a box around every digit."""
    lines = np.zeros(page.shape, np.float32)
    thick, tone = max(1, round(layout.height / 35)), rng.uniform(0.35, 0.8)
    for left, top, right, bottom in (map(round, box) for box in page.boxes):
        for part in (
            np.s_[top : top + thick, left:right],
            np.s_[bottom : bottom + thick, left : right + thick],
            np.s_[top:bottom, left : left + thick],
            np.s_[top:bottom, right : right + thick],
        ):
            lines[part] = tone
    return _printed(page, layout, lines, rng)


def _printed(page: WrittenPage, layout: Layout, lines: ndarray, rng: Generator) -> bytes:
    """Scan writing over print."""
    ink = np.maximum(inked(page, layout, rng), lines)
    scanner = Camera(
        paper=rng.uniform(215, 245), contrast=0.8, slope=0.05, fibre=1, blur=0.7, noise=2
    )
    return encode_jpeg(to_uint8(photograph(ink, scanner, rng)), 85)


def _camera(layout: Layout, rng: Generator, shadow: float = 0.0) -> Camera:
    return Camera(
        paper=rng.uniform(160, 230), contrast=rng.uniform(0.55, 0.85), slope=rng.uniform(0.1, 0.4),
        shadow=shadow, penumbra=layout.height * rng.uniform(0.3, 2), fibre=rng.uniform(1, 3),
        blur=layout.height * rng.uniform(0.008, 0.02), noise=rng.uniform(1, 4),
    )  # fmt: skip


Picture = Callable[[WrittenPage, Layout, Generator], ndarray | bytes]


def _page(
    picture: Picture,
    lines: tuple[int, int] = (1, 3),
    words: tuple[int, int] = (1, 3),
    height: tuple[float, float] = (40, 90),
    pen: tuple[float, float] = (0.05, 0.11),
    layout: Layout | None = None,
) -> Page:
    """Return a function that draws such pages; lines, words: ranges of their numbers."""

    def page(seed: tuple[int, ...], rng: Generator) -> Sample:
        chosen = replace(layout or Layout(), height=rng.uniform(*height), pen=rng.uniform(*pen))
        written = write_page(draw_line_lengths(rng, lines, words), chosen, seed)
        return Sample(picture(written, chosen, rng), written.content)

    return page


PAGES: Mapping[str, Page] = {
    "row, drawn": _page(dark, lines=(1, 1), words=(1, 1), height=(18, 40), pen=(0.08, 0.14)),
    "page, drawn": _page(white),
    "page, photo": _page(photo, lines=(2, 4), height=(50, 110)),
    "page, pencil": _page(pencil, lines=(1, 3), height=(60, 110)),
    "page, shadow": _page(shadowed, lines=(2, 4), height=(50, 90)),
    "page, bilevel": _page(thresholded, lines=(2, 4), height=(50, 110)),
    "page, sloped": _page(photo, lines=(2, 4), layout=Layout(degrees=7.0, spacing=2.3)),
    "page, sizes": _page(white, layout=Layout(sizes=(0.6, 1.5), heights=(0.75, 1.2), spacing=2.4)),
    "page, close": _page(white, layout=Layout(gaps=(0.03, 0.08))),
    "page, touching": _page(white, lines=(1, 2), words=(1, 2), layout=Layout(gaps=(-0.16, 0.06))),
    "page, specks": _page(specked),
    "page, ruled": _page(ruled, layout=Layout(degrees=0.0)),
    "page, squared": _page(squared, layout=Layout(degrees=0.0), height=(45, 90)),
    "page, boxed": _page(
        boxed, layout=Layout(degrees=0.0, spacing=2.2, box_width=1.15), height=(40, 70)
    ),
    "page, camera": _page(photo, lines=(4, 6), words=(3, 5), height=(150, 220), pen=(0.04, 0.07)),
}
"""The function that draws a page, by the name of its bed."""

MAX_SAMPLES: Mapping[str, int] = {"page, camera": 6}
"""Limits on the number of samples of slow beds."""


def samples(name: str, n: int, seed: int = 0) -> Iterator[Sample]:
    """Yield `n` pages of the bed `name`."""
    page = PAGES[name]
    for at in range(n):
        own = (seed, crc32(name.encode()), at)
        yield page(own, np.random.default_rng([*own, 4]))
