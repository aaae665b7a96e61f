"""Hands that write glyphs: one writer, one pen, one style for each page.

A hand writes digits, letters and signs. Its digits come from MNIST's training split, from strokes
(see `digitnn.data.synthesis.digits`), from fonts or from the segments of a display.
Axes: h w pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from digitnn.data.dataset import Dataset, split
from digitnn.data.fetch.sources import load
from digitnn.data.synthesis.digits import DRAWERS, Strokes, jitter_strokes
from digitnn.data.synthesis.fonts import FONTS, fetch_fonts
from digitnn.data.synthesis.shapes import letter
from tools.page_reader.fonts import PAGE_FONTS
from tools.page_reader.glyphs import SIGNS, SOURCE_HEIGHT, Glyph, draw_strokes, sign, trimmed

STROKE_HANDS = 500
"""Number of hands that write strokes; each keeps its own form of every digit."""

VARIANTS = 3
"""How often a hand of strokes draws the same digit anew."""

MNIST_SCALE = 2.4
"""Magnification of MNIST's images: 20 pixels become `SOURCE_HEIGHT`."""

Hand = Callable[[str, Generator], Glyph]
"""Writes one character. Raises `KeyError` for one that it cannot write."""


@dataclass
class _Chosen:
    part: Literal["train", "valid"] = "train"


_chosen = _Chosen()


def write_with(part: Literal["train", "valid"]) -> None:
    """Let all hands write the digits of MNIST's training or validation split from now on."""
    _chosen.part = part
    mnist.cache_clear()


@cache
def mnist() -> tuple[UInt8[ndarray, "n 28 28"], list[ndarray]]:
    """Return the images that hands write, and the indices of each digit; see `write_with`."""
    train, valid = split(load("mnist", "train"))
    own: Dataset = train if _chosen.part == "train" else valid
    return own.images, [np.flatnonzero(own.labels == digit) for digit in range(10)]


def mnist_hand(rng: Generator) -> Hand:
    """Return a hand that writes MNIST's digits, a few forms of each, with one pen."""
    images, indices = mnist()
    chosen = [rng.choice(own, 4) for own in indices]
    threshold, gain = rng.uniform(0.25, 0.72), rng.uniform(1.2, 3.5)
    side, wide = round(28 * MNIST_SCALE), float(np.exp(rng.normal(scale=0.12)))
    pen, unsteady = rng.uniform(0.05, 0.13), rng.uniform(0, np.radians(6))
    made: dict[tuple[str, int], Glyph] = {}

    def write(character: str, rng: Generator) -> Glyph:
        if not character.isdigit():
            return draw_strokes(sign(character, rng), pen)
        form = character, int(rng.integers(4))
        if form not in made:
            made[form] = draw(images[chosen[int(character)][form[1]]], rng.normal(scale=unsteady))
        return made[form]

    def draw(image: UInt8[ndarray, "28 28"], turn: float) -> Glyph:
        to_image = np.array([[np.cos(turn) / wide, np.sin(turn) / wide],
                             [-np.sin(turn), np.cos(turn)]]) / MNIST_SCALE  # fmt: skip
        start = 14 - to_image @ (side / 2, side / 2)
        large = Image.fromarray(image).transform(
            (side, side), Image.Transform.AFFINE,
            (*to_image[0], start[0], *to_image[1], start[1]), Image.Resampling.BICUBIC,
        )  # fmt: skip
        ink = (np.asarray(large, np.float32) / 255 - threshold) * gain + 0.5
        glyph = trimmed((np.clip(ink, 0, 1) * 255).astype(np.uint8), 0.0, 1.0)
        h, w = glyph.ink.shape
        # MNIST's digits fit a box: a flat one was wide before, not low
        return Glyph(glyph.ink, h, max(h, 0.75 * w))

    return write


@lru_cache(STROKE_HANDS * 15 * VARIANTS)
def _stroke_glyph(hand: int, character: str, variant: int) -> Glyph:
    style = np.random.default_rng([hand, ord(character)])
    own = np.random.default_rng([hand, ord(character), variant])
    pen = np.random.default_rng(hand).uniform(0.035, 0.16)
    if character.isdigit():
        strokes = DRAWERS[int(character)](style)
    elif character in SIGNS:
        strokes = sign(character, style)
    else:  # some letter, always the same for one character
        strokes = letter(style)
    turn = own.normal(scale=0.04)
    size = own.normal(1, 0.05, 2)
    shear = np.array([[size[0], turn], [-turn, size[1]]])
    moved = [np.asarray(stroke, float) @ shear for stroke in jitter_strokes(strokes, 0.012, own)]
    return draw_strokes([[tuple(point) for point in stroke] for stroke in moved], pen)


