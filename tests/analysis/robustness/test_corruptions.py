"""The fifteen corruptions: small cases by hand, what stays, what grows, what is drawn how often."""

import numpy as np
import pytest
from scipy import ndimage

from digitnn.analysis.robustness.corruptions.appearance import (
    MUD_LEVEL,
    brightness,
    clouds,
    fog,
    glass_blur,
    impulse_noise,
    motion_blur,
    shot_noise,
    spatter,
)
from digitnn.analysis.robustness.corruptions.geometry import (
    canny_edges,
    dotted_line,
    move_images,
    rotate,
    scale,
    shear,
    stripe,
    stroke,
    translate,
    zigzag,
)
from digitnn.analysis.robustness.corruptions.suite import BLOCK_IMAGES, CORRUPTIONS, corrupt
from digitnn.errors import DataError, UsageError

MOVES = ("shear", "scale", "rotate", "translate")

every_corruption = pytest.mark.parametrize("name", CORRUPTIONS)


def full(level, n=1):
    return np.full((n, 28, 28), level, np.uint8)


@pytest.fixture
def rings():
    """30 rings of ink, soft at the edge: something with strokes, about as large as a digit."""
    y, x = np.indices((28, 28)) - 13.5
    ring = 255 * np.exp(-(((np.hypot(y, x) - 7) / 1.5) ** 4))
    return np.repeat(np.rint(ring).astype(np.uint8)[None], 30, axis=0)


def test_severities_are_those_of_mnist_c():
    assert {name: one.severity for name, one in CORRUPTIONS.items()} == {
        "shot_noise": 5,
        "impulse_noise": 4,
        "glass_blur": 1,
        "motion_blur": 1,
        "shear": 2,
        "scale": 3,
        "rotate": 2,
        "brightness": 5,
        "translate": 3,
        "stripe": 1,
        "fog": 5,
        "spatter": 4,
        "dotted_line": 1,
        "zigzag": 1,
        "canny_edges": 1,
    }


@every_corruption
def test_equal_seeds_corrupt_equally_and_leave_the_input_unchanged(name, rings):
    before = rings.copy()
    once = corrupt(rings, name, seed=3)
    assert (once.dtype, once.shape) == (np.uint8, rings.shape)
    np.testing.assert_array_equal(once, corrupt(rings, name, seed=3))
    np.testing.assert_array_equal(rings, before)
    assert (once != rings).any(axis=(1, 2)).mean() > 0.9  # a line may lie on the ring
    by_chance = name not in ("scale", "brightness", "stripe", "canny_edges")
    assert (once != corrupt(rings, name, seed=4)).any() == by_chance
    assert (once != once[:1]).any() == by_chance


@every_corruption
def test_zero_images_are_corrupted_to_zero_images(name):
    assert corrupt(full(0, 0), name).shape == (0, 28, 28)


@pytest.mark.parametrize("name", ["shot_noise", "zigzag"])
def test_whole_blocks_do_not_depend_on_what_follows(name):
    images = full(90, BLOCK_IMAGES + 5)
    np.testing.assert_array_equal(
        corrupt(images, name)[:BLOCK_IMAGES], corrupt(images[:BLOCK_IMAGES], name)
    )
    assert (corrupt(images, name)[BLOCK_IMAGES:] != corrupt(images, name)[:5]).any()


@pytest.mark.parametrize(
    "name",  # not fog: its third severity is thicker than the second, but darker
    ["shot_noise", "impulse_noise", "motion_blur", "brightness", *MOVES],
)
def test_a_higher_severity_changes_more(name):
    y, x = np.indices((28, 28)) - 13.5
    blob = np.rint(255 * np.exp(-((y / 9) ** 2) - (x / 4) ** 2)).astype(np.uint8)
    blobs = np.repeat(blob[None], 100, axis=0)
    changes = [
        np.abs(corrupt(blobs, name, severity=s).astype(int) - blobs).mean() for s in range(1, 6)
    ]
    assert changes == sorted(changes)
    assert changes[0] > 0.5


@pytest.mark.parametrize(
    "name", ["shot_noise", "glass_blur", "motion_blur", *MOVES, "fog", "canny_edges"]
)
def test_paper_stays_paper(name):
    assert not corrupt(full(0, 3), name).any()


