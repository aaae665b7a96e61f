"""Quantisation of parameters for storage: 8 bits for weights, 16 bits for everything else.

Weights become integers from -127 to 127 times a scale, one scale for each output unit or channel,
since channels differ by factors of ten (Krishnamoorthi 2018, "Quantizing deep convolutional
networks for efficient inference": uniform symmetric quantizer, per channel, weights only). Only
the stored values are rounded: the network computes with floats.
Axes: o output units or channels.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32, Int8
from numpy import ndarray

from digitnn.errors import DataError

SCALE = ".scale"
"""The suffix that turns a parameter's name into that of its scales (o,)."""

MAX_LEVEL = 127


def quantise(params: Mapping[str, ndarray]) -> dict[str, ndarray]:
    """Quantise weights (two axes or more) to int8 with scales, all others to float16.

    Raises `DataError` for NaN, infinity, and values too large for half precision.
    """
    found: dict[str, ndarray] = {}
    for name, array in params.items():
        if not np.isfinite(array).all():
            raise DataError(f"parameter {name} holds NaN or infinity")
        if array.ndim >= 2:
            found[name], found[name + SCALE] = quantise_channels(array)
            continue
        with np.errstate(over="ignore"):  # reported below, by name
            found[name] = array.astype(np.float16)
        if not np.isfinite(found[name]).all():
            raise DataError(f"parameter {name} is too large for half precision")
    return found


def quantise_channels(
    weights: Float32[ndarray, "o ..."],
) -> tuple[Int8[ndarray, "o ..."], Float32[ndarray, " o"]]:
    """Round to multiples of each channel's scale, which is its largest weight / 127.

    A channel whose weights are too small for a normal float32 scale becomes zero.
    """
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    least = MAX_LEVEL * np.finfo(np.float32).tiny
    scales = (np.where(largest > least, largest, 1) / MAX_LEVEL).astype(np.float32)
    return np.rint(weights / _across(scales, weights)).astype(np.int8), scales


def dequantise(params: Mapping[str, ndarray]) -> dict[str, ndarray]:
    """Return parameters, quantised or not, as floats of at least 32 bits.

    Raises `DataError` if weights and scales do not match.
    """
    found: dict[str, ndarray] = {}
    for name, array in params.items():
        weights = params.get(name.removesuffix(SCALE)) if name.endswith(SCALE) else None
        if weights is not None and weights.dtype == np.int8:
            continue
        if array.dtype == np.int8:
            scales = params.get(name + SCALE)
            if scales is None or array.ndim < 2 or scales.shape != array.shape[:1]:
                raise DataError(
                    f"parameter {name} is int8 and needs {name + SCALE}, one per channel"
                )
            found[name] = array * _across(scales.astype(np.float32), array)
        else:
            found[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    return found


def _across(scales: Float32[ndarray, " o"], weights: ndarray) -> ndarray:
    return scales.reshape(-1, *[1] * (weights.ndim - 1))
