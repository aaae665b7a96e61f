"""What the page network shall answer: centres, boxes, characters, and what is not asked."""

import numpy as np
import pytest
from numpy.random import SFC64, Generator
from numpy.testing import assert_allclose, assert_array_equal

from digitnn.reader.page.network import ANSWERS, CHARACTERS, OTHER, STRIDE, decode
from tools.page_reader.projection import SIDE
from tools.page_reader.scenes import MIN_VISIBLE, Scene, draw_scene
from tools.page_reader.targets import (
    CELLS,
    CLOSER_HEIGHTS,
    FOUND_HEIGHTS,
    IGNORED_HEIGHTS,
    MAYBE_CLOSER_HEIGHTS,
    targets_of,
)


def scene(*rows: tuple[tuple[float, float, float, float], str, float, float]) -> Scene:
    """A scene of glyphs: box, character, height of a digit there, share that is visible."""
    boxes, characters, heights, visible = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Scene(
        np.zeros((SIDE, SIDE), np.uint8),
        np.array(boxes, np.float32).reshape(-1, 4),
        tuple(characters),
        np.array(heights, np.float32),
        np.array(visible, np.float32),
    )


def digit(height: float, character: str = "7", visible: float = 1.0) -> Scene:
    """A glyph around (102, 82), the middle of cell (20, 25)."""
    box = (102 - height / 4, 82 - height / 2, 102 + height / 4, 82 + height / 2)
    return scene((box, character, height, visible))


def answers_of(targets) -> np.ndarray:
    """The answers of a network that has learned `targets` by heart."""
    answers = np.zeros((CELLS, CELLS, ANSWERS), np.float32)
    p = np.clip(targets.centres, 1e-3, 1 - 1e-3)
    answers[:, :, 0] = np.log(p / (1 - p))
    answers[:, :, 2:6] = targets.boxes.transpose(1, 2, 0)
    answers[:, :, 6:] = 9 * np.eye(OTHER + 1)[targets.characters]
    return answers


@pytest.mark.parametrize("height", [FOUND_HEIGHTS[0], 24.0, FOUND_HEIGHTS[1]])
@pytest.mark.parametrize("character", ["7", ".", "A"])
def test_a_network_that_learned_its_targets_finds_the_glyph(height, character):
    own = digit(height, character)
    found = targets_of(own)
    (glyph,) = np.argwhere(found.centres == 1)
    assert tuple(glyph) == (20, 25)
    decoded = decode(answers_of(found), 0.9)
    assert_allclose(decoded.boxes, own.boxes, atol=1e-3)
    expected = CHARACTERS.index(character) if character in CHARACTERS else OTHER
    assert decoded.characters.argmax(axis=1).tolist() == [expected]
    assert found.counted.all()
    assert found.weights[:, 20, 25].min() > 0.9
    assert not found.closer.any()


def test_cells_around_a_centre_know_the_whole_box():
    own = digit(40)
    found = targets_of(own)
    cells = np.argwhere(found.weights[1] > 0)
    assert len(cells) > 4
    for row, column in cells:
        answers = np.full((CELLS, CELLS, ANSWERS), -9, np.float32)
        answers[row, column] = answers_of(found)[row, column]
        answers[row, column, 0] = 5
        assert_allclose(decode(answers, 0.9).boxes, own.boxes, atol=1e-3)
        assert found.characters[row, column] == 7
    # falls off, and more slowly along the longer side
    assert 1 > found.centres[22, 25] > found.centres[20, 27] > 0
    assert found.centres[20, 10] == 0


@pytest.mark.parametrize(
    ("height", "found", "ignored"),
    [
        (IGNORED_HEIGHTS[0] - 0.1, False, False),
        (IGNORED_HEIGHTS[0], False, True),
        (FOUND_HEIGHTS[0] - 0.1, False, True),
        (FOUND_HEIGHTS[0], True, False),
        (FOUND_HEIGHTS[1], True, False),
        (FOUND_HEIGHTS[1] + 0.1, False, True),
        (IGNORED_HEIGHTS[1], False, True),
        (IGNORED_HEIGHTS[1] + 0.1, False, False),
    ],
)
def test_sizes_that_are_almost_found_are_neither_glyph_nor_background(height, found, ignored):
    targets = targets_of(digit(height))
    assert (targets.centres == 1).any() == found
    assert (targets.centres > 0).any() == found
    assert (targets.counted == 0).any() == ignored
    assert (targets.weights > 0).any() == found
    if ignored:
        assert targets.counted[20, 25] == 0
        assert targets.counted[0, 0] == 1


