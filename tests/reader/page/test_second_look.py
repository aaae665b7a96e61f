"""The second look at glyphs: the ink of a box, and what three networks say of it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from page_glyphs import always, detections, row_of, undecided
from pictures import five, picture

from digitnn.reader.ink.normalise import normalise
from digitnn.reader.page.glyph_network import CLASSES, NONE
from digitnn.reader.page.network import OTHER
from digitnn.reader.page.second_look import (
    MIN_GLYPH,
    Weights,
    classify_glyphs,
    digit_probabilities,
    glyph_image,
    glyph_probabilities,
)


def paper(h: int, w: int) -> np.ndarray:
    return np.full((h, w), 255, np.uint8)


def unsure(images):
    """A classifier that knows nothing."""
    return np.full((len(images), 11), 1 / 11, np.float32)


def seen_as(character: str, p: float = 0.97, none: float = 0.01) -> np.ndarray:
    """What a glyph network says that sees this character, or no glyph with probability `none`."""
    row = np.append(row_of(character, p) * (1 - none), none)
    return row[None].astype(np.float32)


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


PLAIN = Weights(glyph=(1.0, 0.8, 0.1), digit=(0.9, 0.6, -0.3), which=(0.7, 0.5, 0.3))
"""Weights that a fit might give, so that the tests do not depend on the last one."""


def logit(p: float) -> float:
    return float(np.log(p) - np.log(1 - p))


def logistic(z: float) -> float:
    return float(1 / (1 + np.exp(-z)))


def test_whether_there_is_a_glyph_is_weighed():
    """By hand, but for the least probability, which moves these by 1 % of themselves at most."""
    found = detections(((0, 0, 20, 30), 0.8, "3"))
    evidence = [logit(0.8), logit(1 - 0.3)]
    expected = logistic(np.dot(PLAIN.glyph, [*evidence, 1]))
    found_to_be = glyph_probabilities(found, seen_as("3", none=0.3), PLAIN)
    assert_allclose(found_to_be, expected, rtol=0.01)


def test_which_digit_it_is_is_weighed():
    """By hand, as before. Symbols and shapes are no digits, and no glyph is none of either."""
    found = detections(((0, 0, 20, 30), 0.8, "3"))
    found.characters[0] = 0.02
    found.characters[0, [3, 12, 15]] = 0.5, 0.1, 0.14
    seen = np.full((1, len(CLASSES)), 0.01, np.float32)
    seen[0, [3, 8, OTHER, NONE]] = 0.4, 0.2, 0.09, 0.18
    alone = np.full((1, 11), 0.01, np.float32)
    alone[0, [3, 10]] = 0.6, 0.31
    page, window, ink = PLAIN.which
    digits = np.full(10, 0.02**page * 0.01**window * 0.01**ink)
    digits[3] = 0.5**page * 0.4**window * 0.6**ink
    digits[8] = 0.02**page * 0.2**window * 0.01**ink
    evidence = [logit(0.5 + 9 * 0.02), logit((0.4 + 0.2 + 8 * 0.01) / (1 - 0.18))]
    exists = logistic(np.dot(PLAIN.digit, [*evidence, 1]))
    expected = exists * digits / digits.sum()
    assert_allclose(digit_probabilities(found, seen, alone, PLAIN)[0], expected, rtol=0.03)


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("window", [0, OTHER, NONE])
def test_probabilities_are_finite_and_at_most_one_whatever_the_networks_say(score, window):
    """Also where they exclude each other."""
    found = detections(*[((0, 0, 20, 30), score, "3")] * 11)
    seen = np.tile(np.eye(len(CLASSES), dtype=np.float32)[window], (11, 1))
    for characters in (np.eye(16)[3], np.eye(16)[OTHER], np.full(16, 1 / 16)):
        found.characters[:] = characters
        digits = digit_probabilities(found, seen, np.eye(11, dtype=np.float32))
        assert np.isfinite(digits).all()
        assert (digits >= 0).all()
        assert (digits.sum(axis=1) <= 1 + 1e-9).all()
        exists = glyph_probabilities(found, seen)
        assert ((exists >= 0) & (exists <= 1)).all()
        for glyph in classify_glyphs(paper(60, 60), found, lambda _, seen=seen: seen, unsure):
            assert np.isfinite(glyph.symbol_confidence)
            assert np.isfinite(glyph.probabilities).all()


def test_the_surer_a_network_is_the_surer_are_all():
    def all_of(score=0.9, p=0.9, window=0.9, none=0.1, alone=0.9):
        found = detections(((0, 0, 20, 30), score, "3"))
        found.characters[:] = row_of("3", p)
        seen = seen_as("3", window, none)
        digits = digit_probabilities(found, seen, always(3, alone)(found.boxes), PLAIN)
        return float(digits[0, 3] * glyph_probabilities(found, seen, PLAIN)[0])

    assert all_of(score=0.6) < all_of()
    assert all_of(p=0.6) < all_of()
    assert all_of(window=0.6) < all_of()
    assert all_of(none=0.4) < all_of()
    assert all_of(alone=0.5) < all_of()


def test_a_symbol_is_there_if_the_page_network_says_so():
    """Seen as large as a digit, it may be a speck."""
    found = detections(((0, 0, 4, 4), 0.6, "."), ((0, 0, 4, 4), 0.4, ","))
    seen = np.concatenate([seen_as("x", none=0.99)] * 2)
    assert_allclose(glyph_probabilities(found, seen), [0.6, 0.4])


def test_what_is_probably_no_glyph_is_left_out_and_not_classified():
    asked = []

    def counting(images):
        asked.append(len(images))
        return always(1, 0.9)(images)

    def look(images):
        """Sees no glyph in the first of two windows."""
        return np.concatenate([seen_as("2", none=0.999), seen_as("1", none=0.001)])[-len(images) :]

    found = detections(((30, 0, 50, 30), 0.3, "2"), ((0, 0, 20, 30), 0.95, "1"))
    exists = glyph_probabilities(found, look([0, 0]))
    assert (exists >= MIN_GLYPH).tolist() == [False, True]
    (glyph,) = classify_glyphs(paper(60, 60), found, look, counting)
    assert glyph.box == (0, 0, 20, 30)
    digits = digit_probabilities(found, look([0, 0]), always(1, 0.9)([0, 0]))
    assert glyph.confidence == pytest.approx(digits[1, 1] * exists[1], rel=1e-5)
    nothing = np.empty((0, len(CLASSES)), np.float32)
    assert classify_glyphs(paper(60, 60), detections(), lambda _: nothing, counting) == []
    first = found[np.array([0])]
    assert classify_glyphs(paper(60, 60), first, lambda _: look([0, 0])[:1], counting) == []
    assert asked == [1]


def test_the_probabilities_of_a_glyph_sum_to_one():
    """What is lacking to a sure glyph and a sure digit counts as no digit."""
    found = detections(((0, 0, 20, 30), 0.7, "3"))
    seen = seen_as("3", 0.8, none=0.2)
    (glyph,) = classify_glyphs(paper(60, 60), found, lambda _: seen, unsure)
    digits = digit_probabilities(found, seen, unsure([0])) * glyph_probabilities(found, seen)
    assert glyph.probabilities.dtype == np.float32
    assert_allclose(glyph.probabilities[:10], digits[0], rtol=1e-6)
    assert glyph.probabilities.sum() == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    ("page", "window", "symbol"),
    [
        ((".", 0.9), (".", 0.9), "."),
        (("/", 0.6), ("/", 0.6), "/"),
        (("1", 0.9), ("/", 0.6), ""),
        (("1", 0.6), ("/", 0.9), "/"),
        ((",", 0.9), (".", 0.6), ","),
        (("x", 0.6), ("-", 0.9), "-"),
        (("x", 0.9), ("-", 0.6), ""),
    ],
)
def test_a_symbol_is_what_the_surer_network_sees(page, window, symbol):
    found = detections(((10, 10, 20, 30), 0.9, "3"))
    found.characters[:] = row_of(*page)
    (glyph,) = classify_glyphs(paper(60, 60), found, lambda _: seen_as(*window), unsure)
    assert glyph.symbol == symbol


def test_two_networks_that_agree_are_surer_of_a_symbol_than_each():
    """By hand: the product of what they say."""
    found = detections(((10, 10, 20, 30), 0.9, "/"))
    found.characters[:] = row_of("/", 0.7)
    (glyph,) = classify_glyphs(paper(60, 60), found, lambda _: seen_as("/", 0.6), unsure)
    agree, others = 0.7 * 0.6, 15 * (0.3 / 15) * (0.4 / 15)
    assert glyph.symbol_confidence == pytest.approx(agree / (agree + others), rel=0.01)


def test_boxes_are_whole_pixels_inside_the_picture():
    found = detections(
        ((-3.2, -0.5, 20.1, 30.9), 0.9, "1"), ((55.5, 57.7, 70.0, 90.0), 0.9, "."),
        ((80.0, 10.0, 90.0, 20.0), 0.9, "x"),
    )  # fmt: skip
    glyphs = classify_glyphs(paper(58, 60), found, undecided, unsure)
    assert [glyph.box for glyph in glyphs] == [(0, 0, 21, 31), (55, 57, 60, 58), (59, 10, 60, 20)]
    assert [glyph.symbol for glyph in glyphs] == ["", ".", ""]
