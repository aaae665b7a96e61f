"""Follow a network's weights over the epochs that `digitnn train --snapshots` kept.

Axes: t snapshots, first to last; n units or filters, h w pixels that each sees.
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
from digitnn.analysis.explain.stages import layer_name
from digitnn.errors import FormatError, NetworkError, RunError, ShapeError
from digitnn.network.layers import Conv2d, Dense
from digitnn.network.network import Network
from digitnn.network.storage.safetensors import load_safetensors
from digitnn.runs.run import Run
from digitnn.runs.snapshots import saved_snapshots
from digitnn.training.records import EpochRecord
from digitnn.wording import percent

UNITS_SHOWN = 10
"""Units or filters in a row: those that are strongest at the end."""


@dataclass(frozen=True, eq=False)
class LayerPath:
    """The weights of one layer over the snapshots. norm: their Euclidean norm.

    from_start: distance from the initial weights, relative to their norm; an_epoch: distance per
    epoch from the previous snapshot, relative to the norm there, None for the first. None also if
    the norm is 0.
    """

    index: int
    name: str
    norm: tuple[float, ...]
    from_start: tuple[float | None, ...]
    an_epoch: tuple[float | None, ...]


@dataclass(frozen=True, eq=False)
class OverEpochs:
    """A run's snapshots. epochs: of each snapshot; layers: those with weights, in order.

    kind, weights: the first layer as in `first_layer`, the strongest at the end first, None if it
    sees no pixels; history: (epoch, training error, validation error or None); unit: the name of an
    epoch.
    """

    unit: Literal["epoch", "iteration"]
    epochs: tuple[float, ...]
    layers: tuple[LayerPath, ...]
    kind: Literal["units", "filters"] | None
    weights: Float32[ndarray, "t n h w"] | None
    history: tuple[tuple[float, float, float | None], ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, without the weights."""
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
    """Return whether the run has at least one snapshot."""
    return len(saved_snapshots(run.path)) > 0


def weights_over_epochs(run: Run) -> OverEpochs:
    """Return the snapshots of `run`, with its final network as the last one.

    If the run ended early or kept its best epoch, later snapshots are left out. Raises `RunError`
    if there are no snapshots, or one is damaged or belongs to another network.
    """
    moments = _moments(run)
    epochs = tuple(moments)
    paths = []
    for index, layer in enumerate(run.network.layers):
        if isinstance(layer, Conv2d | Dense):
            weights = np.stack([np.ravel(found[f"{index}.weight"]) for found in moments.values()])
            paths.append(_path_of(index, layer_name(layer), weights.astype(float), epochs))
    kind, planes = _planes(run.network, list(moments.values()))
    history = tuple((_reached(run, r), 1 - r.accuracy, r.valid_error) for r in run.history)
    unit: Literal["epoch", "iteration"] = (
        "iteration" if any(record.evaluations for record in run.history) else "epoch"
    )
    return OverEpochs(unit, epochs, tuple(paths), kind, planes, history)


def _moments(run: Run) -> dict[float, Mapping[str, ndarray]]:
    """Return parameters by epoch, the run's own last unless it was interrupted within an epoch."""
    found = saved_snapshots(run.path)
    if not found:
        raise RunError(f"{run.path} has no snapshots: train with --snapshots to keep some")
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
    """Return how many epochs had passed; a time limit may have cut the last one short."""
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


def _planes(
    network: Network, moments: list[Mapping[str, ndarray]]
) -> tuple[Literal["units", "filters"] | None, Float32[ndarray, "t n h w"] | None]:
    """Return the first layer's weights at each snapshot, in the order of the last one."""
    try:
        found = [first_layer(network, params) for params in moments]
    except NetworkError:
        return None, None
    order = list(found[-1].order)
    as_they_lie = [one.weights[np.argsort(one.order)] for one in found]
    return found[-1].kind, np.stack([weights[order] for weights in as_they_lie])


def describe_weights_over_epochs(found: OverEpochs) -> str:
    """Describe the figure for readers new to training."""
    last, unit = len(found.epochs) - 1, found.unit
    words = []
    if found.weights is not None:
        shown, what = min(UNITS_SHOWN, found.weights.shape[1]), found.kind
        words.append(
            "Each row is a snapshot, from the random initial weights at the top to the final ones "
            f"at the bottom; each column is one of the {shown} {what} that are strongest at the "
            "end."
        )
    moves = [(move, path) for path in found.layers if (move := path.from_start[last]) is not None]
    if moves and last > 0:
        moves.sort(key=lambda pair: pair[0])
        (least, near), (largest, far) = moves[0], moves[-1]
        half = f"{unit} {_epoch_of_half(far, found.epochs):g} of {found.epochs[last]:g}"
        words.append(
            "The curves show how far the weights moved relative to their initial norm: by a factor "
            f"of {largest:.2f} in the layer of {far.name}"
            + (f" (half of it by {half})" if last > 1 else "")
            + (f" and of {least:.2f} in the layer of {near.name}." if len(moves) > 1 else ".")
        )
    if found.history:
        (begin, learned, before), (end, learned_last, after) = found.history[0], found.history[-1]
        which = "validation"
        if before is None or after is None:
            which, before, after = "training", learned, learned_last
        words.append(
            f"After {unit} {begin:g}, the {which} error was {percent(before)}"
            + (f"; after {unit} {end:g}, it was {percent(after)}." if end != begin else ".")
        )
    return " ".join(words)


def _epoch_of_half(path: LayerPath, epochs: tuple[float, ...]) -> float:
    """Return the first snapshot at least half as far from the start as the last one."""
    moves = [move or 0.0 for move in path.from_start]
    return next(epoch for epoch, move in zip(epochs, moves, strict=True) if move >= moves[-1] / 2)
