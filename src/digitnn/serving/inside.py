"""What happens inside a served network, as the page shows it: layers, saliency, neighbours.

Training images are shown where MNIST is on disk; nothing is fetched. Arrays are sent as base64 of
bytes. Axes: n images, c planes of h w pixels.
"""

import base64
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Int, Int8, UInt8
from numpy import ndarray

from digitnn.analysis.explain.neighbours import nearest_by_pixels
from digitnn.analysis.explain.saliency import saliency
from digitnn.analysis.explain.stages import stage_layers, stages_of
from digitnn.data.dataset import Dataset, split
from digitnn.data.fetch.sources import load_if_on_disk
from digitnn.engines.scratch.engine import output_of
from digitnn.serving.models import ServedModel
from digitnn.serving.replies import ApiError

PARTS = ("stages", "saliency", "neighbours")
"""What `explain` can add to the answers."""

MAX_LEVEL = 127
"""Signed values are sent as whole numbers up to this, times a scale."""

SEARCHED, SHOWN = 2000, 8
"""Training images that are searched for what a plane responds to, and how many are shown."""

BLOCK = 250
"""Images whose activations are in memory at a time."""

MAX_EXAMPLES = 24
"""Digits that only one of two models gets right, of each kind."""


class Inside:
    """Computes what the page shows; keeps the training data, and what planes respond to."""

    def __init__(self) -> None:
        self._strongest: dict[tuple[str, int], Int[ndarray, "c m"]] = {}
        self._predicted: dict[str, UInt8[ndarray, " n"]] = {}

    @cached_property
    def _data(self) -> tuple[Dataset, Dataset] | None:
        """The training and validation splits."""
        found = load_if_on_disk("mnist", "train")
        return split(found) if found else None

    def parts(
        self, model: ServedModel, image: UInt8[ndarray, "28 28"], wanted: Sequence[str]
    ) -> dict[str, Any]:
        """Return the wanted ones of `PARTS` for one image."""
        found: dict[str, Any] = {}
        if "stages" in wanted:
            stages = stages_of(model.network, model.params, image).stages
            found["stages"] = [{"name": stage.name, **amounts(stage.output)} for stage in stages]
        if "saliency" in wanted:
            maps = saliency(model.network, model.params, image)
            levels, largest = signed_levels(np.stack([maps.for_predicted, maps.against_rival]))
            found["saliency"] = {
                "predicted": maps.predicted,
                "rival": maps.rival,
                "largest": largest,
                "for_predicted": encoded(levels[0]),
                "against_rival": encoded(levels[1]),
            }
        if "neighbours" in wanted:
            found["neighbours"] = self._neighbours(image)
        return found

    def _neighbours(self, image: UInt8[ndarray, "28 28"]) -> list[dict[str, Any]]:
        if self._data is None:
            return []
        near = nearest_by_pixels(image, self._data[0], SHOWN)
        rows = zip(near.labels, near.distances, near.images, strict=True)
        return [
            {"label": label, "distance": round(distance, 3), "image": encoded(pixels)}
            for label, distance, pixels in rows
        ]

    def filter(self, model: ServedModel, stage: int, plane: int) -> dict[str, Any]:
        """Return the weights of a plane or unit, and the training digits it responds to most."""
        places = stage_layers(model.network)
        if not 0 <= stage < len(places):
            raise ApiError(
                404, "unknown_stage", f"{model.source.name} has stages 0 to {len(places) - 1}"
            )
        first, last = places[stage]
        weight = model.params[f"{first}.weight"]
        if not 0 <= plane < len(weight):
            raise ApiError(404, "unknown_plane", f"stage {stage} has planes 0 to {len(weight) - 1}")
        own = weight[plane]
        if own.ndim == 1:  # a dense unit: a picture if it sees the pixels, or planes of them
            seen = model.network.shapes()[: first + 1]
            shape = next((s for s in reversed(seen) if len(s) == 3), None)
            own = own.reshape(shape) if shape and own.size == np.prod(shape) else own[None, None]
        return {
            "kind": "filter" if weight.ndim == 4 else "unit",
            "weights": signed(own),
            "responds_to": self._responds_to(model, stage, last + 1, plane),
        }

    def _responds_to(
        self, model: ServedModel, stage: int, layers: int, plane: int
    ) -> list[dict[str, Any]]:
        if self._data is None:
            return []
        train, key = self._data[0], (model.source.name, stage)
        images = train.images[:SEARCHED]
        if key not in self._strongest:
            largest = [
                _largest(output_of(layers, model.network, model.params, images[k : k + BLOCK]))
                for k in range(0, len(images), BLOCK)
            ]
            order = np.argsort(-np.concatenate(largest).T, axis=1, kind="stable")
            self._strongest[key] = order[:, :SHOWN]
        chosen = self._strongest[key][plane]
        output = _largest(output_of(layers, model.network, model.params, images[chosen]))
        return [
            {"label": int(train.labels[k]), "activation": round(float(value), 4),
             "image": encoded(images[k])}
            for k, value in zip(chosen, output[:, plane], strict=True)
        ]  # fmt: skip

    def compare(self, first: ServedModel, second: ServedModel) -> dict[str, Any]:
        """Return the digits of the validation split that only one of two models gets right."""
        if self._data is None:
            raise ApiError(
                409, "no_data", "MNIST is not on this disk: run `digitnn data fetch` first"
            )
        valid = self._data[1]
        said = [self._predictions(model, valid) for model in (first, second)]
        right = [predicted == valid.labels for predicted in said]

        def only(which: int) -> dict[str, Any]:
            found = np.flatnonzero(right[which] & ~right[1 - which])
            examples = [
                {"index": int(k), "label": int(valid.labels[k]),
                 "predicted": int(said[1 - which][k]), "image": encoded(valid.images[k])}
                for k in found[:MAX_EXAMPLES]
            ]  # fmt: skip
            return {"count": len(found), "examples": examples}

        return {
            "first": first.source.name,
            "second": second.source.name,
            "n": len(valid),
            "both_right": int((right[0] & right[1]).sum()),
            "both_wrong": int((~right[0] & ~right[1]).sum()),
            "only_first": only(0),
            "only_second": only(1),
        }

    def _predictions(self, model: ServedModel, valid: Dataset) -> UInt8[ndarray, " n"]:
        name = model.source.name
        if name not in self._predicted:
            self._predicted[name] = model.logits(valid.images).argmax(axis=1).astype(np.uint8)
        return self._predicted[name]


