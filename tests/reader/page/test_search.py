"""Glyphs of all sizes: the pages that are looked at, and glyphs that several pages show."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from page_glyphs import Asking, DarkBoxes, detections, row_of

from digitnn.reader.page import search
from digitnn.reader.page.network import CHARACTERS
from digitnn.reader.page.search import (
    FIRST_PIXELS,
    FREE_OVERLAP,
    LARGEST_FACTOR,
    MARGIN,
    MAX_CROPS,
    MIN_CLOSER_CELLS,
    MIN_SCORE,
    MOST_PIXELS,
    OVERLAP_SCALE,
    find_glyphs,
    merge,
    without_border,
)


def paper(h: int, w: int) -> np.ndarray:
    return np.full((h, w), 255, np.uint8)


def framed(shape: tuple[int, int], factor: float) -> tuple[int, int]:
    """The shape of a picture at one size, with margins, in whole cells of the coarsest layer."""
    h, w = (-(-(max(1, round(side * factor)) + 2 * MARGIN) // 16) * 16 for side in shape)
    return h, w


@pytest.mark.parametrize(
    ("shape", "first", "count"),
    [
        ((1, 1), 2, 1),
        ((5, 5), 2, 1),
        ((28, 28), 2, 3),
        ((100, 200), 2, 9),
        ((700, 500), 1, 11),  # exactly as many pixels as are looked at first
        ((701, 500), 1 / 2, 9),
        ((3000, 4000), 1 / 8, 10),
        ((7, 30_000), 1, 4),
        ((30_000, 7), 1, 4),
        ((7, 40_000), 1 / 2, 2),  # most of a strip's page are margins
        ((5, 1_000_000), 1 / 32, 1),
    ],
)
def test_each_page_has_half_the_pixels_of_the_one_before(shape, first, count):
    """Until the longer side, or ten times the shorter, is 20 pixels or a little more."""
    assert FIRST_PIXELS == 700 * 500
    network = Asking()
    assert len(find_glyphs(paper(*shape), network)) == 0
    seen = [page.shape for page in network.seen]
    assert sorted(seen) == sorted(framed(shape, first / 2 ** (k / 2)) for k in range(count))


@pytest.fixture
def whole_steps(monkeypatch):
    """Pages of half the size each, so that all edges lie on whole pixels."""
    monkeypatch.setattr(search, "STEP", 2.0)


@pytest.mark.parametrize("high", [6, 8, 12, 16, 24, 40, 64, 160, 416, 736])
def test_glyphs_of_any_size_are_found_once_in_pixels_of_the_picture(high, whole_steps):
    grey = paper(800, 1216)
    unit = 32 if high > 40 else 4  # so that all edges lie on whole pixels of the page
    wide, count = unit * max(1, high // unit // 3), 3
    truth = []
    for n in range(count):
        left, top = unit * (1 + n * (max(2, 2 * wide // unit))), unit
        grey[top : top + high, left : left + wide] = 0
        truth.append([left, top, left + wide, top + high])
    found = find_glyphs(grey, DarkBoxes())
    boxes = found.boxes[np.argsort(found.boxes[:, 0])]
    assert_allclose(boxes, truth, atol=1e-2)
    assert all(CHARACTERS[at] == "7" for at in found.characters.argmax(axis=1))


def test_glyphs_at_the_border_have_margins_in_its_tone(whole_steps):
    grey = np.full((40, 56), 180, np.uint8)
    grey[0:20, 0:8] = 10
    network = DarkBoxes()
    found = find_glyphs(grey, network)
    assert_allclose(found.boxes, [[0, 0, 8, 20]], atol=1e-3)
    (page,) = (page for page in network.seen if page.shape == framed(grey.shape, 2))
    inside = np.s_[MARGIN : MARGIN + 80, MARGIN : MARGIN + 112]
    assert page[inside].min() <= 10
    page[inside] = 180
    assert_array_equal(page, 180)


def test_only_the_part_with_small_writing_is_looked_at_again():
    grey = paper(1000, 1400)
    truth = [[left, 304, left + 4, 312] for left in range(600, 680, 8)]
    for left, top, right, bottom in truth:
        grey[top:bottom, left:right] = 0
    network = DarkBoxes()
    found = find_glyphs(grey, network)
    assert_allclose(found.boxes[np.argsort(found.boxes[:, 0])], truth, atol=1e-2)
    shape = grey.shape
    while framed(shape, 0.5) != network.seen[0].shape:  # the smaller pages come first
        del network.seen[0]
    once, twice = (page.shape for page in network.seen[1:])
    # at half its size the writing is 4 x 38 pixels: at most 2 x 11 cells and 2 more at each side
    assert np.less_equal(once, framed((8 * 6, 8 * 15), 1)).all()
    # at full size 8 x 76 pixels
    assert np.less_equal(twice, framed((4 * 7, 4 * 24), 2)).all()


@pytest.mark.parametrize("cells", [0, MIN_CLOSER_CELLS - 1, MIN_CLOSER_CELLS])
def test_a_few_cells_alone_do_not_ask_for_a_closer_look(cells):
    asking, content = Asking(cells=cells), Asking()
    for network in (asking, content):
        find_glyphs(paper(800, 600), network)
    assert (len(asking.seen) > len(content.seen)) is (cells == MIN_CLOSER_CELLS)


@pytest.mark.parametrize("shape", [(3000, 4000), (30, 30)])
def test_where_no_closer_look_helps_the_writing_is_too_small(shape):
    assert find_glyphs(paper(*shape), Asking(cells=10**9)).too_small
    assert not find_glyphs(paper(*shape), Asking()).too_small


@pytest.mark.parametrize("shape", [(3000, 4000), (1500, 1500), (5, 60_000), (600, 600), (30, 30)])
def test_closer_looks_end_and_none_is_larger_than_allowed(shape):
    network = Asking(cells=10**9)
    find_glyphs(paper(*shape), network)
    assert len(network.seen) <= 30
    for page in network.seen:
        h, w = page.shape
        assert (h % 16, w % 16) == (0, 0)
        assert (h - 2 * MARGIN - 16) * (w - 2 * MARGIN - 16) <= MOST_PIXELS
        assert h * w <= 2 * MOST_PIXELS  # also of a strip, which is mostly margins
    closest = max(page.shape[1] for page in network.seen)
    assert closest <= framed(shape, LARGEST_FACTOR)[1]
    if (
        min(shape) > 2 * MARGIN / LARGEST_FACTOR
        and LARGEST_FACTOR**2 * np.prod(shape) < MOST_PIXELS
    ):
        assert closest == framed(shape, LARGEST_FACTOR)[1]


def test_the_same_glyph_at_two_sizes_is_one_with_the_mean_character():
    glyphs = detections(((11, 9, 31, 40), 0.6, "7"), ((10, 10, 30, 40), 0.9, "1"))
    found = merge(glyphs)
    assert_array_equal(found.boxes, [[10, 10, 30, 40]])
    assert_allclose(found.scores, [0.9])
    assert_allclose(found.characters[0], 0.4 * row_of("7") + 0.6 * row_of("1"), atol=1e-6)


def test_boxes_of_one_glyph_may_lie_apart_by_a_third_of_it_even_of_a_symbol():
    for name in "4.":
        first, second = ((10, 10, 20, 20), 0.9, name), ((13, 10, 23, 20), 0.8, name)
        assert_array_equal(merge(detections(second, first)).boxes, [first[0]])


def test_a_part_of_a_glyph_is_left_out():
    whole, part = ((10, 10, 30, 40), 0.9, "8"), ((11, 11, 29, 23), 0.8, "0")
    assert_array_equal(merge(detections(part, whole)).boxes, [whole[0]])


@pytest.mark.parametrize(("top", "share"), [(-6, 2 / 18), (-2, 6 / 18), (2, 10 / 18)])
def test_a_glyph_partly_inside_a_surer_one_is_less_probable(top, share):
    """The decay of Soft-NMS by hand; the first overlap is one of ordinary neighbours."""
    whole, box = ((10, 10, 30, 40), 0.9, "8"), (11, top, 29, top + 18)
    found = merge(detections((box, 0.8, "0"), whole))
    decay = float(np.exp(-(max(share - FREE_OVERLAP, 0) ** 2) / OVERLAP_SCALE))
    assert_allclose(found.scores, [0.9, 0.8 * decay], rtol=1e-5)
    assert (decay == 1) is (top == -6)
    unsure = merge(detections((box, 0.3, "0"), whole))
    assert len(unsure) == (2 if 0.3 * decay >= MIN_SCORE else 1)


def test_narrow_digits_are_compared_as_if_they_were_wider():
    """Two boxes of a 1 hardly overlap; two ones stand further apart."""
    first = ((10, 10, 14, 40), 0.9, "1")
    assert len(merge(detections(first, ((13, 10, 17, 40), 0.8, "1")))) == 1
    assert len(merge(detections(first, ((18, 10, 22, 40), 0.8, "1")))) == 2


@pytest.mark.parametrize(("left", "count"), [(10, 1), (13, 1), (15, 2), (20, 2)])
def test_a_point_found_twice_is_one_though_its_boxes_hardly_meet(left, count):
    points = (((10, 10, 14, 14), 0.9, "."), ((left, 10, left + 4, 14), 0.8, "."))
    assert len(merge(detections(*points))) == count


@pytest.mark.parametrize(("symbol", "dy", "count"), [("-", 5, 1), ("-", 40, 2), ("4", 5, 2)])
def test_a_dash_found_twice_is_one_though_its_boxes_do_not_meet(symbol, dy, count):
    boxes = [(10, 10, 30, 14), (11, 10 + dy, 31, 14 + dy)]
    found = detections((boxes[0], 0.9, symbol), (boxes[1], 0.8, symbol))
    assert len(merge(found)) == count


def test_slashes_around_a_digit_are_two():
    slashes = ((10, 10, 22, 40), 0.9, "/"), ((38, 10, 50, 40), 0.8, "/")
    assert len(merge(detections(*slashes))) == 2


def test_a_one_that_another_size_shows_as_a_slash_is_one_glyph():
    """The box of a long thin symbol is as exact as that of a digit."""
    one, slash = ((360, 47, 388, 99), 0.9, "1"), ((364, 46, 390, 100), 0.8, "/")
    assert_array_equal(merge(detections(one, slash)).boxes, [one[0]])


@pytest.mark.parametrize("symbol", [".", ",", "-", "/", ":"])
def test_a_symbol_inside_the_box_of_a_digit_stays(symbol):
    digit, point = ((10, 10, 40, 40), 0.9, "4"), ((12, 34, 17, 39), 0.5, symbol)
    assert len(merge(detections(digit, point))) == 2
    slash, inside = ((0, 0, 40, 40), 0.9, symbol), ((2, 2, 14, 20), 0.5, "1")
    assert len(merge(detections(slash, inside))) == 2


def test_neighbours_stay_the_surest_first():
    left, right = ((0, 0, 20, 30), 0.5, "1"), ((16, 0, 36, 30), 0.7, "2")
    found = merge(detections(left, right))
    assert_array_equal(found.boxes, [right[0], left[0]])
    assert_array_equal(found.characters, [row_of("2"), row_of("1")])


def test_no_glyphs_are_none():
    assert len(merge(detections())) == 0


def test_the_order_of_the_pages_does_not_matter(rng):
    low = rng.uniform(0, 100, (40, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 40, (40, 2))], axis=1)
    glyphs = [
        (tuple(box), 0.3 + 0.01 * n, "0123456789.,-/:x"[rng.integers(16)])
        for n, box in enumerate(boxes)
    ]
    first = merge(detections(*glyphs))
    second = merge(detections(*(glyphs[n] for n in rng.permutation(40))))
    assert len(first) < 40
    assert_array_equal(first.boxes, second.boxes)
    assert_allclose(first.characters, second.characters, atol=1e-6)


def test_a_plain_border_is_left_out_whatever_its_sides_are():
    grey = paper(60, 80)
    grey[10:50, 20:70] = np.indices((40, 50)).sum(axis=0) * 2
    assert without_border(grey) == (20, 10, 70, 50)
    grey[:, 70:] = 0  # a bar beside it, in another tone
    assert without_border(grey) == (20, 10, 70, 50)
    noisy = grey + np.random.default_rng(0).integers(-3, 3, grey.shape)
    assert without_border(np.clip(noisy, 0, 255).astype(np.uint8)) == (20, 10, 70, 50)


def test_a_page_without_content_has_no_border():
    assert without_border(paper(7, 9)) == (0, 0, 9, 7)
    full = np.random.default_rng(0).integers(0, 256, (7, 9), np.uint8)
    assert without_border(full) == (0, 0, 9, 7)


def test_borders_inside_borders_end_after_some_crops():
    """Each row and the column below it are plain once what lies before them is left out."""
    assert MAX_CROPS == 16
    grey = np.zeros((600, 600), np.uint8)
    for k in range(600):
        grey[k, k:] = 255
    assert without_border(grey) == (8, 8, 592, 593)