@pytest.mark.parametrize(("visible", "found"), [(MIN_VISIBLE, True), (MIN_VISIBLE - 0.01, False)])
def test_glyphs_that_are_cut_off_are_neither_glyph_nor_background(visible, found):
    targets = targets_of(digit(24, visible=visible))
    assert (targets.centres == 1).any() == found
    assert (targets.counted[20, 25] == 1) == found


def test_a_shape_that_is_no_character_may_be_found_or_not_but_is_no_digit():
    targets = targets_of(digit(24, ""))
    assert not targets.centres.any()
    assert targets.counted[20, 25] == 0
    assert targets.characters[20, 25] == OTHER
    assert targets.weights[0].max() == 0
    assert targets.weights[1, 20, 25] > 0.9


@pytest.mark.parametrize(
    ("height", "asks", "counted"),
    [
        (MAYBE_CLOSER_HEIGHTS[0] - 0.1, False, True),
        (MAYBE_CLOSER_HEIGHTS[0], False, False),
        (CLOSER_HEIGHTS[0] - 0.1, False, False),
        (CLOSER_HEIGHTS[0], True, True),
        (CLOSER_HEIGHTS[1], True, True),
        (CLOSER_HEIGHTS[1] + 0.1, False, False),
        (MAYBE_CLOSER_HEIGHTS[1], False, False),
        (MAYBE_CLOSER_HEIGHTS[1] + 0.1, False, True),
    ],
)
def test_small_writing_asks_for_a_closer_look(height, asks, counted):
    own = digit(height)
    targets = targets_of(own)
    assert bool(targets.closer[20, 25]) is asks
    assert bool(targets.closer_counted[20, 25]) is counted
    left, top, right, bottom = (own.boxes[0] // STRIDE).astype(int)
    outside = targets.closer.copy()
    outside[top : bottom + 1, left : right + 1] = 0
    assert not outside.any()
    assert targets.closer_counted[0, 0] == 1


def test_small_shapes_and_invisible_digits_do_not_ask():
    shape, hidden = targets_of(digit(8, "")), targets_of(digit(8, visible=0.0))
    assert not shape.closer.any()
    assert shape.closer_counted[20, 25] == 0
    assert not hidden.closer.any()
    assert hidden.closer_counted.all()


def test_a_digit_that_asks_counts_though_a_shape_beside_it_does_not():
    box, other = (100.0, 80.0, 104.0, 88.0), (102.0, 80.0, 110.0, 88.0)
    targets = targets_of(scene((box, "7", 8, 1), (other, "", 8, 1)))
    assert targets.closer[20, 25] == targets.closer_counted[20, 25] == 1
    assert targets.closer_counted[20, 27] == 0


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_glyphs_each_cell_belongs_to_the_nearer(order):
    first, second = (70.0, 60.0, 94.0, 100.0), (78.8, 60.0, 102.8, 100.0)
    targets = targets_of(scene(*[(first, "1", 40, 1), (second, "2", 40, 1)][::order]))
    assert len(np.argwhere(targets.centres == 1)) == 2
    y, x = np.nonzero(targets.weights[1] > 0)
    assert set(x) == {19, 20, 21, 22, 23}
    assert_array_equal(targets.characters[y, x], np.where(STRIDE * (x + 0.5) < 86.4, 1, 2))


def test_an_empty_scene_asks_for_nothing():
    targets = targets_of(scene())
    assert not targets.centres.any()
    assert not targets.closer.any()
    assert targets.counted.all()
    assert targets.closer_counted.all()


def test_glyphs_at_the_border_have_their_centre_inside_only():
    inside = targets_of(scene(((-6.0, 10.0, 10.0, 34.0), "3", 24, 0.8)))
    assert np.argwhere(inside.centres == 1).tolist() == [[5, 0]]
    beyond = targets_of(scene(((250.0, 10.0, 270.0, 34.0), "3", 24, 0.8)))
    assert not (beyond.centres == 1).any()


def test_drawn_scenes_have_a_centre_for_each_glyph_that_is_to_be_found():
    for number in range(30):
        drawn = draw_scene(Generator(SFC64([0, number])))
        targets = targets_of(drawn)
        centres = set()
        for box, character, height, visible in zip(
            drawn.boxes, drawn.characters, drawn.heights, drawn.visible, strict=True
        ):
            if (
                character
                and FOUND_HEIGHTS[0] <= height <= FOUND_HEIGHTS[1]
                and visible >= MIN_VISIBLE
            ):
                x, y = (box[:2] + box[2:]) / 2 / STRIDE
                centres.add((int(y), int(x)))
        found = {(int(y), int(x)) for y, x in np.argwhere(targets.centres == 1)}
        assert {(y, x) for y, x in centres if 0 <= y < CELLS and 0 <= x < CELLS} <= found
        assert len(found) <= len(centres)
        assert all(np.isfinite(getattr(targets, name)).all() for name in ("centres", "boxes"))
