"""Reading of pages: words of digits, quarter turns."""

from dataclasses import dataclass

import numpy as np
import pytest
from handwriting import write
from numpy.testing import assert_allclose
from page_glyphs import DarkBoxes, always, detections, typed, undecided

from digitnn.reader.digit_classifier import load_image_classifier
from digitnn.reader.glyphs import Glyph, Line
from digitnn.reader.ink.components import find_components
from digitnn.reader.page import reading
from digitnn.reader.page.network import PageNetwork
from digitnn.reader.page.reading import (
    MIN_GAIN,
    MIN_SURE,
    SURELY_LETTER,
    Page,
    read_page,
    read_upright,
)
from digitnn.reader.page.second_look import PageNetworks, shipped_page_networks

NETWORKS = PageNetworks(PageNetwork({}), undecided)
"""Where the search for glyphs is replaced, nobody asks the page network."""


def paper(h: int, w: int) -> np.ndarray:
    return np.full((h, w), 255, np.uint8)


def unsure(images):
    """A classifier that knows nothing, so that the page network decides."""
    return np.full((len(images), 11), 1 / 11, np.float32)


def text_of(lines) -> str:
    """Return the most likely characters; "?" for letters."""
    rows = []
    for line in lines:
        row = ""
        for glyph, space in zip(line.glyphs, line.spaces, strict=True):
            digit = int(glyph.probabilities.argmax())
            row += (" " if space else "") + (glyph.symbol or (str(digit) if digit < 10 else "?"))
        rows.append(row)
    return "\n".join(rows)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2045 736\n91", "2045 736\n91"),
        ("40.5", "40.5"),
        ("1:30 -5 3/4 7,2 5-", "1:30 -5 3/4 7,2 5-"),
        ("12. 34, 5: 6", "12 34 5 6"),
        ("12.,:", "12"),
        (". , 7", "7"),
        ("..5", "..5"),
        ("room 12 and 34", "12 34"),
        ("abc\n12\nde", "12"),
        ("4b", "4?"),
        ("4bc 5", "5"),
        ("c2d4", "?2?4"),
        ("c.2,de", ""),
        ("-", ""),
        ("", ""),
    ],
)
def test_words_of_more_letters_than_digits_and_points_at_their_ends_are_left_out(
    written, read, monkeypatch
):
    monkeypatch.setattr(reading, "find_glyphs", lambda grey, network: typed(written))
    lines = read_upright(paper(300, 900), NETWORKS, unsure).lines
    assert text_of(lines) == read
    assert all(line.glyphs for line in lines)


@pytest.mark.parametrize(("digit", "count"), [(0.9, 1), (0.1, 2)])
def test_a_rejected_bar_far_taller_than_the_digits_joins_no_lines(digit, count, monkeypatch):
    """Two lines of two digits, and a bar as tall as both: a digit, or not."""
    row, unlikely = always(7, 0.9)([0])[0], always(1, digit)([0])[0]
    boxes = [(x, y, x + 20, y + 30) for y in (10, 60) for x in (40, 70)]
    glyphs = [Glyph(np.zeros((28, 28), np.uint8), box, row) for box in boxes]
    glyphs.append(Glyph(np.zeros((28, 28), np.uint8), (5, 5, 15, 95), unlikely))
    monkeypatch.setattr(reading, "find_glyphs", lambda *_: detections())
    monkeypatch.setattr(reading, "classify_glyphs", lambda *_: glyphs)
    lines = read_upright(paper(100, 120), NETWORKS, unsure).lines
    assert len(lines) == count
    assert sum(len(line.glyphs) for line in lines) == (5 if digit > 0.5 else 4)


@pytest.mark.parametrize(
    ("non_digit", "kept"), [(SURELY_LETTER - 0.01, 3), (SURELY_LETTER + 0.01, 0)]
)
def test_a_doubtful_glyph_is_not_counted_as_a_letter(non_digit, kept, monkeypatch):
    """A word of a letter and two such glyphs is a number, with two "?"."""
    rows = always(7, 0.0)([0]), always(7, 1 - non_digit)([0]), always(7, 1 - non_digit)([0])
    boxes = [(20 + 30 * n, 10, 40 + 30 * n, 40) for n in range(3)]
    glyphs = [
        Glyph(np.zeros((28, 28), np.uint8), box, row[0])
        for box, row in zip(boxes, rows, strict=True)
    ]
    monkeypatch.setattr(reading, "find_glyphs", lambda *_: detections())
    monkeypatch.setattr(reading, "classify_glyphs", lambda *_: glyphs)
    lines = read_upright(paper(60, 120), NETWORKS, unsure).lines
    assert sum(len(line.glyphs) for line in lines) == kept


