"""Draw a reading onto its picture: a box for each digit, labelled with digit and confidence."""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from statistics import median

from PIL import Image, ImageDraw, ImageFont, ImageOps

from digitnn.reader.input.opening import Picture
from digitnn.reader.reader import MIN_SURE_CONFIDENCE, Digit, Reading

ACCEPTED_COLOUR, UNSURE_COLOUR, REJECTED_COLOUR = "#0072b2", "#b35900", "#a3277c"
"""Blue, brown, purple: similarly dark, distinct with any kind of colour blindness (after Okabe
and Ito 2008), and white text is legible on each."""

FRAME_COLOUR = "#e6e6e6"

MIN_BOX_HEIGHT = 56
"""Pictures are enlarged until the median box has this height in pixels, so that labels fit."""

LABEL_MARGIN = 3
"""Pixels above and below the text of a label."""

MIN_DRAWING_SIDE, MAX_DRAWING_SIDE = 480, 2400
"""Limits of a drawing's longest side, as far as integer scales reach them."""


def draw_boxes(
    picture: Picture, reading: Reading, size: tuple[int, int] | None = None
) -> Image.Image:
    """Return the upright picture in grey, each digit in a box with its confidence.

    size: width and height to fit the picture into; if None, large enough for the labels.
    """
    height, width = picture.grey.shape
    scale = min(size[0] / width, size[1] / height) if size else _scale(picture, reading)
    enlarged = scaled(Image.fromarray(picture.grey), scale)
    letter = _letter_size(reading, scale)
    frame = _frame(reading, scale, letter, enlarged.size)
    drawing = ImageOps.expand(enlarged.convert("RGB"), frame, FRAME_COLOUR)
    pen = ImageDraw.Draw(drawing)
    for digit in reading.digits:
        edges = [round(edge * scale) + frame[n % 2] for n, edge in enumerate(digit.box)]
        _draw_digit(pen, digit, edges, letter)
    return drawing


def scaled(image: Image.Image, scale: float) -> Image.Image:
    """Scale, at least to one pixel each way; enlarged pixels stay visible."""
    how = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.BOX
    width, height = (max(1, round(side * scale)) for side in image.size)
    return image.resize((width, height), how)


def colour_of(digit: Digit) -> str:
    """Return the colour for accepted, unsure or rejected."""
    if digit.digit is None and not digit.symbol:
        return REJECTED_COLOUR
    return ACCEPTED_COLOUR if digit.confidence >= MIN_SURE_CONFIDENCE else UNSURE_COLOUR


@cache
def default_font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's own font."""
    return ImageFont.load_default(size)


def _scale(picture: Picture, reading: Reading) -> float:
    """Return drawing pixels per picture pixel: an integer if the picture is enlarged."""
    longest = max(picture.grey.shape)
    if longest > MAX_DRAWING_SIDE:
        return MAX_DRAWING_SIDE / longest
    wanted = MIN_DRAWING_SIDE / longest
    if reading.digits:
        wanted = max(wanted, MIN_BOX_HEIGHT / _typical_height(reading))
    return max(1, min(-(-wanted // 1), MAX_DRAWING_SIDE // longest))


def _typical_height(reading: Reading) -> float:
    return median(bottom - top for _, top, _, bottom in (digit.box for digit in reading.digits))


def _letter_size(reading: Reading, scale: float) -> int:
    """Return a third of the median box height, or less so that labels do not overlap."""
    if not reading.digits:
        return 0
    centres = [(left + right) / 2 for left, _, right, _ in (digit.box for digit in reading.digits)]
    steps = [abs(b - a) for a, b in pairwise(centres) if a != b]
    room = median(steps) / 2 if steps else float("inf")  # a label is about two letters wide
    return max(10, min(48, round(scale * min(_typical_height(reading) / 3, room))))


def _frame(reading: Reading, scale: float, letter: int, size: tuple[int, int]) -> tuple[int, int]:
    """Return the margins at the sides, and above and below; 0 where labels fit into the picture."""
    boxes = [[edge * scale for edge in digit.box] for digit in reading.digits]
    aside = [min(left, size[0] - right) for left, _, right, _ in boxes]
    above = [min(top, size[1] - bottom) for _, top, _, bottom in boxes]
    room = round(1.5 * letter)
    return (
        letter if min(aside, default=room) < letter else 0,
        room if min(above, default=room) < room else 0,
    )


def _draw_digit(pen: ImageDraw.ImageDraw, digit: Digit, edges: Sequence[int], letter: int) -> None:
    left, top, right, bottom = edges
    colour = colour_of(digit)
    line = max(2, letter // 10)
    pen.rectangle(
        (left - line, top - line, right + line - 1, bottom + line - 1), None, colour, line
    )
    middle, room = (left + right) / 2, line + LABEL_MARGIN
    _label(pen, digit.character, letter, colour, (middle, top - room), "mb")
    share = f"{100 * digit.confidence:.0f}%"
    _label(pen, share, max(9, letter * 5 // 9), colour, (middle, bottom + room), "mt")


def _label(
    pen: ImageDraw.ImageDraw,
    text: str,
    letter: int,
    colour: str,
    at: tuple[float, float],
    anchor: str,
) -> None:
    """Write white text on a plate of `colour`; `anchor` as in Pillow: the part of it at `at`."""
    x0, y0, x1, y1 = pen.textbbox(at, text, default_font(letter), anchor)
    plate = (x0 - 4, y0 - LABEL_MARGIN, x1 + 3, y1 + LABEL_MARGIN - 1)
    pen.rectangle(plate, colour)
    pen.text(at, text, "white", default_font(letter), anchor)
