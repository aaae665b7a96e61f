"""The reading order of boxes on pages that slope, bend, lean back, and have marks and tables."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from benchmarks.beds import handwriting, pages, styles
from benchmarks.beds.handwriting import Variation, handwritten_digits
from benchmarks.beds.layout import write_page
from benchmarks.beds.pens import Place, draw
from benchmarks.beds.samples import to_uint8
from benchmarks.beds.styles import STYLES
from digitnn.data.dataset import Dataset
from digitnn.reader.page.reading_order import find_spaces, reading_order
from digitnn.reader.page.straightening import straighten

Curve = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

MARKS = ((0.12, 0.12, 0.42), (0.15, 0.3, 0.55), (0.5, 0.1, 0.0))
"""Width, height, and depth below the middle of the line of a point, a comma and a dash."""


def write_rows(
    rng, lines, columns, spacing=1.9, jump=0.1, sizes=(0.88, 1.12), pitch=None, cell=3, empty=0.0,
    marks=0.0,
):  # fmt: skip
    """Write numbers of 1 to `cell` digits, 40 pixels high, on level lines.

    pitch: the width of a table's column; without one, numbers have gaps of 1.1 to 2.2 heights.
    Returns the boxes in reading order, and for each the number of its line.
    """
    boxes, line_of = [], []
    for line in range(lines):
        x, y = rng.uniform(0, 1), spacing * line
        for column in range(columns):
            if pitch:
                x = column * pitch + rng.uniform(0, 0.3)
                if rng.random() < empty:
                    continue
            for place in range(int(rng.integers(1, cell + 1))):
                if place and rng.random() < marks:
                    width, height, depth = MARKS[rng.integers(3)]
                    boxes.append((x, y + depth, width, height))
                    x += width + rng.uniform(0.05, 0.25)
                height = rng.uniform(*sizes)
                width = height * (rng.uniform(0.45, 0.8) if rng.random() < 0.9 else 0.2)
                boxes.append((x, y + rng.uniform(-jump, jump), width, height))
                x += width + rng.uniform(0.05, 0.3)
            x += rng.uniform(1.1, 2.2)
        line_of += [line] * (len(boxes) - len(line_of))
    x, y, width, height = 40 * np.array(boxes).T
    return np.stack([x, y - height / 2, x + width, y + height / 2], axis=1), np.array(line_of)


def warp(boxes, curve: Curve):
    """Move the centres of boxes along `curve`, and scale their sides as it does there."""
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    centre = np.stack(curve(x, y))
    half_width = np.hypot(*(np.stack(curve(x + 1, y)) - centre)) * (boxes[:, 2] - boxes[:, 0]) / 2
    half_height = (curve(x, y + 1)[1] - centre[1]) * (boxes[:, 3] - boxes[:, 1]) / 2
    half = np.stack([half_width, half_height])
    return np.concatenate([centre - half, centre + half]).T


def turned(degrees) -> Curve:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return lambda x, y: (c * x - s * y, s * x + c * y)


def tilted(rng, boxes) -> Curve:
    """A page in perspective: its near side is up to 1.7 times as large as its far side."""
    (left, top), (right, bottom) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    across, down = rng.uniform(-0.5, 0.5, 2)

    def curve(x, y):
        depth = 1 + across * ((x - left) / (right - left) - 0.5)
        depth = depth + down * ((y - top) / (bottom - top) - 0.5)
        return (x - (left + right) / 2) / depth, (y - (top + bottom) / 2) / depth

    return curve


def bent(rng, boxes, max_degrees) -> Curve:
    """A page bent to a sine, whose steepest part slopes by up to `max_degrees`."""
    width = np.ptp(boxes[:, 0])
    wave = 2 * np.pi * rng.uniform(0.4, 1.0) / width
    height = np.tan(np.radians(rng.uniform(2, max_degrees))) / wave
    phase = rng.uniform(0, 2 * np.pi)
    return lambda x, y: (x, y + height * np.sin(wave * x + phase))


def lay_out(name, rng):
    """Return the boxes of a random page, in reading order, and their lines."""
    lines, columns = int(rng.integers(1, 9)), int(rng.integers(1, 6))
    many, wide = int(rng.integers(4, 12)), int(rng.integers(4, 9))
    table = {"pitch": rng.uniform(4, 7), "spacing": rng.uniform(1.4, 2.2), "empty": 0.3}
    boxes, line_of = {
        "sloping": lambda: write_rows(rng, lines, columns),
        "jumping": lambda: write_rows(rng, lines, columns, jump=0.3),
        "of many sizes": lambda: write_rows(rng, lines, columns, 2.4, sizes=(0.6, 1.6)),
        "close": lambda: write_rows(rng, lines, columns, 1.2, 0.05, (0.9, 1.1)),
        "with marks": lambda: write_rows(rng, lines, columns, 1.6, marks=0.5, cell=5),
        "table": lambda: write_rows(rng, many, wide, **table),
        "bent table": lambda: write_rows(rng, many, wide, **table | {"empty": 0.15}),
        "sudoku": lambda: write_rows(rng, 9, 9, 2.2, pitch=2.2, cell=1, empty=0.6),
        "in perspective": lambda: write_rows(rng, many, wide, 2.0),
        "column": lambda: write_rows(rng, many, 1, 1.4, cell=1),
        "digit": lambda: write_rows(rng, 1, 1, cell=1),
    }[name]()
    if name == "in perspective":
        boxes = warp(boxes, tilted(rng, boxes))
    if name == "bent table":
        boxes = warp(boxes, bent(rng, boxes, 7))
    most = {"sloping": 15, "with marks": 15, "sudoku": 15, "bent table": 0, "column": 3}
    return warp(boxes, turned(rng.uniform(-1, 1) * most.get(name, 5))), line_of


@pytest.mark.parametrize(
    ("name", "max_wrong"),
    [("sloping", 0), ("jumping", 0), ("of many sizes", 0), ("close", 0), ("with marks", 0),
     ("table", 1), ("bent table", 4), ("sudoku", 0), ("in perspective", 0), ("column", 0),
     ("digit", 0)],
)  # fmt: skip
def test_lines_are_found_on_pages_that_are(name, max_wrong):
    wrong = []
    for seed in range(30):
        rng = np.random.default_rng([seed, len(name)])
        boxes, line_of = lay_out(name, rng)
        x = boxes[:, 0] + boxes[:, 2]
        expected = [sorted(np.flatnonzero(line_of == line), key=x.item) for line in set(line_of)]
        shuffled = rng.permutation(len(boxes))
        found = [shuffled[list(line.indices)].tolist() for line in reading_order(boxes[shuffled])]
        if found != expected:
            wrong.append(seed)
    assert len(wrong) <= max_wrong, wrong


def test_lines_of_two_slopes_are_told_apart():
    rng = np.random.default_rng(3)
    upper, lines = write_rows(rng, 3, 4)
    upper = warp(upper, lambda x, y: (x, y - 0.12 * x))
    lower, more = write_rows(rng, 3, 4)
    lower = warp(lower, lambda x, y: (x, y + 0.12 * x + 260))
    found = reading_order(np.concatenate([upper, lower]))
    line_of = np.concatenate([lines, more + 3])
    assert [set(line_of[list(line.indices)]) for line in found] == [{at} for at in range(6)]


def test_straightened_lines_are_level():
    boxes, line_of = write_rows(np.random.default_rng(0), 5, 5, jump=0.0, sizes=(1.0, 1.0))
    for degrees in (-15, -4, 0, 9):
        straight = straighten(warp(boxes, turned(degrees)))
        for line in range(5):
            assert np.ptp(straight[line_of == line], axis=0)[[1, 3]].max() < 8  # of 40 pixels


def test_a_page_without_boxes_has_no_lines():
    assert reading_order(np.zeros((0, 4))) == []


@pytest.mark.parametrize("box", [(3, 4, 13, 24), (0, 0, 9, 2), (5, 5, 5, 5)])
def test_a_single_box_is_a_line(box):
    (line,) = reading_order(np.array([box], float))
    assert (line.indices, line.spaces) == ((0,), (False,))


def test_a_box_found_twice_stays_next_to_itself():
    boxes, line_of = write_rows(np.random.default_rng(1), 4, 3)
    again = np.concatenate([boxes, boxes + np.array([1, -2, 1, 2])])
    found = reading_order(again)
    assert [len(line.indices) for line in found] == (2 * np.bincount(line_of)).tolist()
    for line in found:
        assert_array_equal(np.array(line.indices)[::2] % len(boxes),
                           np.array(line.indices)[1::2] % len(boxes))  # fmt: skip


def test_all_boxes_are_in_one_line_each_whatever_they_are():
    rng = np.random.default_rng(0)
    for n in (2, 3, 30, 200):
        corner = rng.uniform(0, 500, (n, 2))
        boxes = np.concatenate([corner, corner + rng.exponential(20, (n, 2))], axis=1)
        found = reading_order(boxes)
        assert sorted(at for line in found for at in line.indices) == list(range(n))
        assert all(len(line.indices) == len(line.spaces) for line in found)


def test_memory_does_not_grow_with_the_pairs_of_boxes():
    """Whose reading would otherwise end a server's process: with 6,000 digits it took 2 GB."""
    boxes, line_of = write_rows(np.random.default_rng(0), 60, 12, cell=6)
    n = len(boxes)
    assert n > 2000
    tracemalloc.start()
    try:
        found = reading_order(boxes)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == line_of.max() + 1
    assert peak < 2 * n * n * 8


