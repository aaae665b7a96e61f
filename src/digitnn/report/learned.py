"""What it has learned: weights, one image on its way, what its answer hangs on, who is near."""

from dataclasses import dataclass

import numpy as np

from digitnn.analysis.explain.first_layer import MOST, FirstLayer, describe_first_layer
from digitnn.analysis.explain.maps import describe_maps
from digitnn.analysis.explain.neighbours import Neighbours, describe_neighbours
from digitnn.analysis.explain.saliency import describe_saliency
from digitnn.analysis.explain.stages import COLUMNS, UNITS_IN_A_ROW, Stage, describe_stages
from digitnn.analysis.explain.stages import MOST as MAX_PLANES
from digitnn.report.charts import draw_learning
from digitnn.report.digit_map import DigitMap, digit_map
from digitnn.report.elements import Chart, Pixels, table
from digitnn.report.inline_svg import inline_svg
from digitnn.report.measured import Insight, Measurements
from digitnn.report.on_the_way import OnTheWay, on_the_way
from digitnn.report.pixels import coloured, ink, outlined
from digitnn.wording import count, percent

COLUMN = 740
"""CSS pixels that a line of text has at most."""


@dataclass(frozen=True)
class Weights:
    """The first layer as a mosaic; scale: what the strongest red and blue stand for."""

    picture: Pixels
    scale: float
    words: str


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


@dataclass(frozen=True)
class Learned:
    """Whatever could be made; missing: what could not, and why."""

    curves: tuple[Chart, ...]
    curve_words: str
    weights: Weights | None
    epochs: OnTheWay | None
    one: OneImage | None
    map: DigitMap | None
    map_words: str
    missing: tuple[str, ...]


def learned(measured: Measurements) -> Learned:
    """What can be seen of the inside of one network."""
    found, missing = measured.insight, []
    if not measured.histories:
        missing.append("No learning curves: no epoch of this training is on record.")
    if found is None:
        missing.append(
            "An ensemble has no first layer of its own and no one way through it: name one of its "
            f"members, such as {measured.run.path / 'members' / '0'}, for a page about its inside."
        )
    elif found.weights is None:
        missing.append(
            "No picture of the first weights: a layer stands before them, so they see no pixels."
        )
    if found and found.hidden is None:
        missing.append("No nearest images by what it knows: it has no last hidden layer.")
    if found:
        missing += [reason for reason in (found.no_map, found.no_epochs) if reason]
    return Learned(
        curves=_curves(measured),
        curve_words=_curve_words(measured),
        weights=_weights(found.weights) if found and found.weights else None,
        epochs=on_the_way(found.over_epochs) if found and found.over_epochs else None,
        one=_one(found) if found else None,
        map=digit_map(found.layout) if found and found.layout else None,
        map_words=describe_maps([found.layout]) if found and found.layout else "",
        missing=tuple(missing),
    )


def _curves(measured: Measurements) -> tuple[Chart, ...]:
    histories = measured.histories
    if not histories:
        return ()
    records = histories[0].records
    rows = [
        (
            str(record.epoch),
            percent(1 - record.accuracy),
            percent(1 - record.valid_accuracy),
            f"{record.loss:.4f}",
            f"{record.valid_loss:.4f}",
        )
        for record in records
    ]
    unit = "iteration" if histories[0].recipe.is_full_batch else "epoch"
    head = (unit, "training error", "validation error", "training loss", "validation loss")
    whose = " of the first member" if len(histories) > 1 else ""
    numbers = table(f"Errors and losses over the training{whose}", head, rows)
    last = records[-1]
    charts = []
    for what, figure_words, label in (
        (
            "error",
            "Error on the images it learns from and on those held out.",
            f"Error over the {unit}s; at the end {percent(1 - last.valid_accuracy)} on validation.",
        ),
        (
            "loss",
            "The loss, which the training makes small: what it costs to be unsure or wrong.",
            f"Loss over the {unit}s; at the end {last.valid_loss:.4f} nats on validation.",
        ),
    ):
        svg = inline_svg(draw_learning(histories, what), f"learning-{what}", label)
        charts.append(Chart(svg, figure_words, numbers))
    return tuple(charts)


def _curve_words(measured: Measurements) -> str:
    histories = measured.histories
    if not histories:
        return ""
    many = f"Each line is one of {len(histories)} members. " if len(histories) > 1 else ""
    return (
        f"{many}Where validation levels off or rises while training still falls, more training "
        "would teach the images by heart. Training figures are means over an epoch, while the "
        "network was still changing (and, in some recipes, on distorted images), so they may lie "
        "above those of validation."
    )


def _weights(found: FirstLayer) -> Weights:
    shown = found.weights[:MOST]
    filters = found.kind == "filters"
    columns, gap = (8, 1) if filters else (10, 2)
    largest = float(np.quantile(np.abs(shown), 0.999)) or 1.0
    _, h, w = shown.shape
    zoom = _zoom(min(columns, len(shown)) * (w + gap) - gap, 12)
    alt = f"{count(len(shown), found.kind[:-1])} of the first layer, {h} × {w} weights each"
    picture = coloured(
        shown, "signed", (-largest, largest), alt, zoom=zoom, columns=columns, gap=gap
    )
    return Weights(picture, largest, describe_first_layer(found))


def _one(found: Insight) -> OneImage:
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
        planes, gap, columns = output[:, None, None], 0, UNITS_IN_A_ROW
        zoom = _zoom(min(columns, len(output)), 11)
    else:
        order = np.argsort(-output.max(axis=(1, 2)), kind="stable")[:MAX_PLANES]
        planes, gap, columns = output[np.sort(order)], 1, COLUMNS
        side = output.shape[2]
        zoom = _zoom(min(columns, len(planes)) * (side + 1) - 1, 8)
        most = f", the {MAX_PLANES} most active shown" if len(output) > MAX_PLANES else ""
        size = f"{len(output)} planes of {output.shape[1]} × {side}{most}"
    alt = f"{stage.name}: {size}"
    picture = coloured(planes, "amount", limit, alt, zoom=zoom, columns=columns, gap=gap)
    return StagePicture(stage.name, size, picture)


def _zoom(wide: int, most: int) -> int:
    """How many CSS pixels each of `wide` pixels gets, for all to stand in a column of text."""
    return max(1, min(most, COLUMN // wide))


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
