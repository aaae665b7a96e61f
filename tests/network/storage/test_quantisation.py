"""Weights in eight bits: near what they were, by each channel's own scale; damaged ones refused."""

import numpy as np
import pytest

from digitnn.errors import DataError
from digitnn.network.storage.saved_network import dequantise, quantise

RNG = np.random.default_rng(0)
CHANNELS = RNG.standard_normal((3, 2, 5, 5)).astype(np.float32) * np.array(
    [1e-3, 1, 50], np.float32
).reshape(3, 1, 1, 1)


def test_each_weight_is_off_by_half_a_step_of_its_own_channel_at_most():
    back = dequantise(quantise({"0.weight": CHANNELS}))["0.weight"]
    assert back.dtype == np.float32
    step = np.abs(CHANNELS).max(axis=(1, 2, 3)) / 127
    off = np.abs(back - CHANNELS).max(axis=(1, 2, 3))
    assert (off <= 0.5001 * step).all()
    assert (off > 0.3 * step).all()  # no finer than it claims


def test_a_weight_is_one_byte_and_all_else_two():
    small = quantise({"0.weight": CHANNELS, "0.bias": np.array([0.1, -3, 7], np.float32)})
    assert small["0.weight"].nbytes == CHANNELS.size
    assert small["0.bias"].dtype == np.float16
    np.testing.assert_array_equal(
        dequantise(small)["0.bias"], np.array([0.1, -3, 7], np.float16).astype(np.float32)
    )
    assert dequantise(small).keys() == {"0.weight", "0.bias"}


def test_the_largest_weight_and_channels_of_zeros_come_back_as_they_were():
    weights = np.array([[0, 0], [-2, 1]], np.float32)
    np.testing.assert_allclose(dequantise(quantise({"w": weights}))["w"][0], [0, 0])
    assert dequantise(quantise({"w": weights}))["w"][1, 0] == pytest.approx(-2, rel=1e-6)


@pytest.mark.parametrize("value", [1e-45, 2.7e-43, 1e-38])
def test_a_channel_too_small_for_a_scale_becomes_zeros(value):
    weights = np.array([[value, -value], [-2, 1]], np.float32)
    assert weights[0, 0] > 0
    np.testing.assert_allclose(
        dequantise(quantise({"w": weights}))["w"], [[0, 0], [-2, 1]], atol=0.01
    )


def test_parameters_that_were_never_narrowed_stay():
    whole = {"0.weight": CHANNELS, "0.scale": np.ones(3)}
    back = dequantise(whole)
    assert back["0.weight"] is CHANNELS
    assert back["0.scale"].dtype == np.float64


def test_what_half_precision_cannot_hold_is_named():
    with pytest.raises(DataError, match=r"0\.bias"):
        quantise({"0.bias": np.array([1e6], np.float32)})


@pytest.mark.parametrize("shape", [(2,), (2, 3)])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_named(shape, value):
    with pytest.raises(DataError, match=r"0\.weight holds NaN or infinity"):
        quantise({"0.weight": np.full(shape, value, np.float32)})


@pytest.mark.parametrize("scales", [None, np.ones(2, np.float32), np.ones((3, 1), np.float32)])
def test_weights_without_a_scale_for_each_channel_are_refused(scales):
    small = quantise({"0.weight": CHANNELS})
    del small["0.weight.scale"]
    if scales is not None:
        small["0.weight.scale"] = scales
    with pytest.raises(DataError, match=r"0\.weight\.scale"):
        dequantise(small)
