"""Single digits with parts of neighbours or a printed form around them."""

import numpy as np
import pytest
from bars_and_rings import classify, page, picture, write

from digitnn.reader.ink.ink import find_ink, remove_light_gradient
from digitnn.reader.ink.normalise import normalise
from digitnn.reader.single_digit import apply_weight, digit_masks, find_single_digit


def answer(image):
    glyph = find_single_digit(picture(image), classify)
    return None if glyph is None else int(glyph.probabilities.argmax())


def test_the_digit_of_normalise_wins_if_it_is_confident():
    image, pen = page(100, 100)
    write(pen, "8", 40, 30)
    glyph = find_single_digit(picture(image), classify)
    found = normalise(picture(image))
    assert np.array_equal(glyph.image, found.image)
    assert glyph.box == found.box
    assert glyph.probabilities.argmax() == 8


def test_a_picture_without_ink_has_no_digit():
    assert find_single_digit(picture(np.full((28, 28), 200, np.uint8)), classify) is None


def test_a_digit_in_a_printed_box_is_read():
    image, pen = page(100, 110)
    write(pen, "8", 35, 35)
    for start, stop in (((0, 15), (100, 15)), ((0, 95), (100, 95))):
        pen.line([start, stop], fill=90, width=2)
    for x in (12, 88):
        pen.line([(x, 15), (x, 95)], fill=90, width=2)
    pen.rectangle([56, 50, 90, 53], fill=0)  # ink that joins it to the box
    pen.rectangle([60, 50, 86, 53], fill=255)
    assert answer(image) == 8


def test_strokes_of_neighbours_are_left_out():
    image, pen = page(60, 60)
    write(pen, "0", 18, 10)
    pen.rectangle([0, 0, 7, 59], fill=0)
    pen.rectangle([54, 20, 59, 59], fill=0)
    assert answer(image) == 0


def test_a_neighbour_that_touches_is_cut_off():
    image, pen = page(64, 60)
    write(pen, "0", 20, 10)
    pen.ellipse([-20, 12, 22, 48], outline=0, width=4)
    glyph = find_single_digit(picture(image), classify)
    assert glyph.probabilities.argmax() == 0
    assert glyph.box[0] >= 10


@pytest.mark.parametrize("fall", [0.3, -0.3])
def test_a_light_gradient_is_removed(fall):
    image, pen = page(28, 28)
    write(pen, "0", 8, 4, high=20)
    y, x = np.indices((28, 28)) / 28 - 0.5
    light = 150 * (1 + fall * (y + x))
    grey = np.rint(np.asarray(image) / 255 * light * 0.4 + 0.6 * light).astype(np.uint8)
    level = remove_light_gradient(grey)
    paper = level[np.asarray(image) == 255].astype(float)
    assert paper.std() < 3
    assert answer(grey) == 0


def test_faint_ink_on_rough_paper_is_found():
    rng = np.random.default_rng(2)
    image, pen = page(28, 28)
    write(pen, "0", 8, 4, high=20)
    rough = np.asarray(image) / 255 * 40 + 120 + rng.normal(scale=9, size=(28, 28))
    grey = np.clip(rough, 0, 255).astype(np.uint8)
    assert find_ink(grey, 512).blank
    assert answer(grey) == 0


def test_further_candidates_have_weights_below_one():
    image, pen = page(60, 60)
    write(pen, "0", 18, 10)
    pen.rectangle([0, 0, 7, 59], fill=0)
    pen.rectangle([54, 20, 59, 59], fill=0)
    weights = {mask.name: mask.weight for mask in digit_masks(np.asarray(image))}
    assert weights.pop("normal") == 1
    assert all(0.3 <= weight < 1 for weight in weights.values())
    glyph = find_single_digit(picture(image), classify)
    assert 0.5 < glyph.confidence < 0.99
    assert glyph.probabilities.sum() == pytest.approx(1, abs=0.01)
    assert glyph.probabilities[10] == pytest.approx(1 - glyph.confidence, abs=0.02)


def test_a_weight_moves_probability_from_the_digits_to_no_digit():
    probabilities = np.array([0.6, *[0.0] * 9, 0.4], np.float32)
    assert apply_weight(probabilities, 0.5)[[0, 10]].tolist() == pytest.approx([0.3, 0.7])
    assert probabilities[0] == np.float32(0.6)
