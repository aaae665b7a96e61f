"""What was found, drawn into the picture: a box for each mark, its digit above, how sure below."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from statistics import median

from PIL import Image, ImageDraw, ImageFont, ImageOps

from digitnn.reader.input.opening import Picture
from digitnn.reader.reader import REFUSED, Digit, Reading

READ, UNSURE, UNREAD = "#0072b2", "#b35900", "#a3277c"
"""Blue, brown, purple: of about equal darkness, told apart with any kind of colour blindness (after
Okabe and Ito 2008), and white writing shows on each."""

SURE = 0.8
"""Digits that are read with less confidence are drawn as `UNSURE`."""

FRAME = "#e6e6e6"

TALL = 56
"""Pictures are enlarged until their typical box is so many pixels high, so that labels fit."""

SHORTEST, LONGEST = 480, 2400
"""Longest side of a drawing, as far as whole steps bring it there."""


def draw_boxes(
    picture: Picture, reading: Reading, size: tuple[int, int] | None = None
) -> Image.Image:
    """The upright picture in grey, each mark of `reading` in a box with digit and confidence.

    size: width and height that the picture is to fit in; if None, large enough for the labels.
    """
    scale = _scale(picture, reading) if size is None else _scale_to_fit(picture, size)
    height, width = picture.grey.shape
    how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    enlarged = Image.fromarray(picture.grey).resize(
        (round(width * scale), round(height * scale)), how
    )
    letter = _letter_size(reading, scale)
    frame = _frame(reading, scale, letter, enlarged.size)
    drawing = ImageOps.expand(enlarged.convert("RGB"), frame, FRAME)
    pen = ImageDraw.Draw(drawing)
    for digit in reading.digits:
        edges = [round(edge * scale) + frame[n % 2] for n, edge in enumerate(digit.box)]
        _draw_mark(pen, digit, edges, letter)
    return drawing


def colour_of(digit: Digit) -> str:
    """By how it was read."""
    if digit.digit is None:
        return UNREAD
    return READ if digit.confidence >= SURE else UNSURE


def sign_of(digit: Digit) -> str:
    """As it stands in the text."""
    return REFUSED if digit.digit is None else str(digit.digit)


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The one that comes with Pillow."""
    return ImageFont.load_default(size)


def _scale(picture: Picture, reading: Reading) -> float:
    """Pixels of the drawing for one of the picture's: whole where it is enlarged."""
    longest = max(picture.grey.shape)
    if longest > LONGEST:
        return LONGEST / longest
    wanted = SHORTEST / longest
    if reading.digits:
        wanted = max(wanted, TALL / _typical_height(reading))
    return max(1, min(-(-wanted // 1), LONGEST // longest))


def _scale_to_fit(picture: Picture, size: tuple[int, int]) -> float:
    height, width = picture.grey.shape
    return min(size[0] / width, size[1] / height)


def _typical_height(reading: Reading) -> float:
    return median(bottom - top for _, top, _, bottom in (digit.box for digit in reading.digits))


def _letter_size(reading: Reading, scale: float) -> int:
    """A third of the typical box, less where boxes stand so close that labels would overlap."""
    if not reading.digits:
        return 0
    centres = [(left + right) / 2 for left, _, right, _ in (digit.box for digit in reading.digits)]
    steps = [abs(b - a) for a, b in pairwise(centres) if a != b]
    room = median(steps) / 2 if steps else float("inf")  # a label is about two letters wide
    return max(10, min(48, round(scale * min(_typical_height(reading) / 3, room))))


def _frame(reading: Reading, scale: float, letter: int, size: tuple[int, int]) -> tuple[int, int]:
    """How far paper goes on left and right, above and below; 0 where labels have room inside."""
    boxes = [[edge * scale for edge in digit.box] for digit in reading.digits]
    beside = [min(left, size[0] - right) for left, _, right, _ in boxes]
    above = [min(top, size[1] - bottom) for _, top, _, bottom in boxes]
    room = round(1.5 * letter)
    return (
        letter if min(beside, default=room) < letter else 0,
        room if min(above, default=room) < room else 0,
    )


def _draw_mark(pen: ImageDraw.ImageDraw, digit: Digit, edges: Sequence[int], letter: int) -> None:
    left, top, right, bottom = edges
    colour = colour_of(digit)
    line = max(2, letter // 10)
    pen.rectangle(
        (left - line, top - line, right + line - 1, bottom + line - 1), None, colour, line
    )
    middle = (left + right) / 2
    _label(pen, sign_of(digit), letter, colour, middle, above=top - line)
    share = f"{100 * digit.confidence:.0f}%"
    _label(pen, share, max(9, letter * 5 // 9), colour, middle, below=bottom + line)


def _label(
    pen: ImageDraw.ImageDraw,
    text: str,
    letter: int,
    colour: str,
    middle: float,
    above: int = 0,
    below: int | None = None,
) -> None:
    """White on a plate of `colour`, ending `above` that row or beginning `below` this one."""
    x0, y0, x1, y1 = pen.textbbox((0, 0), text, font(letter))
    width, height = x1 - x0 + 8, y1 - y0 + 6
    left, top = middle - width / 2, above - height if below is None else below
    pen.rectangle((left, top, left + width - 1, top + height - 1), colour)
    pen.text((left + 4 - x0, top + 3 - y0), text, "white", font(letter))