def test_bad_input_to_corrupt_is_rejected():
    with pytest.raises(UsageError, match=r"unknown corruption 'foq'; known: .* 'fog'\?"):
        corrupt(full(0), "foq")
    with pytest.raises(UsageError, match=r"fog: severity must be .* 1 to 5, got 6"):
        corrupt(full(0), "fog", severity=6)
    with pytest.raises(UsageError, match=r"stripe: severity must be .* 1 to 1, got 2"):
        corrupt(full(0), "stripe", severity=2)
    with pytest.raises(UsageError, match="seed must be a whole number of at least 0, got -1"):
        corrupt(full(0), "fog", seed=-1)
    with pytest.raises(DataError, match="raw pixels"):
        corrupt(full(0) / 255, "fog")


def test_shot_noise_has_the_mean_and_variance_of_poisson_counts(rng):
    noisy = shot_noise(full(51, 100), rng, photons=5) / 51  # a fifth of the ink: 1 photon expected
    assert set(np.unique(noisy)) == {0, 1, 2, 3, 4, 5}  # full ink, 5, is the most
    shares = [(noisy == count).mean() for count in range(4)]
    np.testing.assert_allclose(shares, np.exp(-1) / np.array([1, 1, 2, 6]), atol=0.006)


def test_impulse_noise_sets_as_many_pixels_to_ink_as_to_paper(rng):
    noisy = impulse_noise(full(100, 100), rng, share=0.17)
    shares = [(noisy == level).mean() for level in (0, 100, 255)]
    np.testing.assert_allclose(shares, [0.085, 0.83, 0.085], atol=0.004)


def test_glass_blur_without_a_gaussian_only_swaps_pixels(rng):
    images = rng.integers(0, 256, (5, 28, 28)).astype(np.uint8)
    scattered = glass_blur(images, rng, sigma=1e-3, reach=2, rounds=1)
    assert (scattered != images).mean() > 0.4
    np.testing.assert_array_equal(np.sort(scattered.reshape(5, -1)), np.sort(images.reshape(5, -1)))
    assert (glass_blur(full(200), rng, sigma=2, reach=1, rounds=1) == 200).all()


def test_glass_blur_moves_pixels_within_its_reach_and_blurs_down_columns(rng):
    dot = full(0, 500)
    dot[:, 14, 14] = 255
    blurred = glass_blur(dot, rng, sigma=0.7, reach=1, rounds=0)
    kernel = ndimage.gaussian_filter1d(np.eye(28)[14], np.hypot(0.7, 0.7))
    np.testing.assert_allclose(blurred[0, :, 14] / 255, kernel, atol=0.02)
    assert not blurred[:, :, :14].any()
    assert not blurred[:, :, 15:].any()


def test_motion_blur_spreads_a_dot_along_one_line_to_the_left(rng):
    dot = full(0, 50)
    dot[:, 14, 22] = 255
    blurred = motion_blur(dot, rng, radius=10, sigma=3).astype(float)
    weights = np.exp(-(np.arange(21) ** 2) / 18)
    np.testing.assert_allclose(blurred[:, 14, 22], 255 * weights[0] / weights.sum(), atol=0.5)
    np.testing.assert_allclose(blurred.sum(axis=(1, 2)), 255, atol=5)  # rounded some 10 times
    assert not blurred[:, :, 23:].any()
    rows = blurred.sum(axis=2) @ np.arange(28) / blurred.sum(axis=(1, 2)) - 14
    assert -1.8 < rows.min() < -1.2  # at 45 degrees the mean of |i| weights, 2.2, times sin 45
    assert 1.2 < rows.max() < 1.8


def test_translate_moves_whole_pixels_to_all_four_corners(rng):
    images = rng.integers(0, 256, (40, 28, 28)).astype(np.uint8)
    found = set()
    for image, shifted in zip(images, translate(images, rng, pixels=3), strict=True):
        wide = np.pad(image, 3)
        for down in (-3, 3):
            for across in (-3, 3):
                window = wide[3 - down : 31 - down, 3 - across : 31 - across]
                if (window == shifted).all():
                    found.add((down, across))
    assert len(found) == 4


def test_scale_shrinks_about_the_centre(rng):
    block = full(0)
    block[:, 4:24, 4:24] = 255  # 20 pixels wide, 14 after
    small = scale(block, rng, factor=0.7)[0]
    assert small.sum() / 255 == pytest.approx(14**2, rel=0.02)
    np.testing.assert_array_equal(small, small[::-1, ::-1])


