"""The section on what the network has learned: curves, weights, one image, map of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from digitnn.analysis.explain.first_layer import MAX_UNITS_DRAWN, FirstLayer, describe_first_layer
from digitnn.analysis.explain.maps import ImageMap, describe_maps
from digitnn.analysis.explain.over_epochs import (
    UNITS_SHOWN,
    OverEpochs,
    describe_weights_over_epochs,
)
from digitnn.report.charts import draw_learning, draw_moves
from digitnn.report.elements import Chart, Pixels, Table, coloured, inline_svg
from digitnn.report.measured import Measurements
from digitnn.report.one_image import one_image, zoom_for
from digitnn.runs.histories import History
from digitnn.wording import count, percent


def learned_section(measured: Measurements) -> dict[str, Any]:
    """Return the section on what one network has learned.

    missing: which parts could not be made, and why.
    """
    found, missing = measured.insight, []
    if not measured.histories:
        missing.append("No learning curves: the run has no record of an epoch.")
    content: dict[str, Any] = {"curves": _curves(measured), "missing": missing}
    if measured.histories:
        content["curve_words"] = _curve_words(measured.histories)
    if found is None:
        missing.append(
            "An ensemble has no first layer of its own: name one of its members, such as "
            f"{measured.run.path / 'members' / '0'}, for a page about what it has learned."
        )
        return content
    content["one"] = one_image(found)
    if found.weights:
        content["weights"] = _weights(found.weights)
    else:
        missing.append("No first weights: a layer comes before them, so they see no pixels.")
    if found.over_epochs:
        moments, moves = _moments(found.over_epochs), _moves(found.over_epochs)
        content["epochs"] = {"moments": moments, "moves": moves}
    if found.layout:
        content["map"] = _map(found.layout)
    if found.hidden is None:
        missing.append("No nearest images by features: the network has no hidden layer.")
    missing += [reason for reason in (found.no_map, found.no_epochs) if reason]
    return content


def _curves(measured: Measurements) -> list[Chart]:
    histories = measured.histories
    if not histories:
        return []
    records = histories[0].records
    rows = [
        (
            str(record.epoch),
            percent(1 - record.accuracy),
            _or_none(record.valid_error, percent),
            f"{record.loss:.4f}",
            _or_none(record.valid_loss, "{:.4f}".format),
        )
        for record in records
    ]
    unit = "iteration" if histories[0].recipe.is_full_batch else "epoch"
    head = (unit, "training error", "validation error", "training loss", "validation loss")
    whose = " of the first member" if len(histories) > 1 else ""
    numbers = Table(f"Errors and losses over the training{whose}", head, rows)
    last = records[-1]
    error_at_end = f"{percent(1 - last.accuracy)} on training"
    loss_at_end = f"{last.loss:.4f} nats on training"
    on = "the training images"
    if last.valid_error is not None:
        error_at_end = f"{percent(last.valid_error)} on validation"
        loss_at_end = f"{last.validation.loss:.4f} nats on validation"
        on += " and on the held-out validation images"
    charts = []
    for what, figure_words, label in (
        ("error", f"Error rate on {on}.", f"Error over the {unit}s; at the end {error_at_end}."),
        (
            "loss",
            "The loss, which training minimises.",
            f"Loss over the {unit}s; at the end {loss_at_end}.",
        ),
    ):
        svg = inline_svg(draw_learning(histories, what), f"learning-{what}", label)
        charts.append(Chart(svg, figure_words, numbers))
    return charts


def _or_none(value: float | None, worded: Callable[[float], str]) -> str:
    return "none" if value is None else worded(value)


def _curve_words(histories: Sequence[History]) -> str:
    members = len(histories)
    many = f"Each line is one of {members} members. " if members > 1 else ""
    if histories[0].records[-1].valid_error is None:
        return (
            f"{many}The network learned from the validation images too, so nothing here tells how "
            "well it does on images that it has not seen. Training values are means over an epoch "
            "during which the network still changed."
        )
    return (
        f"{many}Where the validation curve levels off or rises while the training curve still "
        "falls, the network overfits. Training values are means over an epoch during which the "
        "network still changed (in some recipes on distorted images), so they may exceed the "
        "validation values."
    )


def _weights(found: FirstLayer) -> dict[str, Any]:
    """Return the first layer as a mosaic. scale: the value of the strongest red and blue."""
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
    return {"picture": picture, "scale": largest, "words": describe_first_layer(found)}


MAX_MOMENTS = 13
"""Rows of weights; of more snapshots, some between the first and the last are left out."""


def _moments(found: OverEpochs) -> list[tuple[str, Pixels]]:
    """Return (epoch, first weights), empty if these see no pixels."""
    if found.weights is None:
        return []
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
    return pictures


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
        Table(
            "Distance from the initial weights, relative to their norm",
            (found.unit, *(f"{path.name} (layer {path.index})" for path in found.layers)),
            rows,
        ),
    )


def _text(share: float | None) -> str:
    return "none" if share is None else f"{share:.3f}"


MAP_WIDTH, MAP_HEIGHT, MAP_MARGIN = 640, 560, 14


def _map(found: ImageMap) -> dict[str, Any]:
    """Return each image as its digit, at its position scaled to the size of the map, y upwards.

    groups: (digit, its places); wrong: the places of misclassified images, which are circled.
    """
    low, high = found.positions.min(axis=0), found.positions.max(axis=0)
    spread = (high - low).clip(1e-9)
    x = MAP_MARGIN + (found.positions[:, 0] - low[0]) / spread[0] * (MAP_WIDTH - 2 * MAP_MARGIN)
    y = MAP_MARGIN + (high[1] - found.positions[:, 1]) / spread[1] * (MAP_HEIGHT - 2 * MAP_MARGIN)
    places = np.rint(np.stack([x, y], axis=1)).astype(int)
    wrong = places[found.labels != found.predicted]
    label = (
        f"{found.method} map of {len(places):,} images: for {100 * found.together:.0f} % of them "
        f"the nearest image has the same label; {len(wrong)} were misclassified."
    )
    return {
        "width": MAP_WIDTH,
        "height": MAP_HEIGHT,
        "label": label,
        "groups": [
            (digit, places[found.labels == digit].tolist())
            for digit in np.unique(found.labels).tolist()
        ],
        "wrong": wrong.tolist(),
        "words": describe_maps([found]),
    }
