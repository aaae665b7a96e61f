"""Which engine is faster at the same step, NumPy or PyTorch?

Times one optimiser step (forward, backward, Adam) from equal weights over equal batches, in turns,
on all cores, after checking that both engines take equal steps. Ratios are of median times; below 1
NumPy is faster. Also times an epoch against scikit-learn's MLPClassifier, and prediction.

    python -m benchmarks.timing.engines --json [--repeats 15]

It takes some minutes on two free cores, and many times as long if they are not free.
"""

import resource
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from itertools import cycle
from math import prod
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from sklearn.neural_network import MLPClassifier
from torch import nn

from benchmarks.measuring import (
    load_data,
    parse_arguments,
    print_result,
    seconds_in_turns,
    sgemm_gflops,
)
from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.engines.pytorch.engine import to_input
from digitnn.engines.pytorch.modules import build
from digitnn.engines.scratch.compiled import compiled
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import Conv2d, Dense, Flatten, Relu, SoftmaxCrossEntropy
from digitnn.network.network import Architecture, Network
from digitnn.recipes.builtin import find_recipe
from digitnn.recipes.optimisers import Adam
from digitnn.runs.experiment import TrainingData
from digitnn.training.training import Training

CNN: Architecture = find_recipe("cnn").layers
MLP: Architecture = (Flatten(), Dense(256), Relu(), Dense(10))
NORMALISED = ("cnn-fast", "cnn-99.3")
"""Recipes whose layers include BatchNorm."""

LEARNING_RATE = 1e-3
EPSILON = 1e-4
"""Of Adam. With the usual 1e-8 the bias of a convolution before BatchNorm, whose gradient is 0,
would step along its rounding errors, and equal steps could not be told from others."""

Work = Callable[[], object]


def multiply_adds(network: Network) -> int:
    """Return the number of multiply-adds in one image's forward pass."""
    found, shapes = 0, network.shapes()
    for layer, before, after in zip(network.layers, shapes, shapes[1:], strict=False):
        if isinstance(layer, Conv2d):
            found += prod(after) * before[0] * layer.kernel**2
        elif isinstance(layer, Dense):
            found += after[0] * before[0]
    return found


def whole_batches(data: Dataset, size: int) -> Dataset:
    """Drop the images that do not fill a batch of `size`."""
    return data[: len(data) // size * size]


def torch_step(
    network: Network, start: Mapping[str, ndarray], data: Dataset, size: int, channels_last: bool
) -> tuple[Work, nn.Module]:
    """Return a plain eager step in PyTorch with its fastest Adam, standardisation included.

    Each call takes the next `size` images of `data`, in a cycle.
    """
    layout = torch.channels_last if channels_last else torch.contiguous_format
    module = build(network, start).to(memory_format=layout)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, eps=EPSILON, fused=True)
    loss_function = nn.CrossEntropyLoss()
    images = torch.split(torch.from_numpy(data.images), size)
    labels = torch.split(torch.from_numpy(data.labels).long(), size)
    turn = cycle(zip(images, labels, strict=True))

    def step() -> None:
        pixels, targets = next(turn)
        optimiser.zero_grad()
        x = to_input(pixels, network).contiguous(memory_format=layout)
        loss_function(module(x), targets).backward()
        optimiser.step()

    return step, module


def scratch_step(
    network: Network, start: Mapping[str, ndarray], data: Dataset, size: int
) -> tuple[Work, Any]:
    """Return the same step on the scratch engine, over the same batches."""
    trainer = find_engine("scratch").trainer(
        network, start, Adam(LEARNING_RATE, epsilon=EPSILON), SoftmaxCrossEntropy(), 0
    )
    turn = cycle([data[at : at + size] for at in range(0, len(data), size)])

    def step() -> None:
        batch = next(turn)
        trainer.step(batch.images, batch.labels, LEARNING_RATE)

    return step, trainer


def ratio(seconds: Mapping[str, list[float]], name: str, peer: str) -> float:
    """Return the median time of `name` divided by that of its peer."""
    return median(seconds[name]) / median(seconds[peer])