def stroke_hand(rng: Generator) -> Hand:
    """Return a hand that draws strokes, in the same form each time."""
    number = int(rng.integers(STROKE_HANDS))

    def write(character: str, rng: Generator) -> Glyph:
        return _stroke_glyph(number, character, int(rng.integers(VARIANTS)))

    return write


def mixed_hand(rng: Generator) -> Hand:
    """Return a hand with MNIST's digits, but 1 and 7, or 4 and 9, of one style in strokes."""
    often, styled = mnist_hand(rng), stroke_hand(rng)
    own = ("17", "17", "179", "49", "9")[rng.integers(5)]

    def write(character: str, rng: Generator) -> Glyph:
        return (styled if character in own else often)(character, rng)

    return write


@cache
def _fonts() -> list[ImageFont.FreeTypeFont]:
    files = fetch_fonts({**FONTS, **PAGE_FONTS})
    return [ImageFont.truetype(str(file), round(1.4 * SOURCE_HEIGHT)) for file in files]


@lru_cache(9000)
def _font_glyph(number: int, bold: int, character: str) -> Glyph:
    font = _fonts()[number]
    top, digit_bottom = font.getbbox("8", anchor="ls")[1::2]
    side = 3 * SOURCE_HEIGHT
    image = Image.new("L", (side, side))
    baseline = round(1.8 * SOURCE_HEIGHT)
    ImageDraw.Draw(image).text(
        (20, baseline), character, fill=255, font=font, anchor="ls", stroke_width=bold
    )
    height = max(float(digit_bottom - top), 8.0)
    return trimmed(np.asarray(image), baseline + float(digit_bottom), height)


def font_hand(rng: Generator) -> Hand:
    """Return a hand that prints in one font, sometimes bold."""
    number, bold = int(rng.integers(len(_fonts()))), int(rng.choice([0, 1, 3], p=[0.7, 0.15, 0.15]))

    def write(character: str, rng: Generator) -> Glyph:
        return _font_glyph(number, bold, character)

    return write


SEGMENTS = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgedc", "abc", "abcdefg", "abfgcd")
"""The lit segments of the ten digits of a display; a is at the top, then clockwise, g amid."""


def display_hand(rng: Generator) -> Hand:
    """Return a display of seven segments."""
    w, gap, lean, pen = rng.uniform(0.4, 0.6), rng.uniform(0, 0.07), rng.uniform(0, 0.12), 0.0
    pen = rng.uniform(0.08, 0.16)
    ends = {
        "a": ((gap, 0), (w - gap, 0)), "b": ((w, gap), (w, 0.5 - gap)),
        "c": ((w, 0.5 + gap), (w, 1 - gap)), "d": ((gap, 1), (w - gap, 1)),
        "e": ((0, 0.5 + gap), (0, 1 - gap)), "f": ((0, gap), (0, 0.5 - gap)),
        "g": ((gap, 0.5), (w - gap, 0.5)),
    }  # fmt: skip
    made: dict[str, Glyph] = {}

    def write(character: str, rng: Generator) -> Glyph:
        if character not in made:
            if character.isdigit():
                lit = [ends[segment] for segment in SEGMENTS[int(character)]]
                strokes: Strokes = [[(x + lean * (1 - y), y) for x, y in line] for line in lit]
            else:
                strokes = sign(character, rng)
            made[character] = draw_strokes(strokes, pen)
        return made[character]

    return write


def some_hand(rng: Generator) -> tuple[Hand, bool]:
    """Return a random hand, and whether it can write letters."""
    kind = rng.random()
    if kind < 0.48:
        return mnist_hand(rng), False
    if kind < 0.60:
        return mixed_hand(rng), False
    if kind < 0.75:
        return stroke_hand(rng), False
    if kind < 0.97:
        return font_hand(rng), True
    return display_hand(rng), False
