"""Windows of glyphs: where they lie, how grey they are; the network that ships."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from digitnn.atomic_files import write_text
from digitnn.errors import RunError
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import Dense, Flatten
from digitnn.network.network import Network
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import NETWORK, PARAMS, load_network
from digitnn.reader.page.glyph_network import (
    CLASSES,
    GLYPH_SIDE,
    MIDDLE,
    SHIPPED_FOLDER,
    SIDE,
    SPREAD,
    load_glyph_network,
    shipped_glyph_network,
    windows,
)


def page_with(box, ink: int = 0, shape=(200, 260)) -> np.ndarray:
    grey = np.full(shape, 255, np.uint8)
    left, top, right, bottom = box
    grey[top:bottom, left:right] = ink
    return grey


@pytest.mark.parametrize("size", [10, 20, 60, 130])
@pytest.mark.parametrize("wide", [0.3, 1.0])
def test_a_box_of_any_size_fills_the_middle_half_of_its_window(size, wide):
    w = round(wide * size)
    box = (100, 40, 100 + w, 40 + size)
    (window,) = windows(page_with(box), np.array([box], np.float32))
    assert (window.shape, window.dtype) == ((SIDE, SIDE), np.uint8)
    dark = window < window.mean()
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    start = (SIDE - GLYPH_SIDE) / 2
    assert_allclose([rows[0], rows[-1] + 1], [start, start + GLYPH_SIDE], atol=1)
    half = GLYPH_SIDE * w / size / 2
    assert_allclose([columns[0], columns[-1] + 1], [SIDE / 2 - half, SIDE / 2 + half], atol=1.5)


def test_neighbours_are_seen_where_they_are():
    """A dark stroke one box's width to the right of the box, and none to its left."""
    grey = page_with((100, 40, 120, 80))
    grey[40:80, 130:134] = 0
    (window,) = windows(grey, np.array([(100, 40, 120, 80)], np.float32))
    row = window[SIDE // 2] < 100
    assert row[24 + 2 : 24 + 9].any()
    assert not row[:14].any()


@pytest.mark.parametrize("factor", [0.25, 0.5])
def test_a_pale_page_gives_the_same_window(factor):
    box = (100, 40, 130, 80)
    strong = page_with(box)
    pale = (200 - factor * (255 - strong.astype(float))).astype(np.uint8)
    one, other = (windows(grey, np.array([box], np.float32))[0] for grey in (strong, pale))
    assert_allclose(one.astype(int), other, atol=2)
    assert_allclose([one.mean(), one.std()], [MIDDLE, SPREAD], atol=8)  # black is cut off at 0


def test_noise_of_a_plain_page_is_not_stretched_to_full_contrast(rng):
    grey = (200 + rng.integers(0, 2, (100, 100))).astype(np.uint8)
    (window,) = windows(grey, np.array([(40, 40, 60, 60)], np.float32))
    assert window.std() < 0.4 * SPREAD


def test_beyond_the_page_goes_on_the_tone_of_its_border():
    grey = np.full((60, 60), 90, np.uint8)
    grey[:, 30:] = 200
    boxes = np.array([(40, 10, 60, 40), (-300, -300, -280, -270), (50, 50, 90, 95)], np.float32)
    found = windows(grey, boxes)
    assert found.shape == (3, SIDE, SIDE)
    assert (found[0][:, -5:] == found[0][0, -1]).all()
    assert found[1].std() == 0
    assert found[2][-1, -1] == found[2][SIDE // 2, -1]


def test_windows_of_a_turned_view_of_a_page_are_those_of_its_copy(rng):
    """Pages come as views that are neither contiguous nor writable."""
    grey = np.rot90(rng.integers(0, 256, (80, 120), np.uint8))
    grey.flags.writeable = False
    boxes = np.array([(10, 20, 30, 60)], np.float32)
    assert_array_equal(windows(grey, boxes), windows(grey.copy(), boxes))


def test_no_boxes_give_no_windows_and_no_answers():
    none = windows(np.zeros((30, 30), np.uint8), np.empty((0, 4), np.float32))
    assert none.shape == (0, SIDE, SIDE)
    assert shipped_glyph_network()(none).shape == (0, len(CLASSES))


def test_the_shipped_network_gives_probabilities(rng):
    found = shipped_glyph_network()(rng.integers(0, 256, (3, SIDE, SIDE), np.uint8))
    assert (found.shape, found.dtype) == ((3, len(CLASSES)), np.float32)
    assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert shipped_glyph_network() is shipped_glyph_network()


def test_the_memory_of_a_window_does_not_depend_on_the_size_of_its_box():
    grey = np.full((300, 400), 200, np.uint8)
    grey[100:200, 150:250] = 20
    boxes = np.array([(-50_000, -60_000, 70_000, 40_000), (90_000, 0, 90_010, 20)], np.float32)
    tracemalloc.start()
    found = windows(grey, boxes)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == (2, SIDE, SIDE)
    assert most < 4 * grey.nbytes


def test_a_large_glyph_looks_like_a_small_one(rng):
    """It is reduced in two steps, and by a whole factor first."""
    small = np.kron(rng.integers(0, 256, (12, 12)).astype(np.uint8), np.ones((8, 8), np.uint8))
    box = np.array([(24, 16, 72, 80)], np.float32)
    large = windows(np.kron(small, np.ones((7, 7), np.uint8)), 7 * box)[0]
    assert np.abs(large.astype(int) - windows(small, box)[0]).mean() < 3


@pytest.mark.parametrize(("labels", "side"), [(CLASSES[:-1], SIDE), (CLASSES, 28)])
def test_another_network_is_one_error(labels, side, tmp_path):
    layers = (Flatten(), Dense(len(labels)))
    network = Network(layers, labels=tuple(labels), input=(1, side, side))
    write_text(tmp_path / NETWORK, json.dumps(network.to_json()))
    params = initial_parameters(network, "pytorch", np.random.default_rng(0))
    save_safetensors(tmp_path / PARAMS, params)
    with pytest.raises(RunError, match="expected a network of windows"):
        load_glyph_network(tmp_path)


def test_the_temperature_of_a_network_softens_its_answers(tmp_path, rng):
    network, params = load_network(SHIPPED_FOLDER)
    soft = replace(network, temperature=2 * network.temperature)
    write_text(tmp_path / NETWORK, json.dumps(soft.to_json()))
    save_safetensors(tmp_path / PARAMS, params)
    images = rng.integers(0, 256, (2, SIDE, SIDE), np.uint8)
    usual, softer = (np.log(look(images)) for look in
                     (shipped_glyph_network(), load_glyph_network(tmp_path)))  # fmt: skip
    differences = usual - usual[:, :1]
    assert_allclose(softer - softer[:, :1], differences / 2, atol=1e-3)


def test_a_missing_network_is_one_error(tmp_path):
    with pytest.raises(RunError, match=r"network\.json is damaged"):
        load_glyph_network(tmp_path / "nowhere")
