"""Glyphs of strokes, and shapes that are no characters."""

import numpy as np
from numpy.testing import assert_array_equal

from tools.page_reader.glyphs import SOURCE_HEIGHT, draw_strokes, trimmed
from tools.page_reader.shapes import junk


def test_trimming_keeps_the_line():
    ink = np.zeros((20, 30), np.uint8)
    ink[5:11, 4:9] = 200
    found = trimmed(ink, baseline=10.0, height=12.0)
    assert (found.ink.shape, found.baseline, found.height) == ((6, 5), 5.0, 12.0)
    assert trimmed(ink * 0, 10.0, 12.0).ink.shape == (20, 30)


def test_strokes_are_as_wide_as_the_pen():
    thin, thick = (draw_strokes([[(0, 0), (0, 1)]], pen) for pen in (0.05, 0.2))
    for glyph, pen in ((thin, 0.05), (thick, 0.2)):
        assert abs(glyph.ink.shape[1] - pen * SOURCE_HEIGHT) <= 2
        assert abs(glyph.ink.shape[0] - (1 + pen) * SOURCE_HEIGHT) <= 3
        assert abs(glyph.baseline - (1 + pen / 2) * SOURCE_HEIGHT) <= 2


def test_junk_is_the_same_for_a_number_and_different_for_others():
    shapes = [junk(number).ink for number in range(20)]
    junk.cache_clear()
    for number, ink in enumerate(shapes):
        assert ink.any()
        assert_array_equal(junk(number).ink, ink)
    assert len({ink.tobytes() for ink in shapes}) == 20
