from dataclasses import replace

import numpy as np
import pytest

from digitnn.data.augmentation.distortion import Distortion
from digitnn.data.augmentation.redrawing import Redrawing, change_pen, redraw, through_medium
from digitnn.data.synthesis.digits import DRAWERS
from digitnn.data.synthesis.pen import draw
from digitnn.errors import UsageError

DIGITS = np.stack([draw(DRAWERS[i % 10](np.random.default_rng(i)), 2.5) for i in range(60)])
PLAIN = Redrawing(thicker=0, thinner=0, plain=1, crowded=0)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_plain_image_comes_back_but_for_being_sampled_twice():
    found = redraw(DIGITS, PLAIN, rng()).astype(float)
    assert np.abs(found - DIGITS).mean() < 7
    assert np.corrcoef(found.ravel(), DIGITS.ravel())[0, 1] > 0.98


def test_the_seed_decides_everything_and_each_image_is_redrawn_its_own_way():
    hand = Distortion(degrees=10, scale=0.1, shear=0.2, elastic=0.8)
    first = redraw(DIGITS, Redrawing(hand=hand), rng(1))
    assert np.array_equal(first, redraw(DIGITS, Redrawing(hand=hand), rng(1)))
    same = redraw(np.repeat(DIGITS[:1], 50, axis=0), Redrawing(hand=hand), rng(1))
    assert len({image.tobytes() for image in same}) == 50


def test_what_is_not_plain_has_its_longest_side_on_about_20_pixels():
    found = redraw(DIGITS, Redrawing(plain=0, crowded=0, noisy=0, cut=0), rng(2)) > 90
    rows, columns = found.any(axis=2).sum(axis=1), found.any(axis=1).sum(axis=1)
    longest = np.maximum(rows, columns)
    assert longest.min() >= 16
    assert longest.max() <= 24
    assert not found[:, [0, -1]].any()


def test_the_centre_of_mass_comes_to_the_middle():
    found = redraw(DIGITS, Redrawing(plain=0, crowded=0, noisy=0, cut=0), rng(3)).astype(float)
    places = np.arange(28)
    for axis in (1, 2):
        line = found.sum(axis=axis)
        mean = (line * places).sum(axis=1) / line.sum(axis=1)
        assert np.median(np.abs(mean - 13.5)) < 0.6


def test_pens_become_thicker_and_thinner_within_their_limits():
    ink = DIGITS.astype(np.float32) / 255
    thick = change_pen(ink, Redrawing(thicker=1.5, thinner=0), rng())
    assert (thick >= ink - 1e-6).all()
    changed = (thick != ink).any(axis=(1, 2))
    assert 0.2 < changed.mean() < 0.8  # half of them keep their pen
    assert thick[changed].sum() > 1.15 * ink[changed].sum()
    thin = change_pen(ink, Redrawing(thicker=0, thinner=0.5), rng())
    assert thin.sum() < ink.sum()
    assert (thin.max(axis=(1, 2)) > 0.9).all()


def test_no_pen_changes_where_none_may():
    ink = DIGITS.astype(np.float32) / 255
    assert np.array_equal(change_pen(ink, PLAIN, rng()), ink)


def test_bilevel_media_know_two_levels_and_others_more():
    ink = DIGITS.astype(np.float32) / 255
    assert set(np.unique(through_medium(ink, replace(PLAIN, bilevel=1), rng()))) == {0, 1}
    grey = through_medium(ink, replace(PLAIN, bilevel=0, noisy=0), rng())
    assert len(np.unique(grey)) > 100
    assert (grey[ink == 0].mean()) < 0.1


def test_neighbours_come_in_from_the_sides_only():
    crowded = redraw(DIGITS, Redrawing(plain=0, crowded=1, noisy=0, cut=0), rng(4))
    alone = redraw(DIGITS, Redrawing(plain=0, crowded=0, noisy=0, cut=0), rng(4))
    added = (crowded.astype(int) - alone).clip(0)
    assert (added.sum(axis=(1, 2)) > 0).mean() > 0.3
    assert added[:, :, 11:17].sum() == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("bilevel", 1.5), ("thicker", -1), ("plain", float("nan")), ("least", 2), ("cut", True)],
)
def test_impossible_redrawings_are_refused_by_the_name_of_what_is_wrong(name, value):
    with pytest.raises(UsageError, match=name):
        Redrawing(**{name: value})


def test_a_blank_image_and_a_batch_of_one_do_no_harm():
    blank = redraw(np.zeros((5, 28, 28), np.uint8), Redrawing(noisy=0), rng())
    assert blank.max() == 0
    assert redraw(DIGITS[:1], Redrawing(), rng()).shape == (1, 28, 28)
