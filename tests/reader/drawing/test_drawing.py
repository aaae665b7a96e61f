"""The drawings of --boxes and --explain: colours, boxes, labels and bars."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from pictures import five
from PIL import Image, ImageColor

from digitnn.reader.drawing.boxes import (
    ACCEPTED_COLOUR,
    MAX_DRAWING_SIDE,
    MIN_DRAWING_SIDE,
    REJECTED_COLOUR,
    UNSURE_COLOUR,
    draw_boxes,
)
from digitnn.reader.drawing.explanation import MAX_CARDS, explain
from digitnn.reader.input.opening import Picture
from digitnn.reader.reader import Digit, Reading

RGB = {name: ImageColor.getrgb(name) for name in (ACCEPTED_COLOUR, UNSURE_COLOUR, REJECTED_COLOUR)}


def a_digit(digit: int | None, confidence: float, box=(30, 30, 50, 60)) -> Digit:
    p = np.zeros(11, np.float32)
    p[[digit or 0, 10]] = confidence, 1 - confidence
    return Digit(digit, confidence, box, five(28), p)


def picture(width: int = 200, height: int = 100) -> Picture:
    return Picture(np.full((height, width), 240, np.uint8), "page.png")


def pixels(drawing: Image.Image, colour: str) -> np.ndarray:
    """Where `drawing` has that colour."""
    return np.argwhere((np.asarray(drawing) == RGB[colour]).all(axis=2))


@pytest.mark.parametrize(
    ("digit", "confidence", "colour"),
    [
        (7, 0.99, ACCEPTED_COLOUR),
        (7, 0.8, ACCEPTED_COLOUR),
        (7, 0.79, UNSURE_COLOUR),
        (None, 0.3, REJECTED_COLOUR),
    ],
)
def test_the_colour_shows_accepted_unsure_and_rejected_digits(digit, confidence, colour):
    drawing = draw_boxes(picture(), Reading("", (a_digit(digit, confidence),)))
    assert len(pixels(drawing, colour)) > 200
    for other in {ACCEPTED_COLOUR, UNSURE_COLOUR, REJECTED_COLOUR} - {colour}:
        assert not len(pixels(drawing, other))


def test_a_box_surrounds_its_digit_without_covering_it():
    grey = np.full((100, 200), 240, np.uint8)
    grey[30:60, 30:50] = 17
    drawing = np.asarray(draw_boxes(Picture(grey, "a"), Reading("7", (a_digit(7, 0.9),))))
    scale = 3
    assert drawing.shape == (100 * scale, 200 * scale, 3)
    ink = (drawing == 17).all(axis=2)
    assert_array_equal(np.argwhere(ink).min(axis=0), [30 * scale, 30 * scale])
    assert ink.sum() == 30 * 20 * scale**2
    assert_array_equal(drawing[45 * scale, 30 * scale - 1], RGB[ACCEPTED_COLOUR])
    assert_array_equal(drawing[45 * scale, 50 * scale], RGB[ACCEPTED_COLOUR])


def test_a_margin_is_added_where_labels_have_no_room():
    edge = draw_boxes(picture(), Reading("7", (a_digit(7, 0.9, (0, 0, 20, 30)),)))
    inside = draw_boxes(picture(), Reading("7", (a_digit(7, 0.9, (80, 35, 100, 65)),)))
    assert inside.size == (600, 300)
    assert edge.width > 600
    assert edge.height > 300
    assert pixels(edge, ACCEPTED_COLOUR).min() > 0


@pytest.mark.parametrize("side", [8, 28, 100, 1000, 5000])
def test_drawings_are_neither_tiny_nor_huge(side):
    page = picture(side, side)
    for digits in ((), (a_digit(3, 0.9, (2, 2, 6, 7)),)):
        assert (
            MIN_DRAWING_SIDE * 0.7
            <= max(draw_boxes(page, Reading("3", digits)).size)
            <= MAX_DRAWING_SIDE * 1.1
        )


def test_a_drawing_fits_the_given_size():
    assert draw_boxes(picture(), Reading("", ()), (50, 50)).size == (50, 25)


def bar_lengths(sheet: Image.Image, colour: str) -> int:
    """Return the most pixels of `colour` in a row, to the right of the digit's pictures."""
    where = pixels(sheet.crop((32 + 300, 0, 32 + 552, sheet.height)), colour)
    return int(np.unique(where[:, 0], return_counts=True)[1].max())


def test_bars_are_as_long_as_the_probabilities():
    lengths = [
        bar_lengths(explain(picture(), Reading("7", (a_digit(7, p),)), 0.5), ACCEPTED_COLOUR)
        for p in (1.0, 0.8)
    ]
    assert lengths[0] / lengths[1] == pytest.approx(1 / 0.8, abs=0.03)


def test_the_input_of_the_network_is_shown_unchanged():
    digit = a_digit(5, 0.9)
    sheet = np.asarray(explain(picture(), Reading("5", (digit,)), 0.5).convert("L"))
    seen = np.kron(digit.image, np.ones((4, 4), np.uint8))
    shown = np.lib.stride_tricks.sliding_window_view(sheet[:, 32:400], seen.shape)
    corner = shown[:, :, 0, 0] == seen[0, 0]
    candidates = np.argwhere(corner & (shown[:, :, 56, 56] == seen[56, 56]))
    assert any(np.array_equal(shown[y, x], seen) for y, x in candidates)


@pytest.mark.parametrize("n", [0, 1, 3, MAX_CARDS + 5])
def test_the_sheet_grows_with_the_number_of_digits(n):
    digits = tuple(a_digit(k % 10 or None, 0.9) for k in range(n))
    notes = tuple(f"pixels from -{k}.42421 to 2.8215 scaled to 0..255" for k in range(9))
    sheet = explain(picture(500, 100), Reading("7" * n, digits, notes), 0.5)
    assert sheet.width == 1192
    assert (np.asarray(sheet)[:, -32:] == 255).all()
    rows = -(-min(n, MAX_CARDS) // 2)
    assert sheet.height >= 800 + 236 * rows
    assert sheet.height < 1100 + 270 * rows


@pytest.mark.parametrize("shape", [(5, 5), (5, 2000), (2000, 5), (5, 60_000), (60_000, 5)])
def test_very_wide_and_very_high_pictures_are_drawn(shape):
    height, width = shape
    reading = Reading("?", (a_digit(None, 0.2, (0, 0, width, height)),), ("a note",))
    page = Picture(np.zeros(shape, np.uint8), "x" * 300)
    assert min(draw_boxes(page, reading).size) > 0
    assert explain(page, reading, 0.5).width == 1192
