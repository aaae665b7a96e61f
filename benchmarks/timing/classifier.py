"""How fast is inference of the from-scratch engine, beside onnxruntime on the same network?

Classifies the same images with both, in turns, on one core and on all, after checking that the
logits agree: the reader's network with its weights, and recipes with initial weights. Rates are
medians; a ratio is the median over rounds, above 1 where the from-scratch engine is faster.
`layer_by_layer` is the forward pass that training uses. Needs onnx and onnxruntime.

    python -m benchmarks.timing.classifier --json [--repeats 15] [--images 2000]

Set OPENBLAS_CORETYPE=Haswell for the matrix products of a processor without AVX-512;
onnxruntime has no such setting.
"""

import os
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import numpy as np
from numpy import ndarray

from benchmarks.measuring import load_data, parse_arguments, print_result, seconds_in_turns
from benchmarks.timing import onnx_peer
from digitnn.engines.find import find_engine
from digitnn.engines.scratch.engine import output_of
from digitnn.machine.resources import available_cores, use_resources
from digitnn.network.initialisation import initial_parameters
from digitnn.network.network import Network
from digitnn.network.storage.saved_network import load_network
from digitnn.reader.digit_classifier import SHIPPED_FOLDER
from digitnn.recipes.builtin import find_recipe

RECIPES = ("cnn", "cnn-best", "classic")
CALLS_WITH_ONE_IMAGE = 20
MAX_DIFFERENCE = 1e-4
"""Of the logits, or of the largest one if that is above 1."""


def networks() -> dict[str, tuple[Network, Mapping[str, ndarray]]]:
    """Return the networks to time, with their parameters."""
    found: dict[str, tuple[Network, Mapping[str, ndarray]]] = {
        "reader": load_network(SHIPPED_FOLDER)
    }
    for name in RECIPES:
        network = Network(find_recipe(name).layers)
        found[name] = network, initial_parameters(network, "pytorch", np.random.default_rng(0))
    return found


def check(found: ndarray, expected: ndarray) -> float:
    """Return the largest difference of two arrays of logits. Exit if it is too large."""
    difference = float(np.abs(found - expected).max())
    if not difference <= MAX_DIFFERENCE * max(1.0, float(np.abs(expected).max())):
        raise SystemExit(f"the engines disagree: their logits differ by {difference}")
    return difference


def measure_network(
    network: Network, params: Mapping[str, ndarray], images: ndarray, threads: int, repeats: int
) -> dict[str, Any]:
    """Time many images and a single one."""
    use_resources(threads)
    classifier = find_engine("scratch").classifier(network, params)
    peer = onnx_peer.session(network, params, threads)

    def layer_by_layer() -> ndarray:
        return output_of(len(network.layers), network, params, images)

    difference = check(classifier.logits(images), peer(images))
    check(classifier.logits(images), layer_by_layer())
    many: dict[str, Callable[[], object]] = {
        "scratch": lambda: classifier.logits(images),
        "onnxruntime": lambda: peer(images),
        "layer_by_layer": layer_by_layer,
    }
    one: dict[str, Callable[[], object]] = {
        "scratch": lambda: classifier.logits(images[:1]),
        "onnxruntime": lambda: peer(images[:1]),
    }
    seconds = seconds_in_turns(many, repeats, 1)
    latencies = seconds_in_turns(one, repeats, CALLS_WITH_ONE_IMAGE)
    return {
        "images_per_second": {name: len(images) / median(taken) for name, taken in seconds.items()},
        "scratch_over_onnxruntime": median(
            theirs / ours
            for ours, theirs in zip(seconds["scratch"], seconds["onnxruntime"], strict=True)
        ),
        "milliseconds_for_one_image": {
            name: 1e3 * median(taken) for name, taken in latencies.items()
        },
        "largest_difference_of_logits": difference,
    }


def measure(repeats: int, n: int) -> dict[str, Any]:
    """Measure every network on every number of threads; return the result as plain builtins."""
    if not onnx_peer.available():
        raise SystemExit("onnxruntime is missing: pip install onnx onnxruntime")
    images = load_data().valid.images[:n]
    return {
        "schema": 1,
        "n": len(images),
        "repeats": repeats,
        "matrix_library_as_for": os.environ.get("OPENBLAS_CORETYPE", "this processor"),
        "networks": {
            name: {
                f"threads_{threads}": measure_network(network, params, images, threads, repeats)
                for threads in sorted({1, available_cores()})
            }
            for name, (network, params) in networks().items()
        },
    }


if __name__ == "__main__":
    arguments = parse_arguments(__doc__.splitlines()[0], repeats=15, images=2000)
    print_result(measure(arguments.repeats, arguments.images), arguments.json)