class PageWrittenError(Exception):
    """Carries a page before it is drawn, which would take most of the time."""


@pytest.fixture
def written_boxes(monkeypatch):
    """Return a function from the name of a bed and a seed to a page's boxes, digits and text.

    Hand-made digits replace MNIST's validation split.
    """
    rng = np.random.default_rng(1)
    drawn = [(styles.written(style, rng), style.digit) for style in STYLES.values() for _ in "123"]
    inks = [draw(strokes, (28, 28), Place(14, 14, 19), 2.4, rng) for strokes, _ in drawn]
    labels = np.array([digit for _, digit in drawn], np.uint8)
    data = Dataset(np.stack([to_uint8(255 * ink) for ink in inks]), labels)
    monkeypatch.setattr(handwriting, "validation_split", lambda: data)

    def stop(lines, layout, seed):
        raise PageWrittenError(write_page(lines, layout, seed), layout, seed)

    monkeypatch.setattr(pages, "write_page", stop)

    def find_boxes(name, at):
        with pytest.raises(PageWrittenError) as stopped:
            pages.PAGES[name]((at, 1), np.random.default_rng(at))
        page, layout, seed = stopped.value.args
        strokes = iter(page.strokes)
        digits = page.content.replace(" ", "").replace("\n", "")
        source = handwritten_digits(seed, Variation(degrees=5, slant=0.08, octaves=0.25))
        half, boxes = layout.pen * layout.height / 2, []
        for digit in digits:
            glyph, label, _ = next(source)
            assert digit == str(label)
            points = np.concatenate([next(strokes) for _ in glyph])
            boxes.append([*(points.min(axis=0) - half), *(points.max(axis=0) + half)])
        return np.array(boxes), digits, page.content

    return find_boxes