def test_rotate_agrees_with_scipy_in_both_directions(rings, rng):
    rings[:, :, :10] = 0  # not the same from all sides
    turned = rotate(rings, rng, radians=0.4).astype(int)
    either = [
        ndimage.rotate(rings[0].astype(float), np.degrees(way * 0.4), reshape=False, order=1)
        for way in (1, -1)
    ]
    ways = [np.abs(turned - one).max(axis=(1, 2)) < 1.01 for one in either]
    assert ways[0].any()
    assert ways[1].any()
    assert (ways[0] ^ ways[1]).all()


def test_shear_slants_a_vertical_line_by_the_sine(rng):
    line = full(0, 20)
    line[:, :, 13:15] = 255
    slanted = shear(line, rng, radians=0.4).astype(float)
    middles = slanted @ np.arange(28) / slanted.sum(axis=2) - 13.5
    leaning = np.abs(middles - np.sign(middles[:, -1:]) * np.sin(0.4) * (np.arange(28) - 13.5))
    assert leaning[:, 3:25].max() < 0.02
    assert len(set(np.sign(middles[:, -1]))) == 2


def test_images_without_amounts_stay_unchanged(rings):
    np.testing.assert_array_equal(move_images(rings), rings)


def test_brightness_adds_light_up_to_full_level(rng):
    images = np.array([0, 100, 200], np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    assert brightness(images, rng, light=0.4)[:, 0, 0].tolist() == [102, 202, 255]


def test_fog_reduces_contrast_by_its_share_and_keeps_the_maximum(rng):
    image = full(0, 8)
    image[:, 10:18, 10:18] = 200
    hazy = fog(image, rng, thickness=3, decay=1.4).astype(int)
    clear = fog(full(200, 8), np.random.default_rng(20), thickness=3, decay=1.4).astype(int)
    assert hazy.max() <= 200
    # ink 200 / 255 of most 200 / 255: the step from paper to ink is ink * most / (most + 3)
    step = 200 * (200 / 255) / (200 / 255 + 3)
    np.testing.assert_allclose((clear - hazy)[:, 0], step, atol=1.01)
    assert np.abs((clear - hazy)[:, 10:18, 10:18]).max() == 0


def test_clouds_run_from_0_to_1_and_join_over_the_edges(rng):
    sky = clouds(4, 1.4, rng, size=64)
    assert sky.min(axis=(1, 2)).tolist() == [0, 0, 0, 0]
    assert sky.max(axis=(1, 2)).tolist() == [1, 1, 1, 1]
    for axis in (1, 2):
        step = np.abs(np.diff(sky, axis=axis)).mean()
        seam = np.abs(sky.take(0, axis) - sky.take(-1, axis)).mean()
        assert seam < 1.5 * step
    rough = np.abs(np.diff(clouds(20, 1.2, rng, 64), axis=2)).mean()
    assert rough > 2 * np.abs(np.diff(clouds(20, 2.0, rng, 64), axis=2)).mean()


def slow_clouds(size, decay, rng):
    """One sky, a point at a time."""
    sky, step, amplitude = np.zeros((size, size)), size, 1.0
    while step > 1:
        half = step // 2
        starts = [(half, half), (0, half), (half, 0)]
        for kind, (first_row, first_column) in enumerate(starts):
            near = [(-1, -1), (-1, 1), (1, -1), (1, 1)] if kind == 0 else [(0, 1), (1, 0)]
            near = near if kind == 0 else [*near, (0, -1), (-1, 0)]
            for row in range(first_row, size, step):
                for column in range(first_column, size, step):
                    around = [
                        sky[(row + half * y) % size, (column + half * x) % size] for y, x in near
                    ]
                    noise = (2 * rng.random(dtype=np.float32) - 1) * amplitude
                    sky[row, column] = np.mean(around) + noise
        step, amplitude = half, amplitude / decay**2
    return (sky - sky.min()) / (sky.max() - sky.min())


def test_clouds_agree_with_a_point_by_point_implementation():
    expected = slow_clouds(16, 1.4, np.random.default_rng(0))
    sky = clouds(1, 1.4, np.random.default_rng(0), size=16)[0]
    np.testing.assert_allclose(sky, expected, atol=1e-5)


def test_spatter_covers_with_mud_and_leaves_the_rest(rng):
    drops = {"mean": 0.65, "spread": 0.3, "drop": 1, "threshold": 0.65, "softness": 1.5}
    seeds = [np.random.default_rng(5) for _ in range(2)]
    muddy, on_ink = (spatter(full(x, 50), r, **drops) for x, r in zip((0, 255), seeds, strict=True))
    covered = muddy > 0
    assert 0.02 < covered.mean() < 0.3
    assert (on_ink[~covered] == 255).all()
    assert muddy[covered].min() >= 0.8 * MUD_LEVEL - 1
    assert muddy.max() == on_ink.min() == MUD_LEVEL


def test_stripe_inverts_the_outer_quarters_and_twice_is_nothing(rings, rng):
    striped = stripe(rings, rng)
    np.testing.assert_array_equal(striped[:, :, 7:21], rings[:, :, 7:21])
    np.testing.assert_array_equal(striped[:, :, :7], 255 - rings[:, :, :7])
    np.testing.assert_array_equal(striped[:, :, 21:], 255 - rings[:, :, 21:])
    np.testing.assert_array_equal(stripe(striped, rng), rings)


def test_a_stroke_fades_by_the_logarithm_of_its_distance():
    one = [np.array([value]) for value in (3.5, 10.0, 8.2, 10.0)]
    ink = stroke((28, 28), *one)[0]
    side = 1 + np.log(1 - 1 / 2.3)
    np.testing.assert_allclose(ink[8:13, 5], [0, side, 1, side, 0], atol=1e-6)
    assert ink.any(axis=0).nonzero()[0].tolist() == [3, 4, 5, 6, 7, 8]


def test_a_dotted_line_shows_every_other_two_columns_between_random_rows(rng):
    lines = dotted_line(full(0, 400), rng)
    shown = lines.any(axis=(0, 1)).nonzero()[0]
    assert shown.tolist() == [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26]
    rows = lines.argmax(axis=1)
    assert rows[:, 2].min() <= 1
    assert rows[:, 26].max() >= 25
    slopes = rows[:, 26] - rows[:, 2]
    assert slopes.min() < -15
    assert slopes.max() > 15


def test_a_zigzag_turns_every_four_columns_two_rows_from_its_line(rng):
    drawn = zigzag(full(0, 2000), rng)
    assert not drawn[:, :, :2].any()
    assert not drawn[:, :, 26:].any()
    # of those that neither rise nor fall, one from row 10 on
    level = [
        image for image in drawn if image[12, 4] == image[12, 12] == 255 and image[8, 8] == 255
    ]
    rows = level[0].argmax(axis=0)
    assert rows[[4, 8, 12, 16, 20, 24]].tolist() == [12, 8, 12, 8, 12, 8]
    assert len({image.tobytes() for image in drawn}) == 270  # 27 rows, 10 slopes


def test_lines_are_added_to_ink_that_is_there(rng):
    assert (zigzag(full(255), rng) == 255).all()
    assert dotted_line(full(100, 20), rng).min() == 100


def test_canny_finds_the_outline_of_a_square_and_nothing_on_a_flat_image(rng):
    square = full(0)
    square[:, 8:20, 8:20] = 255
    edges = canny_edges(square, rng)[0]
    assert set(np.unique(edges)) == {0, 255}
    hollow = ndimage.binary_fill_holes(edges) & (edges == 0)
    assert hollow[10:18, 10:18].all()
    rows = edges[14].nonzero()[0]  # a line one or two pixels wide, on either side of the step
    assert set(rows) <= {7, 8, 19, 20}
    assert len(rows) >= 2
    assert not canny_edges(full(200), rng).any()


@pytest.mark.parametrize(("level", "found"), [(4, False), (100, True)])
def test_canny_needs_a_strong_gradient_somewhere(level, found, rng):
    square = full(0)
    square[:, 8:20, 8:20] = level
    assert canny_edges(square, rng).any() == found


def test_canny_follows_an_edge_into_a_weak_part_but_starts_none_there(rng):
    ramp = np.linspace(0, 255, 28).astype(np.uint8)
    step = full(0)
    step[:, 14:] = ramp  # an edge between two rows that gets steeper to the right
    both = canny_edges(step, rng, low=0.1, high=0.5)
    strong = canny_edges(step, rng, low=0.5, high=0.5)
    assert both.sum() > strong.sum() > 0
    assert not canny_edges(step[:, :, :6], rng, low=0.1, high=0.9).any()


def test_a_strong_edge_does_not_connect_to_the_next_image(rng):
    square = full(0, 3)
    square[:, 8:20, 8:20] = np.array([10, 200, 10], np.uint8)[:, None, None]
    edges = canny_edges(square, rng, low=0.05, high=1.0)
    assert edges.any(axis=(1, 2)).tolist() == [False, True, False]
    assert canny_edges(square, rng, low=0.05, high=0.05).any(axis=(1, 2)).all()