def measure_step(
    architecture: Architecture, data: Dataset, size: int, repeats: int, calls: int, sgemm: float
) -> dict[str, Any]:
    """Time a step on both engines, after checking that it is the same step.

    Every step takes other images: a network that has memorised a single batch has gradients so
    small that the processor takes many times as long for products of them.
    """
    network = Network(architecture)
    start = initial_parameters(network, "pytorch", np.random.default_rng(0))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    ours, trainer = scratch_step(network, start, data, size)
    ours()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    plain, module = torch_step(network, start, data, size, channels_last=False)
    last, _ = torch_step(network, start, data, size, channels_last=True)
    plain()
    theirs = module.state_dict()
    for name, p in trainer.parameters().items():
        difference = float(np.abs(p - theirs[name].numpy()).max())
        if difference > 0.1 * LEARNING_RATE:
            raise SystemExit(f"the engines do not take the same step: {name} {difference}")
    numpy_only, _ = scratch_step(network, start, data, size)
    works = {
        "scratch": ours,
        "scratch_numpy_only": compiled.switched_off()(numpy_only),
        "torch": plain,
        "torch_channels_last": last,
    }
    seconds = seconds_in_turns(works, repeats, calls)
    operations = 3 * 2 * multiply_adds(network) * size
    return {
        "scratch_over_torch": ratio(seconds, "scratch", "torch"),
        "scratch_over_torch_channels_last": ratio(seconds, "scratch", "torch_channels_last"),
        "numpy_only_over_torch": ratio(seconds, "scratch_numpy_only", "torch"),
        "numpy_only_over_torch_channels_last": ratio(
            seconds, "scratch_numpy_only", "torch_channels_last"
        ),
        "of_sgemm_rate": operations / median(seconds["scratch"]) / 1e9 / sgemm,
        "batch": size,
        "milliseconds": {
            name: {"median": 1e3 * median(s), "min": 1e3 * min(s), "max": 1e3 * max(s)}
            for name, s in seconds.items()
        },
        "first_step_grew_by_megabytes": grown,
    }


def measure_epoch(data: TrainingData, repeats: int, sgemm: float) -> dict[str, Any]:
    """Time an epoch of the MLP, batches of 200, against scikit-learn; check both accuracies."""
    recipe = replace(
        find_recipe("cnn"), layers=MLP, optimiser=Adam(LEARNING_RATE), epochs=1, batch_size=200,
        loss=SoftmaxCrossEntropy(), engines=("scratch",),
    )  # fmt: skip
    x = recipe.standardise(data.train.images).reshape(len(data.train), -1)
    valid = recipe.standardise(data.valid.images).reshape(len(data.valid), -1)
    accuracies: dict[str, float] = {}

    def ours() -> None:
        training = Training(recipe, find_engine("scratch"), data.train, data.valid, 0)
        for _ in training:
            pass
        accuracies["scratch"] = training.history[-1].validation.accuracy

    def sklearn() -> None:
        model = MLPClassifier(
            (256,),
            batch_size=200,
            learning_rate_init=LEARNING_RATE,
            max_iter=1,
            alpha=0,
            random_state=0,
        )
        model.partial_fit(x, data.train.labels, classes=np.arange(10))
        accuracies["sklearn"] = float((model.predict(valid) == data.valid.labels).mean())

    seconds = seconds_in_turns({"scratch": ours, "sklearn": sklearn}, repeats, 1)
    if abs(accuracies["scratch"] - accuracies["sklearn"]) > 0.02:
        raise SystemExit(f"the two epochs are not equally accurate: {accuracies}")
    operations = 2 * len(data.train) * (2 * 784 * 256 + 3 * 256 * 10)
    return {
        "scratch_over_sklearn": ratio(seconds, "scratch", "sklearn"),
        "of_sgemm_rate": operations / median(seconds["scratch"]) / 1e9 / sgemm,
        "seconds": {name: median(s) for name, s in seconds.items()},
        "valid_accuracy": accuracies,
    }


def measure_predict(architecture: Architecture, images: ndarray, repeats: int) -> dict[str, Any]:
    """Time the logits of these images on both engines, after checking that they agree."""
    network = Network(architecture)
    start = initial_parameters(network, "pytorch", np.random.default_rng(0))
    ours = find_engine("scratch").classifier(network, start)
    theirs = find_engine("pytorch").classifier(network, start)
    np.testing.assert_allclose(ours.logits(images), theirs.logits(images), atol=1e-4)
    works: dict[str, Work] = {
        "scratch": lambda: ours.logits(images),
        "torch": lambda: theirs.logits(images),
    }
    seconds = seconds_in_turns(works, repeats, 1)
    return {
        "scratch_over_torch": ratio(seconds, "scratch", "torch"),
        "images_per_second": len(images) / median(seconds["scratch"]),
    }


def measure(repeats: int) -> dict[str, Any]:
    """Measure everything; return the result as plain builtins."""
    data, sgemm = load_data(), sgemm_gflops()
    return {
        "schema": 1,
        "sgemm_gflops": sgemm,
        "cnn_step": measure_step(CNN, whole_batches(data.train, 128), 128, repeats, 4, sgemm),
        "batch_norm_step": {
            name: measure_step(
                find_recipe(name).layers, whole_batches(data.train, 128), 128, repeats, 8, sgemm
            )
            for name in NORMALISED
        },
        "mlp_step": measure_step(MLP, whole_batches(data.train, 200), 200, repeats, 40, sgemm),
        "mlp_epoch": measure_epoch(data, max(3, repeats // 3), sgemm),
        "predict": {
            "cnn": measure_predict(CNN, data.train.images[:1024], repeats),
            "mlp": measure_predict(MLP, data.train.images[:1024], repeats),
        },
        "repeats": repeats,
        "numba": find_spec("numba") is not None,
        "threads": {"torch": torch.get_num_threads()},
        "seed": 0,
    }


if __name__ == "__main__":
    arguments = parse_arguments(__doc__.splitlines()[0], repeats=15)
    print_result(measure(arguments.repeats), arguments.json)
