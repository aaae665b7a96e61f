"""Draw all figures about one network and one image, each with a description."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.analysis.explain.first_layer import describe_first_layer, draw_first_layer, first_layer
from digitnn.analysis.explain.maps import describe_maps, draw_maps, map_images
from digitnn.analysis.explain.neighbours import (
    describe_neighbours,
    draw_neighbours,
    nearest_by_features,
    nearest_by_pixels,
)
from digitnn.analysis.explain.over_epochs import (
    describe_weights_over_epochs,
    has_snapshots,
    weights_over_epochs,
)
from digitnn.analysis.explain.over_epochs_figure import draw_weights_over_epochs
from digitnn.analysis.explain.saliency import describe_saliency, draw_saliency, saliency
from digitnn.analysis.explain.stages import describe_stages, draw_stages, stages_of
from digitnn.data.dataset import Dataset
from digitnn.engines.scratch.engine import hidden_features
from digitnn.errors import NetworkError
from digitnn.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_MAP_IMAGES = 2000
"""t-SNE takes ten seconds for this many on one core; more would hide each other."""


@dataclass(frozen=True, eq=False)
class Plate:
    """A figure with its description. name: of its file; values: the numbers for JSON."""

    name: str
    title: str
    words: str
    figure: Figure
    values: dict[str, Any]


def plates(
    run: Run,
    image: UInt8[ndarray, "28 28"],
    train: Dataset,
    valid: Dataset,
    index: int | None = None,
    with_map: bool = True,
) -> Iterator[Plate]:
    """Yield one plate after the other.

    train, valid: the splits of `run`; index: of the image in `valid`, if it comes from there. There
    is no plate of first weights that see no pixels, and none of epochs without snapshots. Raises
    `MissingExtraError`, and `RunError` for damaged snapshots.
    """
    network, params = run.network, run.params
    try:
        weights = first_layer(network, params)
    except NetworkError:
        pass
    else:
        title = "Weights of the first layer"
        yield _plate(weights.kind, title, weights, describe_first_layer, draw_first_layer)
    if has_snapshots(run):
        yield _plate(
            "over-epochs",
            "Weights over the epochs",
            weights_over_epochs(run),
            describe_weights_over_epochs,
            draw_weights_over_epochs,
        )
    title = "One image through the network"
    stages = stages_of(network, params, image)
    yield _plate("stages", title, stages, describe_stages, draw_stages)
    title = "Saliency: the pixels that change the answer"
    explained = saliency(network, params, image)
    yield _plate("saliency", title, explained, describe_saliency, draw_saliency)
    one = hidden_features(network, params, image[None])[0]
    hidden = nearest_by_features(hidden_features(network, params, train.images), one, train)
    pixels = nearest_by_pixels(image, train)
    yield Plate(
        "neighbours",
        "The nearest training images",
        describe_neighbours(explained.predicted, hidden, pixels),
        draw_neighbours(image, explained.predicted, hidden, pixels),
        {"hidden": hidden.to_json(), "pixels": pixels.to_json()},
    )
    if with_map:
        yield _map_plate(run, valid, index)


def _plate(
    name: str,
    title: str,
    found: Any,
    describe: Callable[[Any], str],
    draw: Callable[[Any], Figure],
) -> Plate:
    return Plate(name, title, describe(found), draw(found), found.to_json())


def _map_plate(run: Run, valid: Dataset, index: int | None) -> Plate:
    """Map the first images of `valid`; an image beyond them replaces the last one."""
    shown = np.arange(min(MAX_MAP_IMAGES, len(valid)))
    if index is not None and index >= len(shown):
        shown[-1] = index
    some = valid[shown]
    features = hidden_features(run.network, run.params, some.images)
    predicted = run.classifier("scratch").logits(some.images).argmax(axis=1).astype(np.uint8)
    maps = [map_images(features, some.labels, predicted, method) for method in ("PCA", "t-SNE")]
    marked = None if index is None else int(np.flatnonzero(shown == index)[0])
    return Plate(
        "map",
        "Map of the last hidden layer",
        describe_maps(maps),
        draw_maps(maps, marked),
        {"maps": [found.to_json() for found in maps]},
    )
