"""Draw weights over the epochs: the first layer in rows, distances and errors as curves.

Axes: t snapshots, n units or filters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from digitnn.analysis.explain.mosaic import SIGNED, show_mosaic
from digitnn.analysis.explain.over_epochs import UNITS_SHOWN, OverEpochs
from digitnn.plotting import COLOURS, new_figure, plot_known, use_log_scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

PLANE_INCHES = 0.62
"""Width of a plane and height of a row."""


def draw_weights_over_epochs(found: OverEpochs) -> Figure:
    """Draw a row of weights for each snapshot, all on one scale, and four curves.

    The curves: norm of the weights, distance from the start, distance per epoch, error rate.
    """
    height = max(6.4, PLANE_INCHES * len(found.epochs) + 0.7)
    if found.weights is None:
        figure = new_figure(5.4, height)
        _draw_curves(figure, found)
        return figure
    columns = min(UNITS_SHOWN, found.weights.shape[1])
    figure = new_figure(PLANE_INCHES * columns + 6.4, height)
    parts: Any = figure.subfigures(1, 2, width_ratios=[PLANE_INCHES * columns + 1.4, 5])
    left, right = parts
    _draw_rows(left, found, columns)
    _draw_curves(right, found)
    return figure


def _draw_rows(panel: SubFigure, found: OverEpochs, columns: int) -> None:
    assert found.weights is not None
    shown = found.weights[:, :columns]
    largest = float(np.quantile(np.abs(shown), 0.999)) or 1.0
    gap = max(1, shown.shape[-1] // 10)
    axes = panel.subplots()
    planes = shown.reshape(-1, *shown.shape[2:])
    drawn = show_mosaic(axes, planes, columns, gap, cmap=SIGNED, vmin=-largest, vmax=largest)
    axes.set_axis_on()
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    h = shown.shape[2]
    middles = [(h + gap) * row + (h - 1) / 2 for row in range(len(shown))]
    names = [f"{found.unit} {epoch:g}" if epoch else "start" for epoch in found.epochs]
    axes.set_yticks(middles, names, fontsize=9)
    axes.tick_params(axis="y", length=0)
    bar = panel.colorbar(
        drawn, ax=axes, location="top", fraction=0.03, pad=0.02, aspect=40, extend="both"
    )
    bar.set_label("weight of a pixel of full ink")
    n = found.weights.shape[1]
    some = f"{columns} of {n} {found.kind}, the strongest at the end"
    panel.suptitle(some if n > columns else f"{n} {found.kind}", fontsize=11)


def _draw_curves(panel: Figure | SubFigure, found: OverEpochs) -> None:
    norm, from_start, an_epoch, error = panel.subplots(4, 1, sharex=True)
    colours = _colours(len(found.layers))
    for path, colour in zip(found.layers, colours, strict=True):
        for axes, lengths in (
            (norm, path.norm),
            (from_start, path.from_start),
            (an_epoch, path.an_epoch),
        ):
            known = np.array(lengths, float)  # None becomes NaN, which is not drawn
            axes.plot(found.epochs, known, color=colour, marker=".", label=path.name)
    epochs = [epoch for epoch, _, _ in found.history]
    marker = "." if len(epochs) < 30 else None
    for label, colour, place in (("training", COLOURS[0], 1), ("validation", COLOURS[1], 2)):
        values = [record[place] for record in found.history]
        plot_known(error, epochs, values, 100, color=colour, marker=marker, label=label)
    for axes in (norm, an_epoch, error):
        use_log_scale(axes)
    norm.set_title("norm of the weights", fontsize=10)
    from_start.set_title("distance from the start / initial norm", fontsize=10)
    an_epoch.set_title(f"distance per {found.unit} / norm before it", fontsize=10)
    error.set_title("error rate (%)", fontsize=10)
    error.set_xlabel(found.unit)
    error.set_xscale("symlog", linthresh=1, linscale=0.4)
    error.set_xlim(-0.2, 1.15 * found.epochs[-1])
    ticks = _ticks(found.epochs[-1])
    error.set_xticks(ticks, [str(tick) for tick in ticks])
    error.xaxis.minorticks_off()
    for axes in (norm, from_start, an_epoch, error):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    columns = 1 if len(found.layers) <= 4 else 2
    from_start.set_ylim(bottom=0)
    from_start.legend(frameon=False, fontsize=8, ncols=columns)
    if epochs:
        error.legend(frameon=False, fontsize=8)


def _colours(n: int) -> Sequence[str]:
    """Return a colour for each layer; beyond the palette, from dark to light."""
    if n <= len(COLOURS):
        return COLOURS[:n]
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["viridis"](share)) for share in np.linspace(0, 0.9, n)]


def _ticks(last: float) -> list[int]:
    """Return 0, 1, 2, 5, 10, 20, 50, ... up to the last epoch."""
    ticks = [0]
    for power in range(len(f"{last:.0f}")):
        ticks += [step * 10**power for step in (1, 2, 5) if step * 10**power <= last]
    return ticks
