"""Draw non-digits, which the reader must reject, kind by kind in two forms.

"28": 28 x 28, light on dark, centred as in MNIST; "large": dark on light, drawn or on paper.
Axes: h w pixels.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from zlib import crc32

import numpy as np
from numpy import ndarray
from numpy.random import Generator
from PIL import Image

from benchmarks.beds.fonts import FONTS, letter
from benchmarks.beds.fragments import half_digit, touching_digits
from benchmarks.beds.paper import Camera, cloud, photograph
from benchmarks.beds.pens import Place, draw
from benchmarks.beds.samples import Sample, to_uint8
from benchmarks.beds.shapes import SHAPES, scribble, shape
from benchmarks.beds.tracing import Strokes
from digitnn.data.fetch.sources import load

CANVAS = 160
"""Side in pixels of the square on which ink is drawn; both forms are made from it."""

DIGIT_LIKE: Mapping[str, str] = {
    "0": "OoQD", "1": "Iiljtf", "2": "Zz", "4": "yY", "5": "Ss",
    "6": "bG", "7": "T", "8": "B", "9": "gqa",
}  # fmt: skip
"""Letters that any reader may take for a digit, by the digit; no goal holds for them.

f and t are crossed bars like a 7 or a 1; y and Y are open 4s; some people write a 7 like a T; a
handwritten a is a 9 with a short tail.
"""

DIGIT_LIKE_IN_FONT: Mapping[str, str] = {"homemade-apple": "AEFJLP"}
"""Digit-like letters of one font: its A looks like an a, its F like a crossed 7, its J and E
like an 8."""

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

DrawInk = Callable[[Generator], ndarray]
"""Draws ink, 0 to 1, on a square of `CANVAS` pixels."""


def _draw_strokes(strokes: Callable[[Generator], Strokes]) -> DrawInk:
    """Return a function that draws strokes with a pen as wide as MNIST's or thinner."""

    def ink(rng: Generator) -> ndarray:
        width = CANVAS * 0.75 * rng.uniform(0.06, 0.14)
        return draw(
            strokes(rng),
            (CANVAS, CANVAS),
            Place(CANVAS / 2, CANVAS / 2, CANVAS * 0.75),
            width,
            rng,
        )

    return ink


def looks_like_digit(character: str, font: str) -> bool:
    """Return whether a reader may take the letter for a digit."""
    return character in "".join(DIGIT_LIKE.values()) + DIGIT_LIKE_IN_FONT.get(font, "")


def _draw_letters(like: bool) -> DrawInk:
    """Return a function that draws random letters, digit-like ones or the others."""
    chosen = [(c, f) for c in ALPHABET for f in sorted(FONTS) if looks_like_digit(c, f) == like]

    def ink(rng: Generator) -> ndarray:
        character, font = chosen[rng.integers(len(chosen))]
        return letter(character, font, CANVAS)

    return ink


def _random_shape(rng: Generator) -> Strokes:
    names = sorted(SHAPES)
    return shape(names[rng.integers(len(names))], rng)


@cache
def _clothing_images() -> ndarray:
    return load("fashion-mnist", "test").images


def _draw_garment(rng: Generator) -> ndarray:
    """Enlarge an image of Fashion-MNIST's test split."""
    images = _clothing_images()
    image = Image.fromarray(images[int(rng.integers(len(images)))])
    return np.asarray(image.resize((CANVAS, CANVAS), Image.Resampling.BICUBIC), np.float32) / 255


INK_KINDS: Mapping[str, DrawInk] = {
    "letters": _draw_letters(like=False),
    "letters like digits": _draw_letters(like=True),
    "shapes": _draw_strokes(_random_shape),
    "clothes": _draw_garment,
    "half digits": _draw_strokes(half_digit),
    "glued digits": _draw_strokes(touching_digits),
    "scribbles": _draw_strokes(scribble),
}
"""Kinds that are ink on paper, and how each is drawn."""

UNCOUNTED_KINDS = frozenset({"letters like digits"})
"""Kinds that are measured but not part of the total."""


