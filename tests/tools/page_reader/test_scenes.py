"""Scenes of written pages: the same for a seed, of all kinds, with boxes where the ink is."""

from collections import Counter

import numpy as np
import pytest
from numpy.random import SFC64, Generator
from numpy.testing import assert_array_equal

from benchmarks.beds.samples import to_uint8
from tools.page_reader import hands, scenes, shapes
from tools.page_reader.projection import SIDE, paste
from tools.page_reader.scenes import MIN_CONTRAST, MIN_VISIBLE, draw_scene

KINDS = ("draw_rulings", "sheet_mask", "draw_ground", "light", "finger", "_frame", "_surround")


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
    for cached in (hands._stroke_glyph, hands._font_glyph, shapes.junk, hands.mnist):
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
