"""Segmentation of pages into lines of glyphs; bars and rings stand for digits."""

import numpy as np
import pytest
from bars_and_rings import classify, page, picture, text_of, write
from numpy.testing import assert_allclose
from pictures import five
from PIL import Image

from digitnn.reader.ink.normalise import normalise
from digitnn.reader.layout.lines import MAX_COMPONENTS
from digitnn.reader.page import find_wide_gaps, segment


def read(image):
    return text_of(segment(picture(image), classify))


@pytest.fixture
def two_lines():
    image, pen = page(500, 220)
    write(pen, "0181 10", 30, 40)
    write(pen, "80 018", 40, 130)
    return image


def test_lines_are_read_from_the_top_digits_from_the_left_and_wide_gaps_are_spaces(two_lines):
    assert read(two_lines) == "0181 10\n80 018"


def test_light_ink_on_dark_paper_reads_the_same(two_lines):
    assert read(255 - np.asarray(two_lines)) == "0181 10\n80 018"


@pytest.mark.parametrize("degrees", [-8, 5, 10])
def test_lines_may_slope(degrees):
    image, pen = page(700, 200)
    write(pen, "0080880080", 40, 30)
    write(pen, "8000080080", 40, 110)
    rotated = image.rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=255)
    assert read(rotated) == "0080880080\n8000080080"


def test_digits_of_different_sizes_form_separate_lines():
    image, pen = page(500, 300)
    write(pen, "01801", 30, 30, high=100)
    write(pen, "8101", 30, 200, high=30)
    assert read(image) == "01801\n8101"


def test_specks_are_ignored(two_lines, rng):
    grey = np.array(two_lines)
    for y, x in rng.integers(0, [215, 495], size=(60, 2)):
        grey[y : y + 3, x : x + 3] = 0
    assert read(grey) == "0181 10\n80 018"


def test_thousands_of_dots_are_limited_to_max_components():
    grey = np.full((700, 700), 255, np.uint8)
    grey[::7, ::7] = 0  # 10,000, all alike
    lines = segment(picture(grey), lambda images: np.full((len(images), 11), 1 / 11, np.float32))
    assert 0 < sum(len(line.glyphs) for line in lines) <= MAX_COMPONENTS


def test_a_picture_without_ink_has_no_lines():
    assert segment(picture(np.full((50, 80), 255, np.uint8)), classify) == ()


def test_a_small_digit_on_a_large_page_is_as_sharp_as_a_crop():
    grey = np.full((2400, 4200), 255, np.uint8)
    grey[1000:1100, 3000:3100] = five(100)
    (line,) = segment(picture(grey), classify)
    (glyph,) = line.glyphs
    assert_allclose(glyph.box, [3029, 1014, 3072, 1084], atol=3)
    assert np.array_equal(glyph.image, normalise(picture(five(100))).image)


def test_a_glyph_is_normalised_like_a_single_digit():
    (line,) = segment(picture(five(200, pen=10)), classify)
    assert np.array_equal(line.glyphs[0].image, normalise(picture(five(200, pen=10))).image)


@pytest.mark.parametrize("overlap", [0, 1, 2])
@pytest.mark.parametrize("text", ["00", "01", "08"])
def test_digits_that_touch_are_cut_apart(text, overlap):
    image, pen = page(200, 100)
    x = 20
    for digit in text:
        after = write(pen, digit, x, 30)
        x = after - round(0.35 * 40) - overlap
    assert read(image) == text


def test_a_non_digit_stays_whole():
    image, pen = page(300, 100)
    write(pen, "0", 20, 30)
    pen.line([(80, 70), (95, 30), (105, 60), (120, 30), (130, 70)], fill=0, width=5)
    write(pen, "1", 160, 30)
    assert read(image) == "0?1"


def test_a_broken_digit_is_one_glyph():
    image, pen = page(300, 120)
    write(pen, "1011", 20, 30, high=60)
    pen.rectangle([40, 55, 100, 59], fill=255)  # through the 0, which makes two components
    (line,) = segment(picture(image), classify)
    assert len(line.glyphs) == 4
    assert line.glyphs[1].box[1] <= 32
    assert line.glyphs[1].box[3] >= 88


@pytest.mark.parametrize("tone", [0, 120])
@pytest.mark.parametrize("upright", [False, True])
def test_rulings_are_ignored(two_lines, upright, tone):
    grey = np.array(two_lines)
    for y in range(24, 220, 70):
        grey[y : y + 2] = np.minimum(grey[y : y + 2], tone)
    for x in range(10, 500, 70) if upright else ():
        grey[:, x : x + 2] = np.minimum(grey[:, x : x + 2], tone)
    assert read(grey) == "0181 10\n80 018"


def test_printed_boxes_are_ignored():
    image, pen = page(400, 120)
    for number, digit in enumerate("0181"):
        left = 30 + 90 * number
        pen.rectangle([left, 25, left + 70, 95], outline=0, width=2)
        write(pen, digit, left + 20, 40)
    assert read(image).replace(" ", "") == "0181"


def test_a_1_that_fills_its_picture_is_not_a_ruling():
    grey = np.full((16, 16), 255, np.uint8)
    grey[:, 7:9] = 0
    assert read(grey) == "1"


def test_a_page_is_classified_in_two_batches(two_lines):
    batches = []

    def counted(images):
        batches.append(len(images))
        return classify(images)

    segment(picture(two_lines), counted)
    assert len(batches) == 2
    assert min(batches) >= 11


@pytest.mark.parametrize(
    ("lefts", "expected"),
    [
        ([0, 30, 60, 140, 170], [0, 0, 0, 1, 0]),  # one gap is wider than the others
        ([0, 70, 140, 210], [0, 0, 0, 0]),  # all are wide: digits in boxes
        ([0, 100], [0, 1]),
        ([0, 30], [0, 0]),
        ([0], [0]),
    ],
)
def test_a_gap_much_wider_than_the_others_is_a_space(lefts, expected):
    boxes = [(left, 0, left + 20, 40) for left in lefts]
    assert find_wide_gaps([boxes], [40.0]) == [tuple(bool(space) for space in expected)]


def test_a_line_of_spaced_digits_is_compared_with_the_page():
    apart = [(left, 0, left + 20, 40) for left in (0, 80, 160, 240)]
    close = [(left, 50, left + 20, 90) for left in (0, 30, 60, 90, 120, 150)]
    assert find_wide_gaps([apart], [40.0]) == [(False, False, False, False)]
    assert find_wide_gaps([apart, close], [40.0, 40.0])[0] == (False, True, True, True)


def test_a_page_with_one_faint_digit_is_tried_as_a_single_digit():
    rng = np.random.default_rng(2)
    image, pen = page(28, 28)
    write(pen, "0", 8, 4, high=20)
    rough = np.asarray(image) / 255 * 40 + 120 + rng.normal(scale=9, size=(28, 28))
    grey = np.clip(rough, 0, 255).astype(np.uint8)
    assert text_of(segment(picture(grey), classify)) == "0"
