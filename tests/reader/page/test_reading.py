"""Reading of pages: the ink of a box, two networks in one, words of digits, quarter turns."""

from dataclasses import dataclass

import numpy as np
import pytest
from handwriting import write
from numpy.testing import assert_allclose, assert_array_equal
from page_glyphs import DarkBoxes, always, detections, row_of, typed
from pictures import five, picture

from digitnn.reader.digit_classifier import load_image_classifier
from digitnn.reader.glyphs import Glyph, Line
from digitnn.reader.ink.components import find_components
from digitnn.reader.ink.normalise import normalise
from digitnn.reader.page import reading
from digitnn.reader.page.network import OTHER, PageNetwork, shipped_page_network
from digitnn.reader.page.reading import (
    DIGIT_WEIGHTS,
    EXISTENCE_BIAS,
    EXISTENCE_WEIGHTS,
    MIN_GAIN,
    MIN_SCORE,
    MIN_SURE,
    SURELY_LETTER,
    classify_glyphs,
    combine,
    glyph_image,
    read_lines,
    read_page,
)

NO_NETWORK = PageNetwork({})
"""Where the search for glyphs is replaced, nobody asks the network."""


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


def test_the_ink_of_a_box_is_normalised_like_a_single_digit():
    grey = paper(200, 260)
    grey[50:130, 80:160] = five(80)
    box = np.array([80 + 23, 50 + 11, 80 + 58, 50 + 67], np.float32)
    image = glyph_image(grey, box)
    assert_array_equal(image, normalise(picture(five(80))).image)
    assert_array_equal(glyph_image(255 - grey, box), image)


@pytest.mark.parametrize("ink", [0, 140])
def test_ink_of_neighbours_is_left_out(ink):
    alone = paper(200, 300)
    alone[50:150, 100:200] = five(100)
    box = np.array([129, 64, 172, 134], np.float32)
    crowded = alone.copy()
    crowded[50:150, 50:126] = five(100, ink=ink)[:, :76]
    crowded[60:140, 176:182] = ink
    crowded[138:142, 100:176] = ink
    assert_array_equal(glyph_image(crowded, box), glyph_image(alone, box))


def test_a_box_without_ink_gives_a_blank_image():
    grey = paper(60, 90)
    grey[:, 80:] = 0
    for box in ([10, 10, 30, 40], [-50, -60, -20, -30], [200, 10, 230, 40], [20, 20, 20, 20]):
        assert_array_equal(glyph_image(grey, np.array(box, np.float32)), np.zeros((28, 28)))


def test_a_glyph_of_megapixels_is_reduced_in_place():
    grey = paper(2000, 2400)
    grey[100:1900, 300:2100] = five(1800)
    image = glyph_image(grey, np.array([300 + 522, 100 + 250, 300 + 1296, 100 + 1512], np.float32))
    expected = normalise(picture(five(1800))).image
    assert np.abs(image.astype(int) - expected).mean() < 8  # of 255; reduced from another corner


def logit(p: float) -> float:
    return float(np.log(p) - np.log(1 - p))


def test_what_both_networks_say_is_weighed(rng):
    """By hand, but for the least probability, which moves these by 1 % of themselves at most.

    Symbols, shapes and glyphs that may be none are no digits for the page network.
    """
    found = detections(((0, 0, 20, 30), 0.8, "3"))
    found.characters[0] = 0.02
    found.characters[0, [3, 12, 15]] = 0.5, 0.1, 0.14
    alone = np.full((1, 11), 0.01, np.float32)
    alone[0, [3, 10]] = 0.6, 0.31
    first, second = DIGIT_WEIGHTS
    digits = np.full(10, 0.02**first * 0.01**second)
    digits[3] = 0.5**first * 0.6**second
    evidence = [logit(0.8), logit(0.5 + 9 * 0.02), logit(1 - 0.31)]
    exists = 1 / (1 + np.exp(-np.dot(EXISTENCE_WEIGHTS, evidence) - EXISTENCE_BIAS))
    expected = [*(exists * digits / digits.sum()), 1 - exists]
    assert_allclose(combine(found, alone)[0], expected, rtol=0.02)


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_probabilities_are_finite_and_sum_to_one_whatever_the_networks_say(score):
    """Also where they exclude each other."""
    found = detections(*[((0, 0, 20, 30), score, "3")] * 11)
    for characters in (np.eye(16)[3], np.eye(16)[OTHER], np.full(16, 1 / 16)):
        found.characters[:] = characters
        both = combine(found, np.eye(11, dtype=np.float32))
        assert both.dtype == np.float32
        assert (both >= 0).all()
        assert_allclose(both.sum(axis=1), 1, rtol=1e-5)


def test_the_surer_a_network_is_the_surer_are_both():
    def both(score=0.9, p=0.9, alone=0.9):
        found = detections(((0, 0, 20, 30), score, "3"))
        found.characters[:] = row_of("3", p)
        return combine(found, always(3, alone)(found.boxes))[0, 3]

    assert both(score=0.6) < both()
    assert both(p=0.6) < both()
    assert both(alone=0.6) < both()


