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
"""CSS pixels that a line of text has at most."""


@dataclass(frozen=True)
class StagePicture:
    """What one stage makes of the image."""

    name: str
    size: str
    picture: Pixels


@dataclass(frozen=True)
class Answer:
    """A digit, and how likely the network says it is: percent, as text and as a bar."""

    digit: str
    probability: str
    bar: float


@dataclass(frozen=True)
class Near:
    """Training images near to the one that is followed. labels: digit and distance of each."""

    title: str
    pictures: tuple[tuple[Pixels, int, str, bool], ...]


@dataclass(frozen=True)
class OneImage:
    """All about one image on its way."""

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
        "the mistake that it is surest of" if found.wrong else "the first image, as none is misread"
    )
    digits = np.argsort(-saliency.probabilities, kind="stable")[:4]
    largest = (
        float(max(np.abs(p).max() for p in (saliency.for_read, saliency.against_rival))) or 1.0
    )
    titles = (f"for a {saliency.read}", f"for a {saliency.read} rather than a {saliency.rival}")
    near = [_near("Nearest by what its last hidden layer says", found.hidden, saliency.read)]
    near.append(_near("Nearest pixel by pixel", found.pixels, saliency.read))
    return OneImage(
        picture=ink(stages.image[None], f"Image {found.index}, labelled {found.label}", zoom=5),
        words=(
            f"The page follows image {found.index} of the split, labelled {found.label}: {which}."
        ),
        answers=tuple(
            Answer(stages.labels[d], percent(p), round(100 * p, 2))
            for d, p in ((int(d), float(saliency.probabilities[d])) for d in digits)
        ),
        stages=tuple(_stage(stage) for stage in stages.stages[:-1]),
        stage_words=describe_stages(stages),
        saliency=tuple(
            (title, outlined(plane, saliency.image, largest, f"Sensitivity {title}", zoom=9))
            for title, plane in zip(
                titles, (saliency.for_read, saliency.against_rival), strict=True
            )
        ),
        saliency_words=describe_saliency(saliency).replace("The right picture", "The second"),
        near=tuple(row for row in near if row),
        near_words=describe_neighbours(saliency.read, found.hidden, found.pixels)
        if found.hidden
        else "The training images that differ least, pixel by pixel.",
    )


def _stage(stage: Stage) -> StagePicture:
    output = stage.output
    limit = (min(0.0, float(output.min())), float(output.max()) or 1.0)
    if output.ndim == 1:
        size = f"{len(output)} numbers, {np.count_nonzero(output)} of them not 0"
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
    """How many CSS pixels each of `wide` pixels gets, for all to stand in a column of text."""
    return max(1, min(most, TEXT_WIDTH // wide))
