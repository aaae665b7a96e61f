"""Runs with random parameters, whose layers are together all that there are."""

from pathlib import Path

import numpy as np
import pytest
from numpy import ndarray

from digitnn.engines.find import find_engine
from digitnn.network.layers import (
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Dropout,
    Flatten,
    MaxPool2d,
    Relu,
    Sigmoid,
    Tanh,
)
from digitnn.network.network import Network, Standardise
from digitnn.runs.ensembles import Ensemble
from digitnn.runs.run import Run

CLASSIC = Network((Flatten(), Dense(12), Sigmoid(), Dense(10)))
PLANES = Network(
    (
        Crop(2),
        Conv2d(5, 5, stride=2, padding=1),
        BatchNorm(),
        Relu(),
        AveragePool2d(2),
        Conv2d(6, 3, padding=1),
        Tanh(),
        MaxPool2d(2),
        Flatten(),
        Dropout(0.3),
        Dense(9),
        BatchNorm(epsilon=1e-3),
        Sigmoid(),
        Dense(10),
    ),
    standardise=Standardise(20.5, 61.25),
)
LAST_IS_DROPOUT = Network(
    (MaxPool2d(4), Flatten(), Dense(10), Dropout(0.5)), temperature=0.7, rejects=True
)


def run_of(network: Network, seed: int, name: str = "small") -> Run:
    """A run of `network` with random parameters, none of them 0 or 1, that answers variously."""
    rng = np.random.default_rng(seed)
    params: dict[str, ndarray] = {}
    for key, shape in network.state_shapes().items():
        if key.endswith("running_var"):
            params[key] = rng.uniform(0.5, 2, shape).astype(np.float32)
        else:
            scale = 1 / np.sqrt(max(np.prod(shape[1:]), 4))
            params[key] = rng.normal(0, scale, shape).astype(np.float32)
    blocks = np.kron(rng.integers(0, 160, (200, 7, 7)), np.ones((4, 4))).astype(np.uint8)
    last = f"{max(int(key.split('.')[0]) for key in params)}."
    params[last + "weight"] *= 3
    logits = find_engine("scratch").classifier(network, params).logits(blocks)
    params[last + "bias"] -= logits.mean(axis=0)
    about = {"recipe": {"name": name, "l2": 0.5}, "seed": seed, "engine": "scratch"}
    return Run(Path("runs") / name, network, params, about, ())


RUNS = {
    "classic": run_of(CLASSIC, 1, "classic"),
    "planes": run_of(PLANES, 2, "planes"),
    "rejects": run_of(LAST_IS_DROPOUT, 3, "rejects"),
}


@pytest.fixture
def runs() -> dict[str, Run]:
    return RUNS


@pytest.fixture(params=RUNS)
def run(request: pytest.FixtureRequest) -> Run:
    return RUNS[request.param]


@pytest.fixture
def ensemble() -> Ensemble:
    about = {"recipe": {"name": "3 x small"}, "engine": "scratch"}
    return Ensemble(Path("runs") / "together", tuple(RUNS.values()), about)
