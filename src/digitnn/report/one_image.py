"""One image on its way through the network: answers, stages, saliency and nearest images."""

from dataclasses import dataclass

import numpy as np

from digitnn.analysis.explain.neighbours import Neighbours, describe_neighbours
from digitnn.analysis.explain.saliency import describe_saliency
from digitnn.analysis.explain.stages import (
    MAX_PLANES_DRAWN,
    PLANES_PER_ROW,
    UNITS_PER_ROW,
    Stage,
    describe_stages,
)
from digitnn.report.elements import Pixels, coloured, ink, outlined
from digitnn.report.measured import Insight
from digitnn.wording import percent

TEXT_WIDTH = 740
"""Maximum width of a line of text in CSS pixels."""


@dataclass(frozen=True)
class StagePicture:
    """The output of one stage."""

    name: str
    size: str
    picture: Pixels


@dataclass(frozen=True)
class Answer:
    """A digit and its probability in percent, as text and as a bar."""

    digit: str
    probability: str
    bar: float


@dataclass(frozen=True)
class Near:
    """The nearest training images. pictures: (image, label, distance, label is the prediction)."""

    title: str
    pictures: tuple[tuple[Pixels, int, str, bool], ...]


@dataclass(frozen=True)
class OneImage:
    """The part of the page about one example image."""

    picture: Pixels
    words: str
    answers: tuple[Answer, ...]
    stages: tuple[StagePicture, ...]
    stage_words: str
    saliency: tuple[tuple[str, Pixels], ...]
    saliency_words: str
    near: tuple[Near, ...]
    near_words: str


def one_image(found: Insight) -> OneImage:
    saliency, stages = found.saliency, found.stages
    which = (
        "the most confident mistake" if found.wrong else "the first image, as there are no mistakes"
    )
    digits = np.argsort(-saliency.probabilities, kind="stable")[:4]
    largest = (
        float(max(np.abs(p).max() for p in (saliency.for_predicted, saliency.against_rival))) or 1.0
    )
    titles = (f"for {saliency.predicted}", f"for {saliency.predicted} rather than {saliency.rival}")
    near = [_near("Nearest in the last hidden layer", found.hidden, saliency.predicted)]
    near.append(_near("Nearest by pixels", found.pixels, saliency.predicted))
    return OneImage(
        picture=ink(stages.image[None], f"Image {found.index}, labelled {found.label}", zoom=5),
        words=(f"Image {found.index} of the split, labelled {found.label}: {which}."),
        answers=tuple(
            Answer(stages.labels[d], percent(p), round(100 * p, 2))
            for d, p in ((int(d), float(saliency.probabilities[d])) for d in digits)
        ),
        stages=tuple(_stage(stage) for stage in stages.stages[:-1]),
        stage_words=describe_stages(stages),
        saliency=tuple(
            (title, outlined(plane, saliency.image, largest, f"Sensitivity {title}", zoom=9))
            for title, plane in zip(
                titles, (saliency.for_predicted, saliency.against_rival), strict=True
            )
        ),
        saliency_words=describe_saliency(saliency).replace("right map", "second map"),
        near=tuple(row for row in near if row),
        near_words=describe_neighbours(saliency.predicted, found.hidden, found.pixels)
        if found.hidden
        else "The training images with the smallest Euclidean distance between pixels.",
    )


def _stage(stage: Stage) -> StagePicture:
    output = stage.output
    limit = (min(0.0, float(output.min())), float(output.max()) or 1.0)
    if output.ndim == 1:
        size = f"{len(output)} numbers, {np.count_nonzero(output)} of them non-zero"
        planes, gap, columns = output[:, None, None], 0, UNITS_PER_ROW
        zoom = zoom_for(min(columns, len(output)), 11)
    else:
        order = np.argsort(-output.max(axis=(1, 2)), kind="stable")[:MAX_PLANES_DRAWN]
        planes, gap, columns = output[np.sort(order)], 1, PLANES_PER_ROW
        side = output.shape[2]
        zoom = zoom_for(min(columns, len(planes)) * (side + 1) - 1, 8)
        most = (
            f", the {MAX_PLANES_DRAWN} most active shown" if len(output) > MAX_PLANES_DRAWN else ""
        )
        size = f"{len(output)} planes of {output.shape[1]} × {side}{most}"
    alt = f"{stage.name}: {size}"
    picture = coloured(planes, "amount", limit, alt, zoom=zoom, columns=columns, gap=gap)
    return StagePicture(stage.name, size, picture)


def _near(title: str, found: Neighbours | None, read: int) -> Near | None:
    if found is None:
        return None
    return Near(
        title,
        tuple(
            (
                ink(image[None], f"Training image {place}, labelled {label}", zoom=3),
                label,
                f"{distance:.1f}",
                label == read,
            )
            for image, place, label, distance in zip(
                found.images, found.indices, found.labels, found.distances, strict=True
            )
        ),
    )


def zoom_for(wide: int, most: int) -> int:
    """Return the CSS pixels for each of `wide` pixels, so that all fit the width of the text."""
    return max(1, min(most, TEXT_WIDTH // wide))
