"""Why a picture was read as it was: each step from it to the probabilities, on one sheet.

the picture -> its ink -> its marks; then for each mark
the piece of the picture -> 28 x 28 -> a bar for each digit and for "no digit"
"""

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from digitnn.data.dataset import NO_DIGIT
from digitnn.reader.drawing.boxes import colour_of, draw_boxes, font
from digitnn.reader.ink.ink import Ink, find_ink
from digitnn.reader.ink.normalise import LONGEST
from digitnn.reader.input.opening import Picture
from digitnn.reader.reader import Digit, Reading

TEXT, QUIET, RULE, BAR, EMPTY = "#1a1a1a", "#666666", "#d9d9d9", "#8c8c8c", "#f2f2f2"

MAX_MARKS = 60
"""Of longer pages the first so many are explained."""

MARGIN, GAP = 32, 24
WIDTH = 1128
"""Of what is between the margins."""

PANEL = (358, 300)
"""Most width and height of each of the three pictures at the top, side by side."""

WIDE = (WIDTH - 2, 200)
"""The same of pictures more than four times as wide as high, one below the other."""

COLUMNS, CARD = 2, (552, 236)
"""A mark has a card, so many of them side by side, so wide and high."""

SIDE = 112
"""Of a mark's piece and of its image: four pixels for each of the 28."""


