"""Hands that write the training pages, and where their digits come from."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tools.page_reader import hands
from tools.page_reader.glyphs import SIGNS
from tools.page_reader.hands import (
    display_hand,
    font_hand,
    mixed_hand,
    mnist,
    mnist_hand,
    some_hand,
    stroke_hand,
)
from tools.page_reader.shapes import clothing

HANDS = (mnist_hand, mixed_hand, stroke_hand, font_hand, display_hand)


def test_digits_come_from_the_training_split_alone(loaded):
    images, indices = mnist()
    assert images.shape == (60, 28, 28)
    assert not (images[:, 8:20, 8:20] == 255).all(axis=(1, 2)).any()  # as validation images are
    assert_array_equal(np.sort(np.concatenate(indices)), np.arange(60))
    for digit, own in enumerate(indices):
        assert (own % 10 == digit).all()
    clothing(np.random.default_rng(0))
    assert set(loaded) == {("mnist", "train"), ("fashion-mnist", "train")}


@pytest.mark.parametrize("hand", HANDS)
def test_every_hand_writes_digits_and_signs_without_margins(hand, rng):
    for _ in range(3):
        write = hand(rng)
        for character in "0123456789" + SIGNS:
            ink = write(character, rng).ink
            assert ink.max() > 128
            for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]):
                assert edge.max() > 40


@pytest.mark.parametrize("hand", HANDS)
def test_digits_stand_on_the_line_and_signs_lie_where_they_belong(hand, rng):
    """top and bottom: in heights of a digit below the line."""
    write = hand(rng)

    def extent(character):
        glyph = write(character, rng)
        return (np.array([0, len(glyph.ink)]) - glyph.baseline) / glyph.height

    for digit in "0123456789":
        top, bottom = extent(digit)
        assert -1.25 < top < -0.5, digit
        assert abs(bottom) < 0.35, digit
    for sign, low, high in ((".", -0.4, 0.2), (",", -0.4, 0.55), ("-", -0.7, -0.15)):
        top, bottom = extent(sign)
        assert low < top, sign
        assert bottom < high, sign
    assert np.ptp(extent("/")) > 0.8
    assert np.ptp(extent(":")) > 0.35


def test_only_hands_that_say_so_write_letters(rng):
    for _ in range(40):
        write, letters = some_hand(rng)
        if letters:
            assert write("K", rng).ink.any()
    with pytest.raises(KeyError):
        display_hand(rng)("K", rng)
    with pytest.raises(KeyError):
        mnist_hand(rng)("K", rng)


def test_a_hand_keeps_its_style():
    """A hand of strokes has a few forms of each digit, whoever asks for them first."""
    first = stroke_hand(np.random.default_rng(4))
    hands._stroke_glyph.cache_clear()
    second = stroke_hand(np.random.default_rng(4))
    forms = [
        {write("7", np.random.default_rng(seed)).ink.tobytes() for seed in range(12)}
        for write in (first, second)
    ]
    assert forms[0] == forms[1]
    assert 1 < len(forms[0]) <= hands.VARIANTS
