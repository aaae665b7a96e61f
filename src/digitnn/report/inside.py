"""What a network has learned, and how it reads one image, as values for a page."""

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from threadpoolctl import threadpool_limits

from digitnn.analysis.explain.first_layer import FirstLayer, first_layer
from digitnn.analysis.explain.maps import ImageMap, map_images
from digitnn.analysis.explain.neighbours import Neighbours, nearest, nearest_by_pixels
from digitnn.analysis.explain.over_epochs import OverEpochs, has_snapshots, weights_over_epochs
from digitnn.analysis.explain.saliency import saliency
from digitnn.analysis.explain.stages import stages_of
from digitnn.data.dataset import Dataset
from digitnn.engines.scratch.inspection import hidden_features
from digitnn.errors import DataError, MissingExtraError, NetworkError, RunError
from digitnn.machine.blas import one_core_blas
from digitnn.report.measured import Insight
from digitnn.runs.run import Run

MAPPED = 1000
"""Images on the map: on one core t-SNE takes three seconds for so many."""


def look_inside(
    run: Run, dataset: Dataset, predictions: UInt8[ndarray, " n"], train: Dataset, index: int
) -> Insight:
    """The network of `run`, and what it makes of the image at `index` of `dataset`.

    predictions: for all of `dataset`; train: what `run` learned from.
    """
    image = dataset.images[index]
    layout, no_map = _map(run, dataset[:MAPPED], predictions[:MAPPED])
    over_epochs, no_epochs = _epochs(run)
    return Insight(
        index=index,
        label=int(dataset.labels[index]),
        wrong=bool(predictions[index] != dataset.labels[index]),
        weights=_weights(run),
        stages=stages_of(run.network, run.params, image),
        saliency=saliency(run.network, run.params, image),
        hidden=_hidden(run, image, train),
        pixels=nearest_by_pixels(image, train),
        layout=layout,
        no_map=no_map,
        over_epochs=over_epochs,
        no_epochs=no_epochs,
    )


def _epochs(run: Run) -> tuple[OverEpochs | None, str]:
    """What snapshots show, if some were kept; or why nobody can read them."""
    if not has_snapshots(run):
        return None, ""
    try:
        return weights_over_epochs(run), ""
    except RunError as error:
        return None, f"No weights over the epochs: {error}."


def _weights(run: Run) -> FirstLayer | None:
    try:
        return first_layer(run.network, run.params)
    except NetworkError:
        return None


def _hidden(run: Run, image: UInt8[ndarray, "28 28"], train: Dataset) -> Neighbours | None:
    try:
        one = hidden_features(run.network, run.params, image[None])[0]
    except NetworkError:
        return None
    return nearest(hidden_features(run.network, run.params, train.images), one, train)


def _map(run: Run, some: Dataset, predictions: UInt8[ndarray, " n"]) -> tuple[ImageMap | None, str]:
    """Where the last hidden layer puts the images; or why nobody knows."""
    try:
        features = hidden_features(run.network, run.params, some.images)
        if not np.ptp(features, axis=0).any():
            return None, "No map: the last hidden layer says the same of every image."
        # a thousand short parallel loops: on two cores that others use too they took a minute
        with one_core_blas, threadpool_limits(1, user_api="openmp"):
            return map_images(features, some.labels, predictions, "t-SNE"), ""
    except (NetworkError, DataError, MissingExtraError) as error:
        return None, f"No map: {error}."
