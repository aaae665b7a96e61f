"""What holds no digit and must be refused, each kind by itself, in two forms.

"28": 28 x 28, light on dark, placed as MNIST's; "large": dark on light, drawn or on paper.
Axes: h w pixels, s the side of a square.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from zlib import crc32

import numpy as np
from numpy import ndarray
from numpy.random import Generator
from PIL import Image

from benchmarks.beds.fonts import FONTS, letter
from benchmarks.beds.fragments import glued, half
from benchmarks.beds.paper import Camera, cloud, photograph
from benchmarks.beds.pens import Place, draw
from benchmarks.beds.samples import Sample, as_bytes
from benchmarks.beds.shapes import SHAPES, scribble, shape
from benchmarks.beds.tracing import Strokes
from digitnn.data.fetch.sources import load

SIDE = 160
"""Ink is drawn on so many pixels a side; both forms are made from it."""

DIGIT_LIKE: Mapping[str, str] = {
    "0": "OoQD", "1": "Iiljtf", "2": "Zz", "4": "yY", "5": "Ss",
    "6": "bG", "7": "T", "8": "B", "9": "gqa",
}  # fmt: skip
"""Letters that are digits in the eye of any reader, by the digit; no goal holds for them.

f and t are crossed bars, as a 7 or a 1 is; y and Y are open 4s, T a 7 in some hands; the a of
handwriting is a 9 with a short tail.
"""

IN_ONE_FONT: Mapping[str, str] = {"homemade-apple": "AEFJLP"}
"""Letters likewise, in a font's own way: its A is an a, its F a crossed 7, its J and E an 8."""

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


Ink = Callable[[Generator], ndarray]


def _stroked(strokes: Callable[[Generator], Strokes]) -> Ink:
    """Lines drawn with a pen as wide as MNIST's or thinner."""

    def ink(rng: Generator) -> ndarray:
        width = SIDE * 0.75 * rng.uniform(0.06, 0.14)
        return draw(strokes(rng), (SIDE, SIDE), Place(SIDE / 2, SIDE / 2, SIDE * 0.75), width, rng)

    return ink


def like_a_digit(character: str, font: str) -> bool:
    """Whether a reader may take the letter for a digit."""
    return character in "".join(DIGIT_LIKE.values()) + IN_ONE_FONT.get(font, "")


def _letters(like: bool) -> Ink:
    """Any letter in any font of those that are, or are not, like a digit."""
    chosen = [(c, f) for c in ALPHABET for f in sorted(FONTS) if like_a_digit(c, f) == like]

    def ink(rng: Generator) -> ndarray:
        character, font = chosen[rng.integers(len(chosen))]
        return letter(character, font, SIDE)

    return ink


def _shape(rng: Generator) -> Strokes:
    names = sorted(SHAPES)
    return shape(names[rng.integers(len(names))], rng)


@cache
def _clothes() -> ndarray:
    return load("fashion-mnist", "test").images


def _garment(rng: Generator) -> ndarray:
    """Fashion-MNIST's test part, enlarged."""
    images = _clothes()
    image = Image.fromarray(images[int(rng.integers(len(images)))])
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float32) / 255


INKS: Mapping[str, Ink] = {
    "letters": _letters(like=False),
    "letters like digits": _letters(like=True),
    "shapes": _stroked(_shape),
    "clothes": _garment,
    "half digits": _stroked(half),
    "glued digits": _stroked(glued),
    "scribbles": _stroked(scribble),
}
"""Kinds that are ink on paper."""

NO_GOAL = frozenset({"letters like digits"})
"""Kinds that are measured and not counted."""


def small(ink: ndarray, rng: Generator) -> ndarray:
    """28 x 28, light on dark: the ink fitted into 20 x 20 in the middle, as MNIST's is."""
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.05) for axis in (1, 0))
    part = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 20 / max(part.shape)
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    fitted = np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BOX))
    found = np.zeros((28, 28), np.float32)
    y, x = (28 - size[1]) // 2, (28 - size[0]) // 2
    found[y : y + size[1], x : x + size[0]] = fitted / max(float(fitted.max()), 0.3)
    return as_bytes(255 * found)


def large(ink: ndarray, rng: Generator) -> ndarray:
    """60 to 300 pixels, dark on light, every other one on paper."""
    side = int(rng.integers(60, 301))
    sized = np.asarray(Image.fromarray(ink).resize((side, side), Image.Resampling.BICUBIC))
    sized = np.clip(sized, 0, 1)
    if rng.random() < 0.5:
        return as_bytes(255 - 255 * sized)
    camera = Camera(
        paper=rng.uniform(160, 235), contrast=rng.uniform(0.5, 0.85), slope=rng.uniform(0, 0.3)
    )
    return as_bytes(photograph(sized, camera, rng))


def blank(rng: Generator, form: str) -> ndarray:
    """Nothing: one tone, a gradient, paper with its grain, the same with a shadow."""
    side = 28 if form == "28" else int(rng.integers(60, 301))
    kind = int(rng.integers(4))
    if kind == 0:
        tone = 0 if form == "28" else (0, 255, int(rng.integers(256)))[rng.integers(3)]
        return np.full((side, side), tone, np.uint8)
    if kind == 1:
        return as_bytes(
            np.linspace(rng.uniform(0, 255), rng.uniform(0, 255), side)[None].repeat(side, 0)
        )
    camera = Camera(
        paper=rng.uniform(120, 240), slope=rng.uniform(0, 0.4), fibre=rng.uniform(1, 5),
        shadow=rng.uniform(0.2, 0.5) if kind == 3 else 0.0, penumbra=side * rng.uniform(0.1, 0.5),
        noise=rng.uniform(1, 6),
    )  # fmt: skip
    return as_bytes(photograph(np.zeros((side, side), np.float32), camera, rng))


def noise(rng: Generator, form: str) -> ndarray:
    """Each pixel by chance: all greys, black and white, few specks, or clouds of one size."""
    side = 28 if form == "28" else int(rng.integers(60, 301))
    kind = int(rng.integers(4))
    if kind == 0:
        return rng.integers(0, 256, (side, side)).astype(np.uint8)
    if kind == 1:
        return np.where(rng.random((side, side)) < rng.uniform(0.1, 0.6), 255, 0).astype(np.uint8)
    if kind == 2:
        return np.where(rng.random((side, side)) < rng.uniform(0.01, 0.05), 255, 0).astype(np.uint8)
    size = side * rng.uniform(0.08, 0.3)
    return as_bytes(128 + 90 * cloud((side, side), size, rng))


JUNK = tuple(f"{kind}, {form}" for kind in ("blank", "noise", *INKS) for form in ("28", "large"))
"""Every kind in both forms."""


def counted(name: str) -> bool:
    """Whether the goal, that at most 2 % are accepted, holds for this kind."""
    return name.rsplit(", ", 1)[0] not in NO_GOAL


def samples(name: str, n: int, seed: int = 0) -> Iterator[Sample]:
    """`n` pictures of the kind `name`, none of which says anything."""
    kind, form = name.rsplit(", ", 1)
    for at in range(n):
        rng = np.random.default_rng([seed, 6, crc32(name.encode()), at])
        if kind in INKS:
            yield Sample((small if form == "28" else large)(INKS[kind](rng), rng), "")
        else:
            yield Sample((blank if kind == "blank" else noise)(rng, form), "")
