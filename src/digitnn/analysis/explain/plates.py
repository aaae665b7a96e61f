"""All figures about one network and one image, each with its words: as plates in a book."""

from __future__ import annotations

from collections.abc import Iterator
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
from digitnn.engines.scratch.inspection import hidden_features
from digitnn.errors import NetworkError
from digitnn.runs.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_MAP_IMAGES = 2000
"""Images on a map: t-SNE takes ten seconds for so many on one core, and more hide each other."""


@dataclass(frozen=True, eq=False)
class Plate:
    """name: what its file is called; words: what it shows; values: the numbers, as `to_json`."""

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
    """One plate after the other, as they are drawn.

    train, valid: the splits of `run`; index: where in `valid` the image is, if it is from there.
    A network whose first weights see no pixels has no plate of them, and a run without snapshots
    none of how it learned. Raises `MissingExtraError`, and `RunError` for damaged snapshots.
    """
    network, params = run.network, run.params
    try:
        weights = first_layer(network, params)
    except NetworkError:
        weights = None
    if weights is not None:
        yield Plate(
            weights.kind,
            "What the first layer looks for",
            describe_first_layer(weights),
            draw_first_layer(weights),
            weights.to_json(),
        )
    if has_snapshots(run):
        found = weights_over_epochs(run)
        yield Plate(
            "over-epochs",
            "How its weights came to be",
            describe_weights_over_epochs(found),
            draw_weights_over_epochs(found),
            found.to_json(),
        )
    steps = stages_of(network, params, image)
    yield Plate(
        "stages",
        "One image on its way through the network",
        describe_stages(steps),
        draw_stages(steps),
        steps.to_json(),
    )
    hangs_on = saliency(network, params, image)
    yield Plate(
        "saliency",
        "Which pixels the answer hangs on",
        describe_saliency(hangs_on),
        draw_saliency(hangs_on),
        hangs_on.to_json(),
    )
    one = hidden_features(network, params, image[None])[0]
    hidden = nearest_by_features(hidden_features(network, params, train.images), one, train)
    pixels = nearest_by_pixels(image, train)
    yield Plate(
        "neighbours",
        "The training images it takes to be most alike",
        describe_neighbours(hangs_on.read, hidden, pixels),
        draw_neighbours(image, hangs_on.read, hidden, pixels),
        {"hidden": hidden.to_json(), "pixels": pixels.to_json()},
    )
    if with_map:
        yield _map_plate(run, valid, index)


def _map_plate(run: Run, valid: Dataset, index: int | None) -> Plate:
    """The first images of `valid`, and the image itself in place of the last, if it is later."""
    shown = np.arange(min(MAX_MAP_IMAGES, len(valid)))
    if index is not None and index >= len(shown):
        shown[-1] = index
    some = valid[shown]
    features = hidden_features(run.network, run.params, some.images)
    read = run.classifier("scratch").logits(some.images).argmax(axis=1).astype(np.uint8)
    maps = [map_images(features, some.labels, read, method) for method in ("PCA", "t-SNE")]
    marked = None if index is None else int(np.flatnonzero(shown == index)[0])
    return Plate(
        "map",
        "How the last hidden layer sorts the images",
        describe_maps(maps),
        draw_maps(maps, marked),
        {"maps": [found.to_json() for found in maps]},
    )
