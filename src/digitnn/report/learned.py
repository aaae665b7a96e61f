"""The section on what the network has learned: curves, weights, one image, map of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from digitnn.analysis.explain.first_layer import MAX_UNITS_DRAWN, FirstLayer, describe_first_layer
from digitnn.analysis.explain.maps import ImageMap, describe_maps
from digitnn.analysis.explain.over_epochs import (
    UNITS_SHOWN,
    OverEpochs,
    describe_weights_over_epochs,
)
from digitnn.report.charts import draw_learning, draw_moves
from digitnn.report.elements import Chart, Pixels, coloured, inline_svg, table
from digitnn.report.measured import Measurements
from digitnn.report.one_image import OneImage, one_image, zoom_for
from digitnn.wording import count, percent


@dataclass(frozen=True)
class Weights:
    """The first layer as a mosaic. scale: the value of the strongest red and blue."""

    picture: Pixels
    scale: float
    words: str


@dataclass(frozen=True)
class LearnedSection:
    """missing: which parts could not be made, and why."""

    curves: tuple[Chart, ...]
    curve_words: str
    weights: Weights | None
    epochs: WeightsOverTime | None
    one: OneImage | None
    map: DigitMap | None
    map_words: str
    missing: tuple[str, ...]


def learned_section(measured: Measurements) -> LearnedSection:
    """Return the section on what one network has learned."""
    found, missing = measured.insight, []
    if not measured.histories:
        missing.append("No learning curves: the run has no record of an epoch.")
    if found is None:
        missing.append(
            "An ensemble has no first layer of its own: name one of its members, such as "
            f"{measured.run.path / 'members' / '0'}, for a page about what it has learned."
        )
    elif found.weights is None:
        missing.append("No first weights: a layer comes before them, so they see no pixels.")
    if found and found.hidden is None:
        missing.append("No nearest images by features: the network has no hidden layer.")
    if found:
        missing += [reason for reason in (found.no_map, found.no_epochs) if reason]
    return LearnedSection(
        curves=_curves(measured),
        curve_words=_curve_words(measured),
        weights=_weights(found.weights) if found and found.weights else None,
        epochs=weights_over_time(found.over_epochs) if found and found.over_epochs else None,
        one=one_image(found) if found else None,
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
            "Error rate on the training images and on the held-out validation images.",
            f"Error over the {unit}s; at the end {percent(1 - last.valid_accuracy)} on validation.",
        ),
        (
            "loss",
            "The loss, which training minimises.",
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
        f"{many}Where the validation curve levels off or rises while the training curve still "
        "falls, the network overfits. Training values are means over an epoch during which the "
        "network still changed (in some recipes on distorted images), so they may exceed the "
        "validation values."
    )


def _weights(found: FirstLayer) -> Weights:
    shown = found.weights[:MAX_UNITS_DRAWN]
    filters = found.kind == "filters"
    columns, gap = (8, 1) if filters else (10, 2)
    largest = float(np.quantile(np.abs(shown), 0.999)) or 1.0
    _, h, w = shown.shape
    zoom = zoom_for(min(columns, len(shown)) * (w + gap) - gap, 12)
    alt = f"{count(len(shown), found.kind[:-1])} of the first layer, {h} × {w} weights each"
    picture = coloured(
        shown, "signed", (-largest, largest), alt, zoom=zoom, columns=columns, gap=gap
    )
    return Weights(picture, largest, describe_first_layer(found))


MAX_MOMENTS = 13
"""Rows of weights; of more snapshots, some between the first and the last are left out."""


@dataclass(frozen=True)
class WeightsOverTime:
    """Weights over the epochs. moments: (epoch, first weights), empty if these see no pixels."""

    moments: tuple[tuple[str, Pixels], ...]
    moves: Chart


def weights_over_time(found: OverEpochs) -> WeightsOverTime:
    """Return the first layer at each snapshot and the distance that every layer has moved."""
    return WeightsOverTime(_moments(found), _moves(found))


def _moments(found: OverEpochs) -> tuple[tuple[str, Pixels], ...]:
    if found.weights is None:
        return ()
    shown = found.weights[:, :UNITS_SHOWN]
    largest = float(np.quantile(np.abs(shown), 0.999)) or 1.0
    last = len(shown) - 1
    chosen = np.unique(np.linspace(0, last, min(MAX_MOMENTS, last + 1)).round().astype(int))
    columns, width = shown.shape[1], shown.shape[3]
    gap = max(1, width // 10)
    zoom = max(1, min(12, 640 // (columns * (width + gap) - gap)))
    pictures = []
    for t in map(int, chosen):
        when = f"{found.unit} {found.epochs[t]:g}"
        alt = f"{columns} {found.kind} of the first layer, {when}"
        limit = (-largest, largest)
        pictures.append((when, coloured(shown[t], "signed", limit, alt, zoom, columns, gap)))
    return tuple(pictures)


def _moves(found: OverEpochs) -> Chart:
    ends = [path.from_start[-1] for path in found.layers]
    label = "Distance of each layer's weights from their initial values; at the end " + ", ".join(
        f"{path.name}: {'none' if end is None else f'{end:.2f}'}"
        for path, end in zip(found.layers, ends, strict=True)
    )
    rows = [
        (f"{epoch:g}", *(_text(path.from_start[t]) for path in found.layers))
        for t, epoch in enumerate(found.epochs)
    ]
    return Chart(
        inline_svg(draw_moves(found), "moves", label),
        describe_weights_over_epochs(found),
        table(
            "Distance from the initial weights, relative to their norm",
            (found.unit, *(f"{path.name} (layer {path.index})" for path in found.layers)),
            rows,
        ),
    )


def _text(share: float | None) -> str:
    return "none" if share is None else f"{share:.3f}"


MAP_WIDTH, MAP_HEIGHT, MAP_MARGIN = 640.0, 560.0, 14.0


@dataclass(frozen=True)
class Group:
    """The images of one digit. places: (x, y) in the map's units, rounded."""

    digit: int
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class DigitMap:
    """A map of images, each drawn as its digit. groups: by label; wrong: misclassified, circled."""

    width: int
    height: int
    label: str
    groups: tuple[Group, ...]
    wrong: tuple[tuple[int, int], ...]


def digit_map(found: ImageMap) -> DigitMap:
    """Scale the positions to the size of the map, y upwards."""
    low, high = found.positions.min(axis=0), found.positions.max(axis=0)
    spread = (high - low).clip(1e-9)
    x = MAP_MARGIN + (found.positions[:, 0] - low[0]) / spread[0] * (MAP_WIDTH - 2 * MAP_MARGIN)
    y = MAP_MARGIN + (high[1] - found.positions[:, 1]) / spread[1] * (MAP_HEIGHT - 2 * MAP_MARGIN)
    places = [(round(float(a)), round(float(b))) for a, b in zip(x, y, strict=True)]
    groups = tuple(
        Group(
            digit,
            tuple(
                place for place, label in zip(places, found.labels, strict=True) if label == digit
            ),
        )
        for digit in sorted({int(label) for label in found.labels})
    )
    wrong = tuple(
        place
        for place, label, read in zip(places, found.labels, found.predicted, strict=True)
        if label != read
    )
    label = (
        f"{found.method} map of {len(places):,} images: for {100 * found.together:.0f} % of them "
        f"the nearest image has the same label; {len(wrong)} were misclassified."
    )
    return DigitMap(int(MAP_WIDTH), int(MAP_HEIGHT), label, groups, wrong)
