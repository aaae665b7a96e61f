"""The test beds draw what their names say, the same each time, and are scored correctly."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

from benchmarks.beds import digits, handwriting, non_digits, pages, scenes, styles
from benchmarks.beds.fragments import NON_DIGIT_HALVES
from benchmarks.beds.layout import NUMBER_GAPS, Layout, draw_line_lengths, write_page
from benchmarks.beds.pens import Place, draw
from benchmarks.beds.samples import to_uint8
from benchmarks.beds.scoring import (
    Answer,
    RawReading,
    character_error_rate,
    digit_error_rate,
    digit_lines,
    edit_distance,
    format_summary,
    summarise_answers,
    threshold_curve,
)
from benchmarks.beds.styles import STYLES, catmull_rom
from benchmarks.beds.surroundings import bordered, dark_table, on_ground, patterned
from benchmarks.beds.tracing import fit_box, thin, trace
from benchmarks.beds.writing import hide_symbols, new_hand
from digitnn.data.dataset import Dataset

QUICK = [name for name in digits.DRAWINGS if name not in digits.MAX_SAMPLES]
QUICK_PAGES = ["row, drawn", "page, pencil", "page, touching", "page, squared", "page, boxed"]
QUICK_NON_DIGITS = [
    name for name in non_digits.NON_DIGITS if not name.startswith(("letters", "clothes"))
]
QUICK_SCENES = [
    name
    for name in scenes.SCENES
    if name not in ("text, handwriting font", "words, numbers beside")
    and not name.endswith(("letters", "clothes"))
]
"""Beds that need neither fonts from the network nor Fashion-MNIST."""


def as_image(strokes):
    """Draw 28 x 28 pixels, light on dark, as in MNIST."""
    return to_uint8(255 * draw(strokes, (28, 28), Place(14, 14, 19), 2.4, np.random.default_rng(0)))


@pytest.fixture(autouse=True)
def drawn_digits(monkeypatch):
    """Replace MNIST's validation split by hand-made digits."""
    rng = np.random.default_rng(1)
    drawn = [(styles.written(style, rng), style.digit) for style in STYLES.values() for _ in "123"]
    images = np.stack([as_image(strokes) for strokes, _ in drawn])
    data = Dataset(images, np.array([digit for _, digit in drawn], np.uint8))
    monkeypatch.setattr(handwriting, "validation_split", lambda: data)


def same(first, second):
    return first.content == second.content and np.array_equal(first.pixels(), second.pixels())


def test_a_bar_three_pixels_wide_is_thinned_to_a_line():
    bar = np.zeros((9, 20), bool)
    bar[3:6, 2:18] = True
    found = thin(bar)
    assert found.sum(axis=0).max() == 1
    assert_array_equal(np.flatnonzero(found.any(axis=1)), [4])
    assert found.sum() >= 13


def test_a_ring_is_traced_as_one_closed_line():
    angle = np.linspace(0, 2 * np.pi, 60)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) / 2
    (found,) = trace(as_image((ring,)))
    assert_array_equal(found[0], found[-1])
    assert_allclose(np.hypot(*found.T), 0.5, atol=0.04)


def test_a_cross_is_traced_as_four_lines_that_meet():
    down, across = np.array([[0, -0.5], [0, 0.5]]), np.array([[-0.5, 0], [0.5, 0]])
    found = trace(as_image((down, across)))
    assert len(found) == 4
    ends = np.concatenate([stroke[[0, -1]] for stroke in found])
    assert (np.hypot(*ends.T) < 0.08).sum() == 4


def test_an_eight_without_a_loop_is_illegible():
    bar = (np.array([[0.0, -0.5], [0.0, 0.5]]),)
    assert not handwriting.legible(bar, 8)
    assert handwriting.legible(bar, 1)
    assert handwriting.legible(
        styles.written(STYLES["8, two circles"], np.random.default_rng(0)), 8
    )
    assert handwriting.legible(styles.written(STYLES["6, long stem"], np.random.default_rng(0)), 6)


def test_a_loop_full_of_ink_is_not_traced():
    y, x = np.indices((28, 28))
    blot = np.hypot(y - 18, x - 14) < 6
    stem = (abs(x - 14) < 1.5) & (y > 3) & (y < 14)
    assert trace(np.where(blot | stem, 255, 0).astype(np.uint8)) is None


