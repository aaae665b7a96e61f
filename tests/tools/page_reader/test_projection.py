"""Views of a page, and where glyphs, rulings and the sheet lie in the picture."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tools.page_reader.glyphs import Glyph
from tools.page_reader.page import Page, Placed, Ruling
from tools.page_reader.projection import View, draw_rulings, draw_view, paste, sheet_mask

STRAIGHT = View(0.0, (0.0, 0.0), 0.0, 0.01, (60.0, 50.0))


def test_a_glyph_is_pasted_where_the_view_shows_its_place(rng):
    for _ in range(30):
        view = draw_view(rng, 120, 160)
        source = np.zeros((48, 30), np.uint8)
        source[:, 12:18] = source[40:] = 255  # an upside down T
        placed = Placed(Glyph(source, 44.0, 40.0), "1", rng.uniform(-30, 10), 10.0, 30.0, 0.1, 0.8)
        middle = np.array([[placed.x + 15 * 0.75, placed.y - 20 * 0.75]])
        ink = np.zeros((120, 160), np.float32)
        (left, top, right, bottom), share = paste(ink, placed, view, view.jacobians(middle)[0])
        rows, columns = (np.flatnonzero((ink > 0.3 * ink.max()).any(axis=axis)) for axis in (1, 0))
        assert (left, right) == (columns[0], columns[-1] + 1)
        assert (top, bottom) == (rows[0], rows[-1] + 1)
        assert ink.max() == pytest.approx(0.8, abs=0.05)
        assert share == pytest.approx(1)
        # its foot stands on the line, 15 source pixels to the right of its left edge
        foot = view(np.array([[placed.x + 15 * 0.75, placed.y]]))[0]
        assert left < foot[0] < right
        assert ink[int(foot[1]) - 1 : int(foot[1]) + 2, int(foot[0])].max() > 0.4
        head = view(np.array([[placed.x + (15 + 0.1 * 42) * 0.75, placed.y - 42 * 0.75]]))[0]
        assert ink[int(head[1]) - 1 : int(head[1]) + 2, int(head[0])].max() > 0.4


def test_a_glyph_beyond_the_border_is_visible_in_part():
    source = np.full((40, 40), 255, np.uint8)
    jacobian = np.eye(2)

    def share(x):
        placed = Placed(Glyph(source, 40.0, 40.0), "0", x, 20.0, 40.0, 0.0, 1.0)
        done = paste(np.zeros((100, 120), np.float32), placed, STRAIGHT, jacobian)
        return None if done is None else done[1]

    assert share(0.0) == pytest.approx(1)
    assert share(-60.0 - 20) == pytest.approx(0.5, abs=0.03)
    assert share(60.0 - 10) == pytest.approx(0.25, abs=0.03)
    assert share(200.0) is None


def test_a_view_has_the_jacobian_of_its_map(rng):
    """Central differences of half a pixel against smaller ones; the maps are smooth."""
    for _ in range(20):
        view = draw_view(rng, 256, 256)
        points = rng.uniform(-120, 120, (5, 2))
        found = view.jacobians(points)
        for axis in (0, 1):
            step = np.eye(2)[axis] * 1e-3
            slope = (view(points + step) - view(points - step)) / 2e-3
            assert_allclose(found[:, :, axis], slope, atol=2e-3)


def test_views_are_straight_turned_tilted_and_bent(rng):
    views = [draw_view(rng, 256, 256) for _ in range(300)]
    turns = np.degrees([view.turn for view in views])
    assert np.abs(turns).max() <= 16
    assert 0.1 < np.mean(turns == 0) < 0.3
    assert np.mean(np.abs(turns) > 5) > 0.1
    assert 0.25 < np.mean([view.tilt != (0, 0) for view in views]) < 0.55
    assert 0.1 < np.mean([view.bend != 0 for view in views]) < 0.3


def test_rulings_are_lines_of_their_width_and_tone():
    ink = np.zeros((100, 120), np.float32)
    page = [Ruling(-60, 0, 60, 0, 3.0, 0.5), Ruling(10, -50, 10, 50, 1.0, 1.0)]
    found = draw_rulings(ink, page, STRAIGHT)
    assert_allclose(found[:, 5].sum(), 0.5 * 3, atol=0.3)
    assert_allclose(found[10].sum(), 1.0, atol=0.55)
    assert found[50, 5] == pytest.approx(0.5, abs=0.01)
    assert np.argmax(found[10]) in (69, 70)


def test_a_sheet_covers_its_page():
    mask = sheet_mask(Page(60, 40), STRAIGHT, 100, 120)
    assert_array_equal(mask[31:69, 31:89], 1)
    outside = mask.copy()
    outside[29:71, 29:91] = 0
    assert outside.max() == 0