def explain(picture: Picture, reading: Reading, min_confidence: float) -> Image.Image:
    """The sheet. min_confidence: where a bar has to reach for its digit to be read."""
    shown = reading.digits[:MAX_MARKS]
    found = find_ink(picture.grey, LONGEST)
    panels = _panels(picture, found, reading)
    notes = _wrapped(_notes(found, reading, min_confidence))
    cards = panels.height + GAP
    ending = cards + -(-len(shown) // COLUMNS) * (CARD[1] + GAP)
    sheet = Image.new("RGB", (WIDTH + 2 * MARGIN, 150 + ending + len(notes) * 24), "white")
    pen = ImageDraw.Draw(sheet)
    _title(pen, picture, reading)
    sheet.paste(panels, (MARGIN, 120))
    for number, digit in enumerate(shown):
        row, column = divmod(number, COLUMNS)
        card = _card(number + 1, digit, picture, min_confidence)
        place = (MARGIN + column * (CARD[0] + GAP), 120 + cards + row * (CARD[1] + GAP))
        sheet.paste(card, place)
    for line, text in enumerate(notes):
        pen.text((MARGIN, 120 + ending + line * 24), text, QUIET, font(16))
    return sheet


def _title(pen: ImageDraw.ImageDraw, picture: Picture, reading: Reading) -> None:
    text = " / ".join(reading.text.split("\n")) if reading.digits else "no digits"
    pen.text((MARGIN, 24), text if len(text) <= 40 else text[:37] + "...", TEXT, font(40))
    height, width = picture.grey.shape
    name = picture.name if len(picture.name) <= 100 else "..." + picture.name[-97:]
    pen.text((MARGIN, 78), f"{name}, {width} x {height} pixels", QUIET, font(16))


def _panels(picture: Picture, found: Ink, reading: Reading) -> Image.Image:
    """The picture, its ink, its marks."""
    ink = np.rint(255 * (1 - found.ink)).astype(np.uint8)
    height, width = picture.grey.shape
    wide = width > 4 * height
    size = WIDE if wide else PANEL
    panels = (
        ("1  the picture, upright, in grey", Image.fromarray(picture.grey)),
        ("2  its ink, on paper made even", Image.fromarray(ink)),
        ("3  its marks, as they were read", draw_boxes(picture, reading, size)),
    )
    fitted = [_framed(_fitted(image, size)) for _, image in panels]
    step = 30 + max(image.height for image in fitted) + (GAP if wide else 0)
    drawn = Image.new("RGB", (WIDTH, 3 * step - GAP if wide else step), "white")
    pen = ImageDraw.Draw(drawn)
    for number, ((title, _), image) in enumerate(zip(panels, fitted, strict=True)):
        x, y = (0, number * step) if wide else (number * (PANEL[0] + 2 + GAP), 0)
        pen.text((x, y), title, TEXT, font(18))
        drawn.paste(image, (x, y + 30))
    return drawn


def _card(number: int, digit: Digit, picture: Picture, min_confidence: float) -> Image.Image:
    """One mark: the piece of the picture, what the network saw of it, what it made of that."""
    card = Image.new("RGB", CARD, "white")
    pen = ImageDraw.Draw(card)
    pen.rectangle((0, 0, CARD[0] - 1, CARD[1] - 1), None, RULE)
    pen.rectangle((0, 0, 5, CARD[1] - 1), colour_of(digit))
    pen.text((20, 12), f"{number}.  {_verdict(digit)}", colour_of(digit), font(20))
    seen = Image.fromarray(digit.image).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    piece = _fitted(_piece(picture, digit), (SIDE, SIDE))
    for left, image, caption in ((20, piece, "in the picture"), (152, seen, "to the network")):
        card.paste(_framed(image), (left, 62))
        pen.text((left, 68 + SIDE), caption, QUIET, font(14))
    _bars(pen, digit, min_confidence)
    return card


def _bars(pen: ImageDraw.ImageDraw, digit: Digit, min_confidence: float) -> None:
    """A bar for each probability; a line where it has to reach to be read."""
    left, top, length, step = 334, 50, 150, 15
    names = [*map(str, range(NO_DIGIT)), "none"]
    for row, (name, p) in enumerate(zip(names, digit.probabilities.tolist(), strict=True)):
        y = top + row * step + (6 if row == NO_DIGIT else 0)
        chosen = row == digit.probabilities.argmax()
        ink = TEXT if chosen else QUIET
        pen.text((left - 8, y), name, ink, font(13), anchor="ra")
        pen.rectangle((left, y + 2, left + length, y + 11), EMPTY)
        if width := round(length * p):
            bar = colour_of(digit) if chosen else BAR
            pen.rectangle((left, y + 2, left + width, y + 11), bar)
        if p >= 0.001:
            pen.text((left + length + 8, y), f"{100 * p:.1f} %", ink, font(13))
    at = left + round(length * min_confidence)
    pen.line((at, top - 1, at, top + NO_DIGIT * step - 1), TEXT, 1)


def _verdict(digit: Digit) -> str:
    share = f"{100 * digit.confidence:.1f} %"
    if digit.digit is not None:
        return f"read as {digit.digit}, {share}"
    if (nothing := float(digit.probabilities[NO_DIGIT])) > digit.confidence:
        return f'"?": no digit, {100 * nothing:.1f} %'
    return f'"?": not clear, {digit.likeliest} has {share}'


def _notes(found: Ink, reading: Reading, min_confidence: float) -> str:
    notes = [*dict.fromkeys(reading.notes + found.notes)]
    if reading.digits:
        notes.append(f'bars that end left of the line, at {100 * min_confidence:g} %, are "?"')
    if (more := len(reading.digits) - MAX_MARKS) > 0:
        notes.append(f"{more} more marks are not shown")
    return "; ".join(notes)


def _piece(picture: Picture, digit: Digit) -> Image.Image:
    """The box with a tenth of paper around it."""
    left, top, right, bottom = digit.box
    margin = max(1, max(right - left, bottom - top) // 10)
    above, before = max(top - margin, 0), max(left - margin, 0)
    piece = picture.grey[above : bottom + margin, before : right + margin]
    return Image.fromarray(np.ascontiguousarray(piece))


def _fitted(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scaled to fit, in proportion; what is enlarged keeps its pixels visible."""
    enlarged = image.width <= size[0] and image.height <= size[1]
    how = Image.Resampling.NEAREST if enlarged else Image.Resampling.BOX
    return ImageOps.contain(image.convert("RGB"), size, how)


def _framed(image: Image.Image) -> Image.Image:
    return ImageOps.expand(image.convert("RGB"), 1, RULE)


def _wrapped(text: str) -> list[str]:
    """Lines that fit between the margins."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font(16).getlength(longer) > WIDTH:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines
