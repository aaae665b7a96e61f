"""Print text, numbers, seven-segment digits and rules as ink, 0 to 1. Axes: h w pixels.

The printed faces are those that come with Matplotlib: DejaVu, STIX and Computer Modern.
"""

from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFont

from benchmarks.beds.fonts import FONTS, font_file

Ink = Float32[ndarray, "h w"]

PRINTED = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif",
    "DejaVuSerif-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic",
    "cmr10", "cmss10", "cmtt10", "cmb10",
)  # fmt: skip
"""Files of Matplotlib's fonts, whose glyphs are as in print."""

MONOSPACED = ("DejaVuSansMono", "DejaVuSansMono-Bold", "cmtt10")

_WORDS = """
the of and to in is was that for it with as his on be at by had not are but from or have an they
which one you were her all she there would their we him been has when who will more no if out so
said what up its about into than them can only other new some could time these two may then do
first any my now such like our over man me even most made after also did many before must through
back years where much your way well down should because each just those people how too little
state good very make world still own see men work long get here between both life being under
never day same another know while last might us great old year off
Sugar Butter Milk Kaffee Brot Zucker Quark Joghurt Fisch Wasser Vogel Xaver Query Jazz Zebra
"""
VOCABULARY = tuple(_WORDS.split())
"""Frequent English words, and some with rare letters."""

SEGMENTS = {
    "0": "abcdef", "1": "bc", "2": "abged", "3": "abgcd", "4": "fgbc", "5": "afgcd",
    "6": "afgedc", "7": "abc", "8": "abcdefg", "9": "gfabcd", "-": "g",
}  # fmt: skip
"""The lit segments of each character: a top, b c right, d bottom, e f left, g middle."""

SEGMENT_ENDS = {
    "a": (0, 0, 1, 0), "b": (1, 0, 1, 0.5), "c": (1, 0.5, 1, 1), "d": (0, 1, 1, 1),
    "e": (0, 0.5, 0, 1), "f": (0, 0, 0, 0.5), "g": (0, 0.5, 1, 0.5),
}  # fmt: skip
"""x, y, x, y of both ends of a segment, y downwards, in a box of side 1."""


@cache
def face(name: str, pixels: int) -> ImageFont.FreeTypeFont:
    """Return a printed or a handwriting font. Raises `SourceError` if it cannot be fetched."""
    if name in FONTS:
        return ImageFont.truetype(str(font_file(name)), pixels)
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path(), "fonts", "ttf", f"{name}.ttf")), pixels)


def print_line(text: str, font: str, pixels: int) -> Ink:
    """Print one line, 1.4 times `pixels` high, its baseline at 1.05."""
    used = face(font, pixels)
    image = Image.new("L", (int(used.getlength(text) + 0.4 * pixels), int(1.4 * pixels)), 0)
    place = (0.1 * pixels, 1.05 * pixels)
    ImageDraw.Draw(image).text(place, text, font=used, fill=255, anchor="ls")
    return np.asarray(image, np.float32) / 255


def put(ink: Ink, part: Ink, y: float, x: float) -> None:
    """Add a part to `ink` in place, its top left corner at (y, x); what leaves it is cut off."""
    top, left = round(y), round(x)
    free_h, free_w = len(ink) - top, ink.shape[1] - left
    h, w = max(0, min(part.shape[0], free_h)), max(0, min(part.shape[1], free_w))
    where = np.s_[top : top + h, left : left + w]
    ink[where] = np.maximum(ink[where], part[:h, :w])


def draw_words(rng: Generator, n: int) -> str:
    """Draw `n` words; the first is capitalised."""
    words = [VOCABULARY[at] for at in rng.integers(len(VOCABULARY), size=n)]
    text = " ".join(words)
    return text[0].upper() + text[1:]


def paragraph(font: str, pixels: int, shape: tuple[int, int], rng: Generator) -> tuple[Ink, int]:
    """Fill (h, w) with lines of words; return the ink and the number of letters."""
    ink = np.zeros(shape, np.float32)
    letters, leading = 0, rng.uniform(1.15, 1.6) * pixels
    for y in np.arange(0, shape[0] - 1.4 * pixels, leading):
        line = draw_words(rng, 1)
        while True:
            word = draw_words(rng, 1)
            longer = f"{line} {word if rng.random() < 0.2 else word.lower()}"
            if face(font, pixels).getlength(longer) > shape[1] - 0.4 * pixels:
                break
            line = longer
        put(ink, print_line(line, font, pixels), y, 0)
        letters += sum(character.isalpha() for character in line)
    return ink, letters


def seven_segments(text: str, height: float, lean: float, width: float) -> Ink:
    """Show digits, "-", "." and ":" on a display. lean: slant; width: of a segment in heights."""
    fine, wide, gap, half = 3, 0.52, 0.24, width / 2
    unit, x = height * fine, 0.1 + half
    h = int((1.3 + width) * unit)
    image = Image.new("L", (int(((wide + gap + width) * len(text) + 1) * unit), h), 0)
    pen = ImageDraw.Draw(image)

    def place(u: float, v: float) -> tuple[float, float]:
        return (u + lean * (1 - v) + 0.1) * unit, (v + 0.1 + half) * unit

    for character in text:
        if character in ".:":
            r = 1.1 * half * unit
            u, heights = (x - gap / 2, (1.0,)) if character == "." else (x, (0.3, 0.7))
            for cx, cy in (place(u, v) for v in heights):
                pen.ellipse([cx - r, cy - r, cx + r, cy + r], fill=255)
            x += 0.0 if character == "." else gap + width
            continue
        for segment in SEGMENTS[character]:
            u1, v1, u2, v2 = SEGMENT_ENDS[segment]
            du, dv = (1.15 * half * np.sign(d) for d in (u2 - u1, v2 - v1))  # corners stay dark
            ends = [place(x + u1 * wide + du, v1 + dv), place(x + u2 * wide - du, v2 - dv)]
            pen.line(ends, fill=255, width=max(1, round(width * unit)))
        x += wide + gap + width
    end = int((x + 0.1 + lean) * unit)
    return np.asarray(image.crop((0, 0, end, h)).reduce(fine), np.float32) / 255
