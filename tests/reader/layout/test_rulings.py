"""Long straight strokes are found and erased; strokes that cross them stay whole."""

import numpy as np
import pytest
from bars_and_rings import page, write
from numpy.testing import assert_allclose

from digitnn.reader.layout.rulings import remove_rulings
from digitnn.reader.layout.straight_lines import find_level_strokes, run_lengths


def ink_of(image):
    return (1 - np.asarray(image, np.float32) / 255).astype(np.float32)


def test_run_lengths_are_measured_along_columns():
    ink = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1]], bool)
    assert run_lengths(ink).tolist() == [[2, 0, 1], [2, 2, 0], [0, 2, 1]]


@pytest.mark.parametrize("slope", [0.0, 0.03, -0.08])
def test_a_sloped_broken_line_is_one_stroke(slope):
    image, pen = page(600, 200)
    for left in range(20, 580, 80):
        right = left + 76
        pen.line([(left, 100 + slope * left), (right, 100 + slope * right)], fill=0, width=2)
    (stroke,) = find_level_strokes(ink_of(image) > 0.5, 40)
    assert_allclose([stroke.start, stroke.stop], [20, 577], atol=4)
    assert stroke.slope == pytest.approx(slope, abs=0.005)
    assert stroke.thickness == pytest.approx(2, abs=1)


def test_digits_have_no_long_strokes():
    image, pen = page(400, 100)
    write(pen, "0 8 0 8", 20, 30)
    assert find_level_strokes(ink_of(image) > 0.5, 40) == []


def test_a_ruling_is_erased_but_crossing_strokes_stay_whole():
    image, pen = page(400, 120)
    write(pen, "01801", 40, 40)
    clean = ink_of(image)
    pen.line([(0, 70), (400, 72)], fill=60, width=2)
    rest = remove_rulings(ink_of(image))
    assert rest[clean > 0.5].min() > 0.5
    assert (rest[clean == 0] > 0).mean() < 0.005


def test_paper_without_rulings_is_the_same_array():
    image, pen = page(400, 120)
    write(pen, "0180", 40, 40)
    ink = ink_of(image)
    assert remove_rulings(ink) is ink


def test_a_comb_is_erased_but_a_1_on_its_line_stays():
    image, pen = page(500, 120)
    pen.rectangle([20, 90, 480, 91], fill=0)
    for x in range(20, 490, 92):
        pen.rectangle([x, 70, x + 1, 91], fill=0)
    empty = np.asarray(image).copy()
    for number, digit in enumerate("01801"):
        write(pen, digit, 50 + 92 * number, 40)
    rest = remove_rulings(ink_of(image))
    assert rest[(np.asarray(image) == 0) & (empty == 255)].min() > 0.5
    assert rest[60:88, 18:48].max() == 0


def test_strokes_without_other_ink_are_not_rulings():
    ink = np.zeros((60, 200), np.float32)
    ink[:, 50:54] = ink[:, 100:104] = 1
    assert remove_rulings(ink) is ink
