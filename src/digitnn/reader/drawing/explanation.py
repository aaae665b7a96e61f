"""Draw why a picture was read as it was: each step to the probabilities, on one sheet.

the picture -> its ink -> its boxes; then for each digit
the part of the picture -> 28 x 28 -> a bar for each digit and for "no digit"
"""

from textwrap import wrap

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from digitnn.data.dataset import NON_DIGIT
from digitnn.reader.drawing.boxes import colour_of, default_font, draw_boxes, scaled
from digitnn.reader.ink.ink import Ink, find_ink
from digitnn.reader.ink.normalise import MAX_DIGIT_INK_SIDE
from digitnn.reader.input.opening import Picture
from digitnn.reader.reader import Digit, Reading

TEXT, GREY_TEXT, RULE, BAR, EMPTY = "#1a1a1a", "#666666", "#d9d9d9", "#8c8c8c", "#f2f2f2"

MAX_CARDS = 60
"""Only the first digits of a longer page are explained."""

MARGIN, GAP = 32, 24
CONTENT_WIDTH = 1128
"""Between the margins, in pixels, as all sizes here."""

PANEL_SIZE = (358, 300)
"""Largest width and height of each of the three pictures at the top, side by side."""

WIDE_PANEL_SIZE = (CONTENT_WIDTH - 2, 200)
"""The same for pictures more than four times as wide as high, one below the other."""

CARD_COLUMNS, CARD_SIZE = 2, (552, 236)
"""Each digit has a card: cards per row, width and height of one."""

MAX_NOTE_LETTERS = 140
"""A line of notes with so many letters fits between the margins."""

THUMBNAIL_SIDE = 112
"""Side of a digit's part of the picture and of its image: four times 28."""