def to_mnist_image(ink: ndarray, rng: Generator) -> ndarray:
    """Fit the ink into the central 20 x 20 of 28 x 28 pixels, light on dark, as in MNIST."""
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 0.05) for axis in (1, 0))
    part = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = 20 / max(part.shape)
    size = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
    fitted = np.asarray(Image.fromarray(part).resize(size, Image.Resampling.BOX))
    found = np.zeros((28, 28), np.float32)
    y, x = (28 - size[1]) // 2, (28 - size[0]) // 2
    found[y : y + size[1], x : x + size[0]] = fitted / max(float(fitted.max()), 0.3)
    return to_uint8(255 * found)


def to_large_picture(ink: ndarray, rng: Generator) -> ndarray:
    """Resize to 60 to 300 pixels, dark on light; half of them photographed on paper."""
    side = int(rng.integers(60, 301))
    sized = np.asarray(Image.fromarray(ink).resize((side, side), Image.Resampling.BICUBIC))
    sized = np.clip(sized, 0, 1)
    if rng.random() < 0.5:
        return to_uint8(255 - 255 * sized)
    camera = Camera(
        paper=rng.uniform(160, 235), contrast=rng.uniform(0.5, 0.85), slope=rng.uniform(0, 0.3)
    )
    return to_uint8(photograph(sized, camera, rng))


def blank(rng: Generator, form: str) -> ndarray:
    """Draw an empty picture: one tone, a gradient, grainy paper, or paper with a shadow."""
    side = 28 if form == "28" else int(rng.integers(60, 301))
    kind = int(rng.integers(4))
    if kind == 0:
        tone = 0 if form == "28" else (0, 255, int(rng.integers(256)))[rng.integers(3)]
        return np.full((side, side), tone, np.uint8)
    if kind == 1:
        return to_uint8(
            np.linspace(rng.uniform(0, 255), rng.uniform(0, 255), side)[None].repeat(side, 0)
        )
    camera = Camera(
        paper=rng.uniform(120, 240), slope=rng.uniform(0, 0.4), fibre=rng.uniform(1, 5),
        shadow=rng.uniform(0.2, 0.5) if kind == 3 else 0.0, penumbra=side * rng.uniform(0.1, 0.5),
        noise=rng.uniform(1, 6),
    )  # fmt: skip
    return to_uint8(photograph(np.zeros((side, side), np.float32), camera, rng))


def noise(rng: Generator, form: str) -> ndarray:
    """Draw random pixels: all greys, black and white, sparse specks, or smooth clouds."""
    side = 28 if form == "28" else int(rng.integers(60, 301))
    kind = int(rng.integers(4))
    if kind == 0:
        return rng.integers(0, 256, (side, side)).astype(np.uint8)
    if kind == 1:
        return np.where(rng.random((side, side)) < rng.uniform(0.1, 0.6), 255, 0).astype(np.uint8)
    if kind == 2:
        return np.where(rng.random((side, side)) < rng.uniform(0.01, 0.05), 255, 0).astype(np.uint8)
    size = side * rng.uniform(0.08, 0.3)
    return to_uint8(128 + 90 * cloud((side, side), size, rng))


NON_DIGITS = tuple(
    f"{kind}, {form}" for kind in ("blank", "noise", *INK_KINDS) for form in ("28", "large")
)
"""The names of the beds: every kind in both forms."""


def is_counted(name: str) -> bool:
    """Return whether the bed is part of the total, whose goal is at most 2 % accepted."""
    return name.rsplit(", ", 1)[0] not in UNCOUNTED_KINDS


def samples(name: str, n: int, seed: int = 0) -> Iterator[Sample]:
    """Yield `n` pictures of the bed `name`, all with empty content."""
    kind, form = name.rsplit(", ", 1)
    for at in range(n):
        rng = np.random.default_rng([seed, 6, crc32(name.encode()), at])
        if kind in INK_KINDS:
            yield Sample(
                (to_mnist_image if form == "28" else to_large_picture)(INK_KINDS[kind](rng), rng),
                "",
            )
        else:
            yield Sample((blank if kind == "blank" else noise)(rng, form), "")
