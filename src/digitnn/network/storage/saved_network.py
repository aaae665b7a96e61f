"""A saved network: the two files that are needed to classify.

    network.json         the description
    params.safetensors   the parameters, of any precision

It imports none of the training code, so that the reader starts quickly.
"""

import json
from pathlib import Path
from typing import Any

from numpy import ndarray

from digitnn.errors import DigitnnError, RunError, ShapeError
from digitnn.network.network import DIGITS, Network
from digitnn.network.storage.quantisation import dequantise
from digitnn.network.storage.safetensors import load_safetensors

NETWORK, PARAMS = "network.json", "params.safetensors"


def load_network(folder: Path) -> tuple[Network, dict[str, ndarray]]:
    """Load the network of digits in `folder` and its parameters, dequantised to float32.

    Raises `RunError` naming what is missing, damaged or inconsistent.
    """
    try:
        network = Network.from_json(read_json(folder / NETWORK))
        params = dequantise(load_safetensors(folder / PARAMS))
        network.check(params)
        if network.labels != DIGITS:
            raise ShapeError(f"its labels must be 0 to 9, got {', '.join(network.labels)}")
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