def _largest(output: ndarray) -> ndarray:
    """Return the largest activation of each plane, or of each unit: (n, c)."""
    return output.reshape(len(output), output.shape[1], -1).max(axis=2)


def amounts(values: ndarray) -> dict[str, Any]:
    """Return values as bytes from their least to their largest."""
    least, largest = float(values.min()), float(values.max())
    levels = (values - least) * (255 / max(largest - least, 1e-12))
    return {
        "shape": list(values.shape),
        "least": round(least, 5),
        "largest": round(largest, 5),
        "values": encoded(levels.round().astype(np.uint8)),
    }


def signed(values: ndarray) -> dict[str, Any]:
    """Return values as signed bytes, with their shape and the largest amount."""
    levels, largest = signed_levels(values)
    return {"shape": list(values.shape), "largest": largest, "values": encoded(levels)}


def signed_levels(values: ndarray) -> tuple[Int8[ndarray, "*shape"], float]:
    """Return whole numbers from -`MAX_LEVEL` to `MAX_LEVEL`, and the amount of `MAX_LEVEL`."""
    largest = float(np.abs(values).max()) or 1.0
    return (values * (MAX_LEVEL / largest)).round().astype(np.int8), round(largest, 6)


def encoded(values: ndarray) -> str:
    """Return the bytes of an array as base64."""
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