@pytest.mark.parametrize("name", STYLES)
def test_a_traced_digit_lies_where_the_image_has_ink(name):
    image = as_image(styles.written(STYLES[name], np.random.default_rng(2)))
    found = trace(image)
    if found is None:  # its loop is full of ink
        return
    again = as_image(found) > 127
    ink = image > 127
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    grown = ndimage.binary_dilation(ink, iterations=2)
    assert again[grown].sum() > 0.9 * again.sum()
    assert 0.7 < np.ptp(rows) / max(np.ptp(np.flatnonzero(again.any(axis=1))), 1) < 1.4
    assert columns.size


def test_a_curve_goes_through_its_points():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    assert_allclose(catmull_rom(points, 10)[::10], points)


def test_strokes_fit_a_box_of_side_one_around_the_origin():
    (found,) = fit_box((np.array([[2.0, 3.0], [4.0, 7.0]]),))
    assert_allclose(found, [[-0.25, -0.5], [0.25, 0.5]])


def test_a_pen_of_five_pixels_draws_a_line_of_five_pixels():
    bar = (np.array([[-0.5, 0.0], [0.5, 0.0]]),)
    ink = draw(bar, (40, 80), Place(40, 20, 60), 5, np.random.default_rng(0))
    assert ink[:, 40].sum() == pytest.approx(5, abs=0.5)
    assert ink[20].sum() == pytest.approx(65, abs=1.5)


@pytest.mark.parametrize("name", QUICK)
def test_a_bed_depends_on_its_seed_only(name):
    few, more, other = (list(digits.samples(name, n, seed)) for n, seed in ((1, 0), (2, 0), (2, 1)))
    assert all(same(a, b) for a, b in zip(few, more, strict=False))
    assert not any(same(a, b) for a, b in zip(more, other, strict=True))


@pytest.mark.parametrize("name", QUICK)
def test_a_sample_has_one_digit_and_less_ink_than_paper(name):
    for sample in digits.samples(name, 3):
        assert sample.content in "0123456789"
        pixels = sample.pixels()
        if pixels.shape[2:] == (4,):
            pixels = 255 - pixels[..., 3]
        grey = pixels.reshape(*pixels.shape[:2], -1).mean(axis=2)
        assert min(grey.shape) >= 5
        assert np.ptp(grey) > 40
        middle = (grey.max() + grey.min()) / 2
        share = min((grey > middle).mean(), (grey < middle).mean())
        assert 0.002 < share <= 0.5


def test_bitmaps_have_two_colours_and_fill_their_box():
    for sample in digits.samples("bitmap 16", 8):
        assert set(np.unique(sample.picture)) == {0, 255}
        assert sample.picture.shape == (16, 16)
        ink = sample.picture == 0
        assert ink[0].any()
        assert ink[-1].any()
    for sample in digits.samples("grey 8", 8):
        assert sample.picture.shape == (8, 8)


def test_the_polarity_is_that_of_the_bed():
    for name, light in (("paint 28, thin", True), ("paint 400, hair", False), ("chalk", False)):
        for sample in digits.samples(name, 4):
            assert (np.median(sample.picture) > 127) == light


@pytest.mark.parametrize("name", STYLES)
def test_a_style_has_the_digit_of_its_name(name):
    assert {sample.content for sample in styles.samples(name, 2)} == {name[0]}


def test_a_wide_gap_is_wider_than_every_gap_within_a_number():
    layout = Layout(height=50, degrees=0, heights=(1, 1))
    page = write_page([[3, 2], [4]], layout, (5,))
    first, second = page.content.split("\n")
    assert [len(word) for word in first.split(" ")] == [3, 2]
    assert len(second) == 4
    ink = draw(page.strokes, page.shape, Place(0, 0, 1), 3, np.random.default_rng(0)) > 0.5
    between = round((page.baselines[0] + page.baselines[1] - 50) / 2)
    assert not ink[between].any()  # lines do not touch
    columns = np.flatnonzero(ink[:between].any(axis=0))
    gaps = np.diff(columns)
    assert (gaps > 0.8 * NUMBER_GAPS[0] * 50).sum() == 1
    assert np.sort(gaps)[-2] < 0.6 * NUMBER_GAPS[0] * 50