@pytest.mark.parametrize("name", pages.PAGES)
def test_the_text_of_a_written_page_follows_from_its_boxes(name, written_boxes):
    for seed in range(1 if name in pages.MAX_SAMPLES else 2):
        boxes, digits, content = written_boxes(name, seed)
        shuffled = np.random.default_rng(seed).permutation(len(boxes))
        lines = [
            "".join(
                " " * space + digits[shuffled[at]]
                for at, space in zip(line.indices, line.spaces, strict=True)
            )
            for line in reading_order(boxes[shuffled])
        ]
        assert "\n".join(lines) == content


def line_at(lefts):
    """Return boxes 20 pixels wide and 40 high."""
    return np.array([(left, 0, left + 20, 40) for left in lefts], float)


@pytest.mark.parametrize(
    ("lefts", "expected"),
    [
        ([0, 30, 60, 140, 170], [0, 0, 0, 1, 0]),  # one gap is wider than the others
        ([0, 70, 140, 210], [0, 0, 0, 0]),  # all are wide: digits in boxes
        ([0, 100], [0, 1]),
        ([0, 30], [0, 0]),
        ([0], [0]),
    ],
)
def test_a_gap_much_wider_than_the_others_is_a_space(lefts, expected):
    assert find_spaces([line_at(lefts)], [40.0]) == [tuple(bool(space) for space in expected)]


def test_a_line_of_spaced_digits_is_compared_with_the_page():
    apart, close = line_at([0, 80, 160, 240]), line_at([0, 30, 60, 90, 120, 150])
    assert find_spaces([apart], [40.0]) == [(False, False, False, False)]
    assert find_spaces([apart, close], [40.0, 40.0])[0] == (False, True, True, True)


def test_printed_words_are_told_apart_though_their_spaces_are_narrow():
    rng = np.random.default_rng(0)
    lengths = [5, 2, 4, 3, 6]
    starts = np.cumsum(lengths)[:-1]
    for _ in range(20):
        steps = 20 + rng.uniform(1, 6, sum(lengths))
        steps[starts] += 16  # 0.4 heights
        (spaces,) = find_spaces([line_at(np.cumsum(steps))], [40.0])
        assert np.flatnonzero(spaces).tolist() == starts.tolist()


def test_unevenly_written_digits_are_one_number():
    rng = np.random.default_rng(0)
    for n in range(2, 30):
        (spaces,) = find_spaces([line_at(np.cumsum(20 + rng.uniform(-4, 16, n)))], [40.0])
        assert not any(spaces)
