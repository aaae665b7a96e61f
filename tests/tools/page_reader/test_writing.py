"""What is written on the training pages, and where."""

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tools.page_reader import layouts, writing
from tools.page_reader.glyphs import SIGNS, Glyph
from tools.page_reader.page import Page
from tools.page_reader.words import OTHER_SIGNS, Writer, draw_size, number, word, write_word
from tools.page_reader.writing import write_page

USUAL = (14.0, 34.0)
KINDS = ("lines", "table", "boxes", "scattered", "alone", "clutter", "rule_paper", "dust")


def block(character, rng):
    """A hand that writes blocks half as wide as high."""
    return Glyph(np.full((20, 10), 255, np.uint8), 20.0, 20.0)


def steady(size: float = 40, gap: float = 0.25) -> Writer:
    return Writer(block, block, size, 0.1, (gap, gap), 0.0, 0.7)


def test_a_word_is_written_from_left_to_right(rng):
    page = Page(400, 100)
    stop = write_word(page, "40.5-a", -100, 10, steady(), rng)
    assert [placed.character for placed in page.glyphs] == list("40.5-a")
    # 40 high and 20 wide, a quarter of the height apart, after a point and before it less
    gaps = [10, 6, 10, 10, 10]
    starts = -100 + np.cumsum([0] + [20 + gap for gap in gaps])
    assert_allclose([placed.x for placed in page.glyphs], starts)
    assert stop == pytest.approx(starts[-1] + 20)
    assert {(p.y, p.size, p.lean, p.tone) for p in page.glyphs} == {(10, 40, 0.1, 0.7)}


def test_letters_are_written_by_the_hand_for_letters(rng):
    asked = Counter()

    def hand(name):
        def write(character, rng):
            asked[name, character] += 1
            return block(character, rng)

        return write

    by = Writer(hand("digits"), hand("letters"), 40, 0.0, (0, 0), 0.0, 1.0)
    write_word(Page(9, 9), "a7:+", 0, 0, by, rng)
    assert set(asked) == {("letters", "a"), ("digits", "7"), ("digits", ":"), ("letters", "+")}


def test_numbers_have_signs_as_often_as_asked_for(rng):
    assert all(number(rng, 0.0).isdigit() for _ in range(300))
    found = [number(rng, 1.0) for _ in range(600)]
    signs = Counter()
    for text in found:
        (sign,) = (character for character in text if not character.isdigit())
        assert text[-1].isdigit() or sign in OTHER_SIGNS
        assert text[0].isdigit() or sign == "-"
        signs[sign] += 1
    assert set(SIGNS) <= set(signs) <= set(SIGNS + OTHER_SIGNS)
    assert 0.4 < np.mean([not number(rng, 0.5).isdigit() for _ in range(300)]) < 0.6


def test_words_are_letters(rng):
    words = [word(rng) for _ in range(300)]
    assert all(text.isalpha() and text.isascii() and 2 <= len(text) <= 8 for text in words)
    assert len(set(words)) > 250


def test_most_digits_have_the_usual_size(rng):
    sizes = np.array([draw_size(rng, USUAL) for _ in range(2000)])
    assert 0.78 < np.mean((sizes >= USUAL[0]) & (sizes <= USUAL[1])) < 0.9
    assert sizes.min() < USUAL[0] / 2
    assert sizes.max() > 2 * USUAL[1]


def noting(name, write, kinds):
    """Return `write`, which then adds its name to the last of `kinds`."""

    def noted(*options):
        kinds[-1].add(name)
        write(*options)

    return noted


@pytest.fixture(scope="module")
def pages():
    """300 pages, and what was written on each."""
    kinds: list[set[str]] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in KINDS:
            patch.setattr(writing, name, noting(name, getattr(writing, name), kinds))
        found = []
        for seed in range(300):
            kinds.append(set())
            small = seed % 6 == 0
            rng = np.random.default_rng(seed)
            found.append(write_page(*((60, 70) if small else (300, 340)), rng, USUAL, small))
    return found, kinds


def test_all_kinds_of_pages_are_written(pages):
    counts = Counter(kind for kinds in pages[1] for kind in kinds)
    assert set(counts) == set(KINDS)
    assert min(counts.values()) >= 10


def test_pages_hold_digits_signs_letters_shapes_and_nothing(pages):
    characters = Counter(placed.character for page in pages[0] for placed in page.glyphs)
    assert set("0123456789" + SIGNS) <= set(characters)
    assert characters[""] > 50
    digits = sum(characters[digit] for digit in "0123456789")
    assert 0.3 < digits / sum(characters.values()) < 0.9
    assert any(not page.glyphs and page.rulings for page in pages[0])


@pytest.mark.parametrize("kind", ["table", "boxes"])
def test_some_cells_stay_empty_and_digits_stand_inside_the_lines(kind, rng):
    """A comb's lines reach up to half of its cells only."""
    for _ in range(10):
        page = Page(400, 300)
        getattr(layouts, kind)(page, steady(30), rng)
        xs = [x for ruling in page.rulings for x in (ruling.x0, ruling.x1)]
        ys = [y for ruling in page.rulings for y in (ruling.y0, ruling.y1)]
        for placed in page.glyphs:
            assert placed.y - placed.size / 2 >= min(ys) - 0.7 * placed.size
            assert placed.y <= max(ys)
            assert min(xs) - 30 <= placed.x <= max(xs)
    cells = []
    for _ in range(40):
        page = Page(400, 300)
        getattr(layouts, kind)(page, steady(30), rng)
        cells.append(len(page.glyphs) / max(len(page.rulings), 1))
    assert min(cells) < 0.5 * max(cells)


def test_scattered_numbers_do_not_overlap(rng):
    for _ in range(20):
        page = Page(400, 300)
        layouts.scattered(page, steady(20), rng)
        rows = [(p.x, p.x + 10, p.y - p.size, p.y) for p in page.glyphs]
        for n, (left, right, top, bottom) in enumerate(rows):
            for other in rows[n + 1 :]:
                apart = max(left - other[1], other[0] - right, top - other[3], other[2] - bottom)
                assert apart >= 0
