"""How the weights came to be, of a run that kept snapshots."""

from dataclasses import dataclass

import numpy as np

from digitnn.analysis.explain.over_epochs import SHOWN, OverEpochs, describe_weights_over_epochs
from digitnn.report.charts import draw_moves
from digitnn.report.elements import Chart, Pixels, table
from digitnn.report.inline_svg import inline_svg
from digitnn.report.pixels import coloured

MOMENTS = 13
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
    shown = found.weights[:, :SHOWN]
    largest = float(np.quantile(np.abs(shown), 0.999)) or 1.0
    last = len(shown) - 1
    chosen = np.unique(np.linspace(0, last, min(MOMENTS, last + 1)).round().astype(int))
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
