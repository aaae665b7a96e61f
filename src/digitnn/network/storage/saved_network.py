"""A saved network: the two files that are needed to classify.

    network.json         the description
    params.safetensors   the parameters, of any precision

Quantised, weights have 8 bits and everything else 16. Weights become integers from -127 to 127
times a scale, one scale for each output unit or channel, since channels differ by factors of ten
(Krishnamoorthi 2018, "Quantizing deep convolutional networks for efficient inference": uniform
symmetric quantizer, per channel, weights only). Only the stored values are rounded: the network
computes with floats.
Axes: o output units or channels.

This module imports none of the training code, so that the reader starts quickly.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int8
from numpy import ndarray

from digitnn.errors import DataError, DigitnnError, RunError
from digitnn.network.network import Network
from digitnn.network.storage.not_runs import check_is_no_file
from digitnn.network.storage.safetensors import load_safetensors

NETWORK, PARAMS = "network.json", "params.safetensors"

SCALE = ".scale"
"""The suffix that turns a parameter's name into that of its scales (o,)."""

MAX_LEVEL = 127


def load_network(folder: Path) -> tuple[Network, dict[str, ndarray]]:
    """Load the network in `folder` and its parameters, dequantised to float32.

    Raises `RunError` naming what is missing, damaged or inconsistent.
    """
    check_is_no_file(folder)
    try:
        network = Network.from_json(read_json(folder / NETWORK))
        params = dequantise(load_safetensors(folder / PARAMS))
        network.check(params)
    except OSError as error:
        raise RunError(f"{folder}: cannot be read ({error.strerror or error})") from None
    except DigitnnError as error:
        raise RunError(f"{folder}: {error}") from None
    return network, params


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file. Raises `RunError`."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise RunError(f"{path} is damaged: expected an object, got {type(value).__name__}")
    return value


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


def round_weights(params: Mapping[str, ndarray]) -> dict[str, ndarray]:
    """Return float32 parameters, weights (two axes or more) rounded to int8 and back."""
    found = {}
    for name, array in params.items():
        found[name] = np.asarray(array, np.float32)
        if array.ndim >= 2:
            levels, scales = quantise_channels(found[name])
            found[name] = levels * _across(scales, levels)
    return found


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
