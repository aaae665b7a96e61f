"""Parameters in fewer bytes: eight bits a weight, sixteen for all else, and back.

A layer's weights go to whole numbers of -127 to 127 times a scale, one scale for each unit or
channel that they lead to, since one channel's weights may be a tenth of another's (Krishnamoorthi
2018, "Quantizing deep convolutional networks for efficient inference": uniform symmetric quantizer,
per channel, weights only). Only what is stored is rounded: the network computes with floats.
Axes: o units or channels out.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32, Int8
from numpy import ndarray

from digitnn.errors import DataError

SCALE = ".scale"
"""Ends the name of the scales (o,) of the parameter whose name it follows."""

LARGEST = 127


def quantise(params: Mapping[str, ndarray]) -> dict[str, ndarray]:
    """Weights, of two axes or more, as int8 with their scales; biases and the like as float16.

    Raises `DataError` for what half precision cannot hold, and for what is no number.
    """
    found: dict[str, ndarray] = {}
    for name, array in params.items():
        if not np.isfinite(array).all():
            raise DataError(f"parameter {name} holds NaN or infinity")
        if array.ndim >= 2:
            found[name], found[name + SCALE] = rounded(array)
            continue
        with np.errstate(over="ignore"):  # told below, by name
            found[name] = array.astype(np.float16)
        if not np.isfinite(found[name]).all():
            raise DataError(f"parameter {name} is too large for half precision")
    return found


def rounded(
    weights: Float32[ndarray, "o ..."],
) -> tuple[Int8[ndarray, "o ..."], Float32[ndarray, " o"]]:
    """The nearest multiples of each channel's scale, of which its largest weight is 127.

    A channel of weights too small for a scale of float32's full precision becomes one of zeros.
    """
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    least = LARGEST * np.finfo(np.float32).tiny
    scales = (np.where(largest > least, largest, 1) / LARGEST).astype(np.float32)
    return np.rint(weights / _across(scales, weights)).astype(np.int8), scales


def dequantise(params: Mapping[str, ndarray]) -> dict[str, ndarray]:
    """What `quantise` made, or any parameters, as floats of at least 32 bits.

    Raises `DataError` where weights and scales do not fit together.
    """
    found: dict[str, ndarray] = {}
    for name, array in params.items():
        weights = params.get(name.removesuffix(SCALE)) if name.endswith(SCALE) else None
        if weights is not None and weights.dtype == np.int8:
            continue
        if array.dtype == np.int8:
            scales = params.get(name + SCALE)
            if scales is None or array.ndim < 2 or scales.shape != array.shape[:1]:
                raise DataError(f"parameter {name} is int8 and needs {name + SCALE}, one a channel")
            found[name] = array * _across(scales.astype(np.float32), array)
        else:
            found[name] = array.astype(np.float32) if array.dtype == np.float16 else array
    return found


def _across(scales: Float32[ndarray, " o"], weights: ndarray) -> ndarray:
    return scales.reshape(-1, *[1] * (weights.ndim - 1))
