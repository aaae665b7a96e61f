"""What it has learned: weights, one image on its way, what its answer hangs on, who is near."""

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
from digitnn.report.elements import Chart, Pixels, coloured, table
from digitnn.report.inline_svg import inline_svg
from digitnn.report.measured import Measurements
from digitnn.report.one_image import OneImage, one_image, zoom_for
from digitnn.wording import count, percent


@dataclass(frozen=True)
class Weights:
    """The first layer as a mosaic; scale: what the strongest red and blue stand for."""

    picture: Pixels
    scale: float
    words: str


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
"""Rows of pictures; of more snapshots some between the first and the last are left out."""


@dataclass(frozen=True)
class OnTheWay:
    """moments: when, and the first weights then; none where these see no pixels."""

    moments: tuple[tuple[str, Pixels], ...]
    moves: Chart


def on_the_way(found: OverEpochs) -> OnTheWay:
    """The first layer at each moment, and how far every layer has moved."""
    return OnTheWay(_moments(found), _moves(found))


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
    label = "Distance of each layer's weights from where they began; at the end " + ", ".join(
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
            "Distance from the start, by the length there",
            (found.unit, *(f"{path.name} (layer {path.index})" for path in found.layers)),
            rows,
        ),
    )


def _text(share: float | None) -> str:
    return "none" if share is None else f"{share:.3f}"


WIDTH, HEIGHT, MARGIN = 640.0, 560.0, 14.0


@dataclass(frozen=True)
class Group:
    """Where the images of one digit are: x and y in the picture's units, rounded."""

    digit: int
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class DigitMap:
    """groups: by label; wrong: where a ring is drawn, for what was read as another digit."""

    width: int
    height: int
    label: str
    groups: tuple[Group, ...]
    wrong: tuple[tuple[int, int], ...]


def digit_map(found: ImageMap) -> DigitMap:
    """The positions brought to the size of a picture, y upwards."""
    low, high = found.positions.min(axis=0), found.positions.max(axis=0)
    spread = (high - low).clip(1e-9)
    x = MARGIN + (found.positions[:, 0] - low[0]) / spread[0] * (WIDTH - 2 * MARGIN)
    y = MARGIN + (high[1] - found.positions[:, 1]) / spread[1] * (HEIGHT - 2 * MARGIN)
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
        for place, label, read in zip(places, found.labels, found.read, strict=True)
        if label != read
    )
    label = (
        f"{found.method} map of {len(places):,} images: for {100 * found.together:.0f} % of them "
        f"the nearest has the same label; {len(wrong)} were read as another digit."
    )
    return DigitMap(int(WIDTH), int(HEIGHT), label, groups, wrong)
