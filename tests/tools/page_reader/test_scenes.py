"""Scenes of written pages: the same for a seed, of all kinds, with boxes where the ink is."""

from collections import Counter

import numpy as np
import pytest
from numpy.random import SFC64, Generator
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks.beds.samples import to_uint8
from tools.page_reader import glyphs, scenes
from tools.page_reader.glyphs import Glyph
from tools.page_reader.scenes import (
    MIN_CONTRAST,
    MIN_VISIBLE,
    SIDE,
    View,
    camera,
    draw_ground,
    draw_rulings,
    draw_scene,
    draw_view,
    light,
    noise_field,
    paste,
    sheet_mask,
)
from tools.page_reader.writing import Page, Placed, Ruling

KINDS = ("draw_rulings", "sheet_mask", "draw_ground", "light", "finger", "_frame", "_surround")
STRAIGHT = View(0.0, (0.0, 0.0), 0.0, 0.01, (60.0, 50.0))


def scene_of(number: int) -> scenes.Scene:
    """As training draws it."""
    return draw_scene(Generator(SFC64([0, number])))


def noting(name, draw, kinds):
    """Return `draw`, which then adds its name to the last of `kinds`."""

    def noted(*options):
        kinds[-1].add(name)
        return draw(*options)

    return noted


@pytest.fixture(scope="module")
def drawn():
    """300 scenes, and which steps each took."""
    kinds: list[set[str]] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in KINDS:
            patch.setattr(scenes, name, noting(name, getattr(scenes, name), kinds))
        found = []
        for number in range(300):
            kinds.append(set())
            found.append(scene_of(number))
    return found, kinds


def test_scenes_are_a_function_of_the_seed(drawn):
    """Also where fewer scenes were drawn before, so that no cache is filled."""
    for cached in (glyphs._stroke_glyph, glyphs._font_glyph, glyphs.junk, glyphs.mnist):
        cached.cache_clear()
    for number in (299, 7, 7, 150, 42, 3):
        again, first = scene_of(number), drawn[0][number]
        assert_array_equal(again.picture, first.picture)
        assert_array_equal(again.boxes, first.boxes)
        assert_array_equal(again.visible, first.visible)
        assert (again.characters, again.picture.dtype) == (first.characters, np.uint8)
    assert len({scene.picture.tobytes() for scene in drawn[0]}) == 300
    other_seed = draw_scene(Generator(SFC64([1, 7]))).picture
    assert not np.array_equal(other_seed, drawn[0][7].picture)


def test_all_kinds_of_scenes_are_drawn(drawn):
    found, kinds = drawn
    counts = Counter(kind for own in kinds for kind in own)
    assert set(counts) == set(KINDS)
    assert min(counts.values()) >= 8
    assert all(scene.picture.shape == (SIDE, SIDE) for scene in found)
    dark_paper = sum(np.median(scene.picture) < 100 for scene in found)
    assert 30 < dark_paper < 150
    assert sum(len(scene.boxes) == 0 for scene in found) >= 5
    assert sum(len(scene.boxes) > 60 for scene in found) >= 5


def test_every_visible_glyph_has_its_ink_in_its_box(drawn):
    """Wherever small pictures and borders moved it, and whatever light and camera did."""
    checked = 0
    for scene in drawn[0]:
        assert len(scene.boxes) == len(scene.characters) == len(scene.heights)
        assert (scene.boxes[:, :2] < scene.boxes[:, 2:]).all()
        for box, visible in zip(scene.boxes, scene.visible, strict=True):
            if visible < MIN_VISIBLE:
                continue
            left, top, right, bottom = np.clip(box, 0, SIDE).astype(int)
            inside = scene.picture[top:bottom, left:right].astype(int)
            assert inside.max() - inside.min() >= MIN_CONTRAST
            checked += 1
    assert checked > 3000


def test_a_glyph_changes_the_picture_in_its_box_and_nowhere_else(monkeypatch):
    """The same scene with and without the ink of one glyph, before the camera blurs it."""
    monkeypatch.setattr(scenes, "camera", lambda picture, _: to_uint8(picture))
    left_out, pasted = -1, 0

    def some_ink(ink, *options):
        nonlocal pasted
        done = paste(ink.copy() if pasted == left_out else ink, *options)
        pasted += done is not None
        return done

    monkeypatch.setattr(scenes, "paste", some_ink)
    checked = 0
    for number in range(40):
        left_out, pasted = -1, 0
        whole = scene_of(number)
        sure = np.flatnonzero(whole.visible >= MIN_VISIBLE)
        if not len(sure):
            continue
        left_out, pasted = int(sure[len(sure) // 2]), 0
        fewer = scene_of(number)
        assert_array_equal(fewer.boxes, whole.boxes)
        rows, columns = np.nonzero(whole.picture != fewer.picture)
        left, top, right, bottom = whole.boxes[left_out]
        soft = 2 + 0.08 * max(right - left, bottom - top)  # edges fainter than the box counts
        assert left - soft <= columns.min()
        assert columns.max() < right + soft
        assert top - soft <= rows.min()
        assert rows.max() < bottom + soft
        checked += 1
    assert checked > 25


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


def test_grounds_lights_and_noise_are_varied(rng):
    grounds = [draw_ground(rng, 60, 60) for _ in range(60)]
    assert all(ground.shape == (60, 60) for ground in grounds)
    assert np.std([ground.mean() for ground in grounds]) > 30
    assert min(ground.std() for ground in grounds) < 6 < 25 < max(g.std() for g in grounds)
    lights = [light(rng, 50, 80) for _ in range(60)]
    assert all(np.isfinite(own).all() and own.max() < 2 for own in lights)
    assert min(own.min() for own in lights) < 0.5
    assert any(np.ptp(own) == 0 for own in lights)
    fields = [noise_field(rng, 60, 90, 12) for _ in range(20)]
    assert 0.5 < np.mean([own.std() for own in fields]) < 1.2


def test_the_camera_gives_drawings_bilevel_pictures_and_photos(rng):
    picture = np.full((60, 60), 200, np.float32)
    picture[20:40, 28:32] = 30
    taken = [camera(picture, rng) for _ in range(80)]
    assert all(grey.dtype == np.uint8 and grey.shape == (60, 60) for grey in taken)
    levels = np.array([len(np.unique(grey)) for grey in taken])
    assert 8 <= np.sum(levels == 2) <= 50  # a drawing has two tones here, too
    assert np.sum(levels > 20) >= 20
    for grey in taken:  # the ink is where it was
        assert grey[24:36, 29:31].mean() < grey[:, :20].mean() - 60
