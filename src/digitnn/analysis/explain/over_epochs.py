"""How a network came to be: its weights after the epochs that `digitnn train --snapshots` kept.

Axes: t snapshots, from the start to the end; n units or filters, h w pixels that each sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray

from digitnn.analysis.explain.first_layer import first_layer
from digitnn.errors import FormatError, NetworkError, RunError, ShapeError
from digitnn.network.layers import Conv2d, Dense
from digitnn.network.network import Network
from digitnn.network.storage.safetensors import load_safetensors
from digitnn.runs.run import Run
from digitnn.runs.snapshots import saved_snapshots
from digitnn.training.records import EpochRecord
from digitnn.wording import percent

UNITS_SHOWN = 10
"""Units or filters in a row: those that are strongest in the end."""


@dataclass(frozen=True, eq=False)
class LayerPath:
    """How the weights of one layer went. index: of the layer; norm: their length.

    from_start: the distance from where they began, as a share of their length there; an_epoch: the
    distance from the snapshot before, an epoch, as a share of their length in that, which the first
    has not. None where that length is 0.
    """

    index: int
    name: str
    norm: tuple[float, ...]
    from_start: tuple[float | None, ...]
    an_epoch: tuple[float | None, ...]


@dataclass(frozen=True, eq=False)
class OverEpochs:
    """A run's snapshots. epochs: of each; layers: those with weights, the first one first.

    kind, weights: of the first layer that sees pixels, the strongest in the end first, see
    `first_layer`; None where no weights see pixels. history: epoch, and share read wrongly in
    training and in validation after it; unit: what an epoch is called.
    """

    unit: Literal["epoch", "iteration"]
    epochs: tuple[float, ...]
    layers: tuple[LayerPath, ...]
    kind: Literal["units", "filters"] | None
    weights: Float32[ndarray, "t n h w"] | None
    history: tuple[tuple[float, float, float], ...]

    def to_json(self) -> dict[str, Any]:
        """As plain builtins, without the pictures of the weights."""
        return {
            "unit": self.unit,
            "epochs": list(self.epochs),
            "layers": [
                {
                    "layer": path.index,
                    "name": path.name,
                    "norm": list(path.norm),
                    "from_start": list(path.from_start),
                    "an_epoch": list(path.an_epoch),
                }
                for path in self.layers
            ],
            "history": [
                {"epoch": epoch, "training_error": learned, "valid_error": valid}
                for epoch, learned, valid in self.history
            ],
        }


def has_snapshots(run: Run) -> bool:
    """Whether there is anything to show: at least one moment besides the end."""
    return len(saved_snapshots(run.path)) > 0


def weights_over_epochs(run: Run) -> OverEpochs:
    """What the snapshots of `run` show, and the network that it is left with as the last of them.

    Of a run that ended early, or keeps its best epoch, later ones are left out. Raises `RunError`
    where there is none, or one is damaged or of another network.
    """
    moments = _moments(run)
    epochs = tuple(moments)
    indices = [i for i, layer in enumerate(run.network.layers) if isinstance(layer, Conv2d | Dense)]
    paths = []
    for index in indices:
        weights = np.stack([np.ravel(params[f"{index}.weight"]) for params in moments.values()])
        paths.append(_path_of(index, _name(run.network, index), weights.astype(float), epochs))
    kind, planes = _planes(run.network, list(moments.values()))
    history = tuple((_reached(run, r), 1 - r.accuracy, 1 - r.valid_accuracy) for r in run.history)
    unit: Literal["epoch", "iteration"] = (
        "iteration" if any(record.evaluations for record in run.history) else "epoch"
    )
    return OverEpochs(unit, epochs, tuple(paths), kind, planes, history)


def _moments(run: Run) -> dict[float, Mapping[str, ndarray]]:
    """Parameters by epoch, the run's own the last, unless it was interrupted amid an epoch."""
    found = saved_snapshots(run.path)
    if not found:
        raise RunError(
            f"{run.path} has kept no parameters of the way: train with --snapshots to have some"
        )
    kept = run.kept if run.about.get("kept_epoch") else None
    last = _reached(run, kept) if kept else inf
    moments: dict[float, Mapping[str, ndarray]] = {}
    for epoch, path in found.items():
        if epoch >= last:
            break
        try:
            moments[epoch] = params = load_safetensors(path)
            run.network.check(params)
        except (OSError, FormatError, ShapeError) as error:
            raise RunError(f"{path} is not a snapshot of {run.path}: {error}") from None
    return moments | {last: run.params} if kept else moments