def test_glyphs_below_the_threshold_are_not_classified():
    seen = []

    def counting(images):
        seen.append(len(images))
        return always(1, 0.9)(images)

    found = detections(
        ((0, 0, 20, 30), MIN_SCORE + 0.01, "1"),
        ((30, 0, 50, 30), MIN_SCORE - 0.01, "2"),
        ((0, 40, 4, 44), MIN_SCORE + 0.01, "."),
        ((9, 40, 13, 44), MIN_SCORE - 0.01, "."),
    )
    glyphs = classify_glyphs(paper(60, 60), found, counting)
    assert [glyph.box for glyph in glyphs] == [(0, 0, 20, 30), (0, 40, 4, 44)]
    assert classify_glyphs(paper(60, 60), detections(), counting) == []
    assert seen == [2]


def test_boxes_are_whole_pixels_inside_the_picture():
    found = detections(
        ((-3.2, -0.5, 20.1, 30.9), 0.9, "1"), ((55.5, 57.7, 70.0, 90.0), 0.9, "."),
        ((80.0, 10.0, 90.0, 20.0), 0.9, "x"),
    )  # fmt: skip
    glyphs = classify_glyphs(paper(58, 60), found, unsure)
    assert [glyph.box for glyph in glyphs] == [(0, 0, 21, 31), (55, 57, 60, 58), (59, 10, 60, 20)]
    assert [glyph.symbol for glyph in glyphs] == ["", ".", ""]


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
    lines = read_lines(paper(300, 900), NO_NETWORK, unsure)
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
    lines = read_lines(paper(100, 120), NO_NETWORK, unsure)
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
    lines = read_lines(paper(60, 120), NO_NETWORK, unsure)
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
        return (Line(glyphs, (False,) * len(glyphs)),) if p >= 0.5 else ()


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
    monkeypatch.setattr(reading, "read_lines", Turned(0.95, poor))
    turned = np.rot90(marked_page(), -quarters)
    (line,), found = read_page(turned, NO_NETWORK, unsure)
    assert found == quarters
    assert {glyph.box for glyph in line.glyphs} == set(dark_boxes(turned))
    for glyph in line.glyphs:
        assert glyph.confidence == pytest.approx(0.95)
        assert all(type(edge) is int for edge in glyph.box)


def test_a_page_that_may_not_be_turned_is_read_as_it_lies(monkeypatch):
    read = Turned(0.95, 0.6)
    monkeypatch.setattr(reading, "read_lines", read)
    turned = np.rot90(marked_page())
    (line,), found = read_page(turned, NO_NETWORK, unsure, rotate=False)
    assert (found, read.asked) == (0, 1)
    assert [glyph.box for glyph in line.glyphs] == dark_boxes(turned)


@pytest.mark.parametrize(
    ("digits", "best", "poor", "asked"),
    [
        (2, 1.0, MIN_SURE + 0.01, 1),  # it reads well enough as it lies
        (2, MIN_GAIN * 0.75 - 0.01, 0.75, 4),  # it reads little better on its side
        (3, MIN_SURE - 0.01, 0.6, 4),  # it reads badly on its side, too
        (1, 1.0, 0.6, 1),  # one digit is no evidence
        (1, 1.0, 0.0, 4),
    ],
)
def test_a_page_is_turned_if_it_reads_badly_and_well_then(digits, best, poor, asked, monkeypatch):
    read = Turned(best, poor)
    monkeypatch.setattr(reading, "read_lines", read)
    assert read_page(np.rot90(marked_page(digits)), NO_NETWORK, unsure)[1] == 0
    assert read.asked == asked


def test_symbols_do_not_make_a_page_read_badly(monkeypatch):
    asked = []

    def search(grey, network):
        asked.append(grey.shape)
        return typed("4.5/6")

    monkeypatch.setattr(reading, "find_glyphs", search)
    lines, quarters = read_page(paper(90, 200), NO_NETWORK, unsure)
    assert (text_of(lines), quarters, len(asked)) == ("4.5/6", 0, 1)


@pytest.mark.parametrize("rotate", [True, False])
def test_an_empty_page_has_no_lines(rotate):
    assert read_page(paper(50, 80), DarkBoxes(), unsure, rotate) == ((), 0)


def test_the_shipped_networks_read_a_page_upside_down():
    page = write("2045 736\n91 8630")
    lines, quarters = read_page(
        np.rot90(page.grey, 2), shipped_page_network(), load_image_classifier()
    )
    assert (text_of(lines), quarters) == ("2045 736\n91 8630", 2)
    h, w = page.grey.shape
    boxes = np.array([glyph.box for line in lines for glyph in line.glyphs])
    upright = np.stack([w - boxes[:, 2], h - boxes[:, 3], w - boxes[:, 0], h - boxes[:, 1]], axis=1)
    assert_allclose(upright, page.boxes, atol=10)