@pytest.mark.parametrize("name", QUICK_PAGES)
def test_a_page_is_the_same_each_time_and_contains_numbers(name):
    (page,), (again,) = pages.samples(name, 1), pages.samples(name, 1)
    assert same(page, again)
    assert set(page.content) <= set("0123456789 \n")
    assert page.content.strip() == page.content
    assert len(page.content) > 0


def test_lines_hold_numbers_of_one_to_six_digits():
    found = draw_line_lengths(np.random.default_rng(0), (2, 4), (1, 3))
    assert 2 <= len(found) <= 4
    assert all(1 <= count <= 6 for words in found for count in words)


@pytest.mark.parametrize("name", QUICK_SCENES)
def test_a_scene_is_the_same_each_time_and_says_what_it_shows(name):
    (scene,), (again,) = scenes.samples(name, 1), scenes.samples(name, 1)
    assert same(scene, again)
    assert set(scene.content) <= set("0123456789? \n")
    assert hide_symbols(scene.symbols or scene.content) == scene.content
    empty = name.startswith(("cell", "text")) or name == "default, noise"
    assert (scene.content == "") == empty
    assert (scene.letters > 0) == name.startswith("text")
    assert min(scene.pixels().shape[:2]) >= 20


def test_scenes_with_symbols_have_them_in_their_content():
    for name in ("numbers, points", "numbers, signs"):
        found = "".join(s.content for s in scenes.with_symbols_read(name, 3))
        assert "?" not in found
        assert set(found) & set(".,-/:")


def test_a_sheet_covers_the_share_of_the_picture_that_its_margins_leave():
    rng = np.random.default_rng(0)
    scene, mask = on_ground(np.ones((80, 120), np.float32), dark_table, rng, 0, (0.3, 0.3))
    wide, high = (np.flatnonzero(mask.max(axis=axis) > 0.5) for axis in (0, 1))
    assert np.ptp(wide) / scene.shape[1] == pytest.approx(0.7, abs=0.05)
    assert np.ptp(high) / scene.shape[0] == pytest.approx(0.7, abs=0.05)
    assert scene[mask == 1].min() > 0.99
    assert scene[mask == 0].max() < 0.6


def test_the_ground_is_a_reflectance_of_the_picture_s_shape():
    for ground in (dark_table, patterned):
        for seed in range(6):
            found = ground((70, 90), np.random.default_rng(seed))
            assert found.shape == (70, 90)
            assert 0 < found.min() <= found.max() <= 1


def test_a_border_leaves_the_picture_as_it_is():
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    found = bordered(pixels, 255, 2, 4)
    assert found.shape == (6, 11, 3)
    assert_array_equal(found[2:-2, 4:-4], pixels)
    assert (found[:2] == 255).all()
    assert (found[:, -4:] == 255).all()


def test_a_pattern_is_written_with_its_symbols_below_and_between_the_digits():
    word = new_hand((3,), 50, 4, np.random.default_rng(3))("dd.d,d-d/d:d")
    assert len(word.text) == 12
    assert hide_symbols(word.text) == "".join("?" if c in ".,-/:" else c for c in word.text)
    point = new_hand((3,), 50, 4, np.random.default_rng(3))(".").strokes[0]
    assert -5 < point[:, 1].min() < point[:, 1].max() < 5
    assert word.moved(10, 0).width() == pytest.approx(word.width() + 10)


@pytest.mark.parametrize("name", QUICK_NON_DIGITS)
def test_a_non_digit_is_the_same_each_time_and_has_no_content(name):
    few, more = list(non_digits.samples(name, 1)), list(non_digits.samples(name, 2))
    assert all(same(a, b) for a, b in zip(few, more, strict=False))
    assert {sample.content for sample in more} == {""}
    assert (few[0].pixels().shape == (28, 28)) == name.endswith("28")