@dataclass
class Turned:
    """Reads the dark rectangles of a page as sevens, with confidence `best` if it is upright.

    A page is upright with its light grey pixel at the top left; otherwise the confidence is `poor`,
    and below 0.5 nothing is read.
    """

    best: float
    poor: float
    asked: int = 0

    def __call__(self, grey, network, classify):
        self.asked += 1
        p = self.best if grey[0, 0] == 200 else self.poor
        row, image = always(7, p)([0])[0], np.zeros((28, 28), np.uint8)
        glyphs = tuple(Glyph(image, box, row) for box in dark_boxes(grey))
        return Page((Line(glyphs, (False,) * len(glyphs)),) if p >= 0.5 else ())


def dark_boxes(grey: np.ndarray):
    return [tuple(map(int, box)) for box in find_components(grey < 100).boxes]


def marked_page(digits: int = 2) -> np.ndarray:
    grey = paper(90, 140)
    grey[0, 0] = 200
    for n in range(digits):
        grey[20:50, 60 + 30 * n : 72 + 30 * n] = 0
    return grey


@pytest.mark.parametrize("quarters", [1, 2, 3])
@pytest.mark.parametrize("poor", [0.6, 0.0])
def test_a_turned_page_is_read_upright_with_boxes_where_its_glyphs_are(poor, quarters, monkeypatch):
    monkeypatch.setattr(reading, "read_upright", Turned(0.95, poor))
    turned = np.rot90(marked_page(), -quarters)
    page = read_page(turned, NETWORKS, unsure)
    (line,) = page.lines
    assert page.quarters == quarters
    assert {glyph.box for glyph in line.glyphs} == set(dark_boxes(turned))
    for glyph in line.glyphs:
        assert glyph.confidence == pytest.approx(0.95)
        assert all(type(edge) is int for edge in glyph.box)


def test_a_page_that_may_not_be_turned_is_read_as_it_lies(monkeypatch):
    read = Turned(0.95, 0.6)
    monkeypatch.setattr(reading, "read_upright", read)
    turned = np.rot90(marked_page())
    page = read_page(turned, NETWORKS, unsure, rotate=False)
    (line,) = page.lines
    assert (page.quarters, read.asked) == (0, 1)
    assert [glyph.box for glyph in line.glyphs] == dark_boxes(turned)


@pytest.mark.parametrize(
    ("digits", "best", "poor", "asked"),
    [
        (2, 1.0, MIN_SURE + 0.01, 1),  # it reads well enough as it lies
        (2, 0.5 + MIN_GAIN * 0.38 - 0.01, 0.88, 4),  # it reads little better on its side
        (3, MIN_SURE - 0.01, 0.6, 4),  # it reads badly on its side, too
        (1, 1.0, 0.6, 1),  # one digit is no evidence
        (1, 1.0, 0.0, 4),
    ],
)
def test_a_page_is_turned_if_it_reads_badly_and_well_then(digits, best, poor, asked, monkeypatch):
    read = Turned(best, poor)
    monkeypatch.setattr(reading, "read_upright", read)
    assert read_page(np.rot90(marked_page(digits)), NETWORKS, unsure).quarters == 0
    assert read.asked == asked


@pytest.mark.parametrize(("best", "turned"), [(0.985, 2), (0.96, 0)])
def test_a_page_is_turned_for_a_quarter_more_evidence(best, turned, monkeypatch):
    """Upside down 2 p - 1 is 0.76: upright it must be more than 0.95."""
    monkeypatch.setattr(reading, "read_upright", Turned(best, 0.88))
    assert read_page(np.rot90(marked_page(), 2), NETWORKS, unsure).quarters == turned


def test_symbols_do_not_make_a_page_read_badly(monkeypatch):
    """No symbol is a digit with this confidence, and all digits are."""
    monkeypatch.setattr(reading, "MIN_SURE", 0.8)
    asked = []

    def search(grey, network):
        asked.append(grey.shape)
        return typed("4.5/6")

    monkeypatch.setattr(reading, "find_glyphs", search)
    page = read_page(paper(90, 200), NETWORKS, unsure)
    assert (text_of(page.lines), page.quarters, len(asked)) == ("4.5/6", 0, 1)


@pytest.mark.parametrize("rotate", [True, False])
def test_an_empty_page_has_no_lines(rotate):
    networks = PageNetworks(DarkBoxes(), undecided)
    assert read_page(paper(50, 80), networks, unsure, rotate) == Page(())


def test_the_shipped_networks_read_a_page_upside_down():
    page = write("2045 736\n91 8630")
    found = read_page(np.rot90(page.grey, 2), shipped_page_networks(), load_image_classifier())
    lines = found.lines
    assert (text_of(lines), found.quarters) == ("2045 736\n91 8630", 2)
    h, w = page.grey.shape
    boxes = np.array([glyph.box for line in lines for glyph in line.glyphs])
    upright = np.stack([w - boxes[:, 2], h - boxes[:, 3], w - boxes[:, 0], h - boxes[:, 1]], axis=1)
    assert_allclose(upright, page.boxes, atol=10)
