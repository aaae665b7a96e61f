"""One image on its way through the network: answers, stages, saliency and nearest images."""

from typing import Any

import numpy as np

from digitnn.analysis.explain.neighbours import Neighbours, describe_neighbours
from digitnn.analysis.explain.saliency import describe_saliency
from digitnn.analysis.explain.stages import (
    MAX_PLANES_DRAWN,
    Stage,
    describe_stages,
    stage_planes,
)
from digitnn.report.elements import Pixels, coloured, ink, outlined
from digitnn.report.measured import Insight
from digitnn.wording import percent

TEXT_WIDTH = 740
"""Maximum width of a line of text in CSS pixels."""


def one_image(found: Insight) -> dict[str, Any]:
    """Return the part of the page about one example image.

    answers: (digit, probability, the same as the width of a bar in %) of the most likely digits.
    """
    saliency, stages = found.saliency, found.stages
    predicted, name, rival = saliency.predicted, saliency.predicted_name, saliency.rival_name
    label = found.pixels.name(found.label)
    which = (
        "the most confident mistake" if found.wrong else "the first image, as there are no mistakes"
    )
    maps = {
        f"for {name}": saliency.for_predicted,
        f"for {name} rather than {rival}": saliency.against_rival,
    }
    largest = float(max(np.abs(plane).max() for plane in maps.values())) or 1.0
    digits = np.argsort(-saliency.probabilities, kind="stable")[:4]
    near = [("Nearest by pixels", _near(found.pixels, predicted))]
    near_words = "The training images with the smallest Euclidean distance between pixels."
    if found.hidden:
        near.insert(0, ("Nearest in the last hidden layer", _near(found.hidden, predicted)))
        near_words = describe_neighbours(predicted, found.hidden, found.pixels)
    return {
        "picture": ink(stages.image[None], f"Image {found.index}, labelled {label}", zoom=5),
        "words": f"Image {found.index} of the split, labelled {label}: {which}.",
        "answers": [
            (stages.labels[digit], percent(share), round(100 * share, 2))
            for digit, share in ((d, float(saliency.probabilities[d])) for d in digits)
        ],
        "stages": [_stage(stage) for stage in stages.stages[:-1]],
        "stage_words": describe_stages(stages),
        "saliency": [
            (title, outlined(plane, saliency.image, largest, f"Sensitivity {title}", zoom=9))
            for title, plane in maps.items()
        ],
        "saliency_words": describe_saliency(saliency).replace("right map", "second map"),
        "near": near,
        "near_words": near_words,
    }


def _stage(stage: Stage) -> tuple[str, str, Pixels]:
    """Return the name, size and picture of a stage's output."""
    output = stage.output
    limit = (min(0.0, float(output.min())), float(output.max()) or 1.0)
    planes, columns, gap = stage_planes(output)
    columns = min(columns, len(planes))
    if output.ndim == 1:
        size = f"{len(output)} numbers, {np.count_nonzero(output)} of them non-zero"
        zoom = zoom_for(columns, 11)
    else:
        _, h, w = output.shape
        some = len(output) > MAX_PLANES_DRAWN
        most = f", the {MAX_PLANES_DRAWN} most active shown" if some else ""
        size = f"{len(output)} planes of {h} × {w}{most}"
        zoom = zoom_for(columns * (w + gap) - gap, 8)
    alt = f"{stage.name}: {size}"
    picture = coloured(planes, "amount", limit, alt, zoom=zoom, columns=columns, gap=gap)
    return stage.name, size, picture


def _near(found: Neighbours, predicted: int) -> list[tuple[Pixels, str, str, bool]]:
    """Return (image, label, distance, label is the prediction) of the nearest training images."""
    return [
        (
            ink(image[None], f"Training image {place}, labelled {found.name(label)}", zoom=3),
            found.name(label),
            f"{distance:.1f}",
            label == predicted,
        )
        for image, place, label, distance in zip(
            found.images, found.indices, found.labels, found.distances, strict=True
        )
    ]


def zoom_for(wide: int, most: int) -> int:
    """Return the CSS pixels for each of `wide` pixels, so that all fit the width of the text."""
    return max(1, min(most, TEXT_WIDTH // wide))