def _reached(run: Run, record: EpochRecord) -> float:
    """How many epochs had passed; time may have cut the last one short."""
    return round(record.done * run.about["recipe"]["epochs"], 2)


def _path_of(
    index: int, name: str, weights: Float[ndarray, "t p"], epochs: tuple[float, ...]
) -> LayerPath:
    norm = np.linalg.norm(weights, axis=1)
    from_start = np.linalg.norm(weights - weights[0], axis=1)
    between = np.linalg.norm(np.diff(weights, axis=0), axis=1) / np.diff(epochs)
    return LayerPath(
        index,
        name,
        tuple(map(float, norm)),
        tuple(_share(distance, norm[0]) for distance in from_start),
        (None, *(_share(step, before) for step, before in zip(between, norm[:-1], strict=True))),
    )


def _share(distance: float, length: float) -> float | None:
    return float(distance / length) if length > 0 else None


def _name(network: Network, index: int) -> str:
    layer = network.layers[index]
    assert isinstance(layer, Conv2d | Dense)
    if isinstance(layer, Conv2d):
        return f"{layer.channels} filters {layer.kernel} × {layer.kernel}"
    return f"{layer.units} units"


def _planes(
    network: Network, moments: list[Mapping[str, ndarray]]
) -> tuple[Literal["units", "filters"] | None, Float32[ndarray, "t n h w"] | None]:
    """The first layer's weights at each moment, every one in the order of the last."""
    try:
        found = [first_layer(network, params) for params in moments]
    except NetworkError:
        return None, None
    order = list(found[-1].order)
    as_they_lie = [one.weights[np.argsort(one.order)] for one in found]
    return found[-1].kind, np.stack([weights[order] for weights in as_they_lie])


def describe_weights_over_epochs(found: OverEpochs) -> str:
    """A few sentences for people who never saw a network learn."""
    last, unit = len(found.epochs) - 1, found.unit
    words = []
    if found.weights is not None:
        shown, what = min(UNITS_SHOWN, found.weights.shape[1]), found.kind
        words.append(
            f"Each row is a moment, from chance at the top to what is left at the bottom; each "
            f"column is one of the {shown} {what} that are strongest in the end."
        )
    ways = [(way, path) for path in found.layers if (way := path.from_start[last]) is not None]
    if ways and last > 0:
        ways.sort(key=lambda pair: pair[0])
        (least, near), (most, far) = ways[0], ways[-1]
        half = f"{unit} {_epoch_of_half(far, found.epochs):g} of {found.epochs[last]:g}"
        words.append(
            f"The curves measure how far weights moved, by their length at the start: {most:.2f} "
            f"times that in the layer of {far.name}"
            + (f", which had half of it behind it by {half}" if last > 1 else "")
            + (f", and {least:.2f} times in that of {near.name}." if len(ways) > 1 else ".")
        )
    if found.history:
        (begin, _, before), (end, _, after) = found.history[0], found.history[-1]
        words.append(
            f"After {unit} {begin:g}, {percent(before)} of the validation images were read wrongly"
            + (f"; after {unit} {end:g}, {percent(after)}." if end != begin else ".")
        )
    return " ".join(words)


def _epoch_of_half(path: LayerPath, epochs: tuple[float, ...]) -> float:
    """The first snapshot at least half as far from the start as the last one."""
    ways = [way or 0.0 for way in path.from_start]
    return next(epoch for epoch, way in zip(epochs, ways, strict=True) if way >= ways[-1] / 2)
