"""Leaving out pixels changes what is computed, not what the network says."""

import numpy as np
import pytest
from both_engines import in_double

from digitnn.engines.scratch.backpropagation import forward
from digitnn.network.layers import Dense, Flatten, Tanh
from digitnn.network.network import Standardise
from digitnn.training.fullbatch import expand, features, restrict, varying_pixels

LAYERS = (Flatten(), Dense(6), Tanh(), Dense(10))


@pytest.mark.parametrize("n", [1, 2, 999, 1000, 1001, 2500])
def test_pixels_are_chosen_by_the_standard_deviation_that_numpy_finds(n, rng):
    spread = np.linspace(0, 127, 16).reshape(4, 4)
    images = (127.5 + spread * rng.uniform(-1, 1, (n, 4, 4))).astype(np.uint8)
    std = images.reshape(n, 16).std(axis=0)
    for least_std in np.linspace(0, 80, 161):
        np.testing.assert_array_equal(varying_pixels(images, least_std), std >= least_std)


def test_a_pixel_exactly_at_the_limit_is_kept():
    images = np.array([[[0, 7]], [[2, 7]]], np.uint8)
    np.testing.assert_array_equal(varying_pixels(images, 1.0), [True, False])


def test_a_constant_pixel_has_exactly_no_deviation_whatever_its_value():
    images = np.broadcast_to(np.arange(256, dtype=np.uint8), (3001, 1, 256))
    assert not varying_pixels(images, 1e-6).any()


def test_a_limit_of_zero_keeps_every_pixel_even_a_constant_one(digits):
    assert varying_pixels(digits.images, 0.0).all()


def test_features_are_the_kept_pixels_standardised(rng):
    images = rng.integers(0, 256, (5, 4, 4), np.uint8)
    kept = rng.random(16) < 0.5
    found = features(images, Standardise(30.0, 80.0), kept)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (images.reshape(5, 16)[:, kept] - 30.0) / 80, rtol=1e-5)


@pytest.fixture
def some_pixels(digits):
    kept = varying_pixels(digits.images, 15.0)
    assert 0 < np.count_nonzero(kept) < 784
    return kept


def random_params(rng, pixels):
    shapes = {"1.weight": (6, pixels), "1.bias": (6,), "3.weight": (10, 6), "3.bias": (10,)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def test_restricting_the_expanded_parameters_gives_them_back(some_pixels, rng):
    narrow = random_params(rng, np.count_nonzero(some_pixels))
    back = restrict(expand(narrow, some_pixels), some_pixels)
    assert back.keys() == narrow.keys()
    for name, p in narrow.items():
        np.testing.assert_array_equal(back[name], p)


def test_expanding_the_restricted_parameters_clears_the_weights_of_other_pixels(some_pixels, rng):
    whole = random_params(rng, 784)
    before = whole["1.weight"].copy()
    back = expand(restrict(whole, some_pixels), some_pixels)
    np.testing.assert_array_equal(back["1.weight"], np.where(some_pixels, before, 0))
    np.testing.assert_array_equal(whole["1.weight"], before)
    for name in ("1.bias", "3.weight", "3.bias"):
        np.testing.assert_array_equal(back[name], whole[name])


def test_the_expanded_network_gives_the_logits_of_the_restricted_one(digits, some_pixels, rng):
    standardise = Standardise(33.0, 78.0)
    narrow = in_double(random_params(rng, np.count_nonzero(some_pixels)))
    x = features(digits.images, standardise, some_pixels).astype(np.float64)
    restricted, _ = forward(LAYERS, narrow, x)
    pixels = standardise(digits.images).astype(np.float64)
    whole, _ = forward(LAYERS, expand(narrow, some_pixels), pixels)
    np.testing.assert_allclose(whole, restricted, rtol=0, atol=1e-11)  # sums of 784 numbers