def test_digit_like_letters_are_not_counted():
    alike = {c for c in non_digits.ALPHABET if non_digits.looks_like_digit(c, "caveat")}
    assert {"O", "o", "I", "l", "Z", "S", "B", "q", "g"} <= alike
    assert not alike & set("AEFHKMNRWX")
    assert non_digits.looks_like_digit("F", "homemade-apple")
    assert not non_digits.is_counted("letters like digits, 28")
    assert non_digits.is_counted("letters, large")


def test_no_half_of_a_one_is_a_non_digit():
    assert 1 not in NON_DIGIT_HALVES


@pytest.mark.parametrize(
    ("truth", "text", "edits"),
    [("", "", 0), ("12", "12", 0), ("12", "", 2), ("", "12", 2), ("kitten", "sitting", 3),
     ("12 34", "1234", 1), ("12\n34", "12 34", 1), ("123", "321", 2), ("7", "?", 1)],
)  # fmt: skip
def test_the_edit_distance_agrees_with_values_by_hand(truth, text, edits):
    assert edit_distance(truth, text) == edits == edit_distance(text, truth)


def test_the_character_error_rate_is_edits_per_true_character():
    answers = [Answer("1234", "1234"), Answer("56 78", "5678"), Answer("9", "?")]
    assert character_error_rate(answers) == pytest.approx(2 / 10)


def test_digits_alone_are_compared_line_by_line():
    assert digit_lines("4 0?5\n??\n-7") == ["405", "7"]
    assert Answer("40?5 1\n2", "405 1\n?\n2").digits_correct
    assert not Answer("12\n3", "1\n23").digits_correct
    assert Answer("12\n3", "1\n23").digit_edits == 0
    answers = [Answer("12 34", "1? 3"), Answer("5", "57"), Answer("", "8")]
    assert digit_error_rate(answers) == pytest.approx(3 / 5)
    summary = summarise_answers([Answer("1?2", "12"), Answer("34", "3")])
    assert (summary["right"], summary["digits_right"], summary["digit_error_rate"]) == (0, 1, 0.25)


def test_a_summary_of_text_counts_the_letters_read_as_digits():
    summary = summarise_answers([Answer("", "?1 0?", 30), Answer("", "??", 10)])
    assert (summary["accepted"], summary["letters"], summary["letters_read"]) == (1, 40, 2)
    assert "letters 2 of 40" in format_summary("text", summary)


def test_a_summary_counts_correct_wrong_and_rejected():
    found = summarise_answers(
        [Answer("1", "1"), Answer("2", "3"), Answer("4", "?"), Answer("5", "")]
    )
    assert (found["n"], found["right"], found["wrong"], found["refused"]) == (4, 1, 1, 2)
    assert found["accuracy"] == 0.25
    assert "character_error_rate" not in found
    assert "1 of     4 correct" in format_summary("bed", found)


def test_a_page_is_rejected_if_only_question_marks_differ():
    assert Answer("12 3", "1? 3").rejected
    assert not Answer("12 3", "1? 4").rejected
    assert not Answer("12 3", "1?3").rejected
    assert not Answer("12", "12?").correct


def test_a_summary_of_non_digits_counts_accepted_ones():
    found = summarise_answers([Answer("", ""), Answer("", "?"), Answer("", "7"), Answer("", "?3")])
    assert (found["n"], found["accepted"], found["share"]) == (4, 2, 0.5)


def test_a_threshold_rejects_digits_of_lower_confidence():
    read = RawReading("12\n3", "12\n3", (0.9, 0.4, 0.6))
    assert read.answer_at(0.5).text == "1?\n3"
    assert read.answer_at(0.4).correct


def test_the_threshold_curve_counts_false_accepts_rejections_and_errors():
    real = [RawReading("1", "1", (0.9,)), RawReading("2", "3", (0.6,)), RawReading("4", "", ())]
    refuse = [
        RawReading("", "8", (0.55,)),
        RawReading("", "", ()),
        RawReading("", "1", (0.2,)),
        RawReading("", "1", (0.3,)),
    ]
    half = next(point for point in threshold_curve(real, refuse) if point["threshold"] == 0.5)
    assert half["junk_accepted"] == 25
    assert half["digits_refused"] == pytest.approx(100 / 3)
    assert half["wrong_among_accepted"] == 50
    assert [p["threshold"] for p in threshold_curve(real, refuse)][::98] == [0.01, 0.99]