def explain(picture: Picture, reading: Reading, min_confidence: float) -> Image.Image:
    """Return the sheet. min_confidence: the rejection threshold, a line across the bars."""
    shown = reading.digits[:MAX_CARDS]
    found = find_ink(picture.grey, MAX_DIGIT_INK_SIDE)
    panels = _panels(picture, found, reading)
    notes = wrap(_notes(found, reading, min_confidence), MAX_NOTE_LETTERS)
    cards = panels.height + GAP
    ending = cards + -(-len(shown) // CARD_COLUMNS) * (CARD_SIZE[1] + GAP)
    sheet = Image.new("RGB", (CONTENT_WIDTH + 2 * MARGIN, 150 + ending + len(notes) * 24), "white")
    pen = ImageDraw.Draw(sheet)
    _title(pen, picture, reading)
    sheet.paste(panels, (MARGIN, 120))
    for number, digit in enumerate(shown):
        row, column = divmod(number, CARD_COLUMNS)
        card = _card(number + 1, digit, picture, min_confidence)
        place = (MARGIN + column * (CARD_SIZE[0] + GAP), 120 + cards + row * (CARD_SIZE[1] + GAP))
        sheet.paste(card, place)
    for line, text in enumerate(notes):
        pen.text((MARGIN, 120 + ending + line * 24), text, GREY_TEXT, default_font(16))
    return sheet


def _title(pen: ImageDraw.ImageDraw, picture: Picture, reading: Reading) -> None:
    text = " / ".join(reading.text.split("\n")) if reading.digits else "no digits"
    pen.text((MARGIN, 24), text if len(text) <= 40 else text[:37] + "...", TEXT, default_font(40))
    height, width = picture.grey.shape
    name = picture.name if len(picture.name) <= 100 else "..." + picture.name[-97:]
    pen.text((MARGIN, 78), f"{name}, {width} x {height} pixels", GREY_TEXT, default_font(16))


def _panels(picture: Picture, found: Ink, reading: Reading) -> Image.Image:
    """Draw the picture, its ink and its boxes."""
    ink = np.rint(255 * (1 - found.ink)).astype(np.uint8)
    height, width = picture.grey.shape
    wide = width > 4 * height
    size = WIDE_PANEL_SIZE if wide else PANEL_SIZE
    panels = (
        ("1  the picture, upright, in grey", Image.fromarray(picture.grey)),
        ("2  its ink", Image.fromarray(ink)),
        ("3  the digits found", draw_boxes(picture, reading, size)),
    )
    fitted = [_framed(image, size) for _, image in panels]
    step = 30 + max(image.height for image in fitted) + (GAP if wide else 0)
    drawn = Image.new("RGB", (CONTENT_WIDTH, 3 * step - GAP if wide else step), "white")
    pen = ImageDraw.Draw(drawn)
    for number, ((title, _), image) in enumerate(zip(panels, fitted, strict=True)):
        x, y = (0, number * step) if wide else (number * (PANEL_SIZE[0] + 2 + GAP), 0)
        pen.text((x, y), title, TEXT, default_font(18))
        drawn.paste(image, (x, y + 30))
    return drawn


def _card(number: int, digit: Digit, picture: Picture, min_confidence: float) -> Image.Image:
    """Draw one digit: its part of the picture, the image for the network, the probabilities."""
    card = Image.new("RGB", CARD_SIZE, "white")
    pen = ImageDraw.Draw(card)
    pen.rectangle((0, 0, CARD_SIZE[0] - 1, CARD_SIZE[1] - 1), None, RULE)
    pen.rectangle((0, 0, 5, CARD_SIZE[1] - 1), colour_of(digit))
    pen.text((20, 12), f"{number}.  {digit.verdict}", colour_of(digit), default_font(20))
    part, seen = _part(picture, digit), Image.fromarray(digit.image)
    for left, image, caption in ((20, part, "in the picture"), (152, seen, "for the network")):
        card.paste(_framed(image, (THUMBNAIL_SIDE, THUMBNAIL_SIDE)), (left, 62))
        pen.text((left, 68 + THUMBNAIL_SIDE), caption, GREY_TEXT, default_font(14))
    _bars(pen, digit, min_confidence)
    return card


def _bars(pen: ImageDraw.ImageDraw, digit: Digit, min_confidence: float) -> None:
    """Draw a bar for each probability, and a line at the rejection threshold."""
    left, top, length, step = 334, 50, 150, 15
    names = [*map(str, range(NON_DIGIT)), "none"]
    for row, (name, p) in enumerate(zip(names, digit.probabilities.tolist(), strict=True)):
        y = top + row * step + (6 if row == NON_DIGIT else 0)
        chosen = row == digit.probabilities.argmax()
        ink = TEXT if chosen else GREY_TEXT
        pen.text((left - 8, y), name, ink, default_font(13), anchor="ra")
        pen.rectangle((left, y + 2, left + length, y + 11), EMPTY)
        if width := round(length * p):
            bar = colour_of(digit) if chosen else BAR
            pen.rectangle((left, y + 2, left + width, y + 11), bar)
        if p >= 0.001:
            pen.text((left + length + 8, y), f"{100 * p:.1f} %", ink, default_font(13))
    at = left + round(length * min_confidence)
    pen.line((at, top - 1, at, top + NON_DIGIT * step - 1), TEXT, 1)


def _notes(found: Ink, reading: Reading, min_confidence: float) -> str:
    notes = [*dict.fromkeys(reading.notes + found.notes)]
    if reading.digits:
        notes.append(f'rejected ("?") below the line at {100 * min_confidence:g} %')
    if (more := len(reading.digits) - MAX_CARDS) > 0:
        notes.append(f"{more} more digits are not shown")
    return "; ".join(notes)


def _part(picture: Picture, digit: Digit) -> Image.Image:
    """Return the picture inside the box, with a margin of a tenth."""
    left, top, right, bottom = digit.box
    margin = max(1, max(right - left, bottom - top) // 10)
    y, x = max(top - margin, 0), max(left - margin, 0)
    return Image.fromarray(picture.grey[y : bottom + margin, x : right + margin])


def _framed(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scale to fit, keeping the aspect ratio, and frame."""
    scale = min(size[0] / image.width, size[1] / image.height)
    return ImageOps.expand(scaled(image.convert("RGB"), scale), 1, RULE)
