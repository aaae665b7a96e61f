"""Draw the figures that only the page has; each `draw_...` returns a matplotlib figure.

All are narrow enough to be read on a phone in portrait orientation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from digitnn.analysis.explain.over_epochs import OverEpochs
from digitnn.analysis.robustness.adversarial import AdversarialRow
from digitnn.analysis.robustness.sweeps import Curve
from digitnn.evaluation.scores import ClassScore
from digitnn.plotting import COLOURS, GREY, new_figure, plot_known, use_log_scale
from digitnn.report.measured import SeedResult
from digitnn.runs.histories import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from digitnn.evaluation.statistics import NextTest

FULL_WIDTH_INCHES, HALF_WIDTH_INCHES = 4.8, 3.4
"""Width of a chart alone on a line and of one of two side by side."""
FONT_POINTS = 9


def draw_classes(classes: Sequence[ClassScore], noun: str) -> Figure:
    """Draw recall and precision of each class, a `noun`, with their intervals."""
    figure, axes = new_panel(FULL_WIDTH_INCHES, 2.9)
    for name, colour, marker, aside in (
        ("recall", COLOURS[0], "o", -0.13),
        ("precision", COLOURS[1], "s", 0.13),
    ):
        shown = [
            (one.label, getattr(one, name), getattr(one, f"{name}_interval")) for one in classes
        ]
        known = [(label, value, interval) for label, value, interval in shown if interval]
        if not known:
            continue
        places = [label + aside for label, _, _ in known]
        values = 100 * np.array([value for _, value, _ in known])
        reach = np.abs(100 * np.array([interval for _, _, interval in known]).T - values)
        axes.errorbar(
            places,
            values,
            yerr=reach,
            fmt=marker,
            color=colour,
            markersize=4,
            elinewidth=1.4,
            label=name,
        )
    axes.set(xlabel=noun, ylabel="%")
    axes.set_xticks(range(len(classes)), [one.name for one in classes])
    axes.grid(axis="y", alpha=0.6, linewidth=0.6)
    axes.legend(
        frameon=False, fontsize=FONT_POINTS, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1)
    )
    return figure


def draw_sweeps(curves: Sequence[Curve]) -> Figure:
    """Draw the accuracy with its 95 % interval over the steps of each sweep, side by side."""
    figure = new_figure(3.4 * len(curves), 3.2)
    row = np.atleast_1d(figure.subplots(1, len(curves), sharey=True))
    for axes, curve in zip(row, curves, strict=True):
        low, high = 100 * np.array(curve.intervals).T
        axes.fill_between(curve.steps, low, high, color=COLOURS[0], alpha=0.25, linewidth=0)
        axes.plot(curve.steps, 100 * np.array(curve.accuracy), color=COLOURS[0], marker=".")
        axes.set_title(curve.name, fontsize=11)
        axes.set_xlabel(curve.unit)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    row[0].set(ylabel="accuracy (%)", ylim=(0, 101))
    return figure


def draw_attacks(rows: Sequence[AdversarialRow], accuracy: float) -> Figure:
    """Draw the accuracy over epsilon for FGSM and PGD; `accuracy` is that at epsilon 0."""
    figure, axes = new_panel(FULL_WIDTH_INCHES, 2.9)
    for name, label, colour, dash in (
        ("fgsm", "one step (FGSM)", COLOURS[0], "-"),
        ("pgd", "ten steps (PGD)", COLOURS[1], "--"),
    ):
        mine = [row for row in rows if row.attack == name]
        x = [0, *(row.epsilon for row in mine)]
        low, high = 100 * np.array([(accuracy, accuracy), *(row.interval for row in mine)]).T
        axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        y = [100 * accuracy, *(100 * row.accuracy for row in mine)]
        axes.plot(x, y, color=colour, linestyle=dash, marker=".", label=label)
    axes.set(
        ylim=(0, 101),
        xlim=(0, None),
        xlabel="epsilon: the most that a pixel changes, of 255 levels",
        ylabel="accuracy (%)",
    )
    axes.grid(alpha=0.6, linewidth=0.6)
    axes.legend(frameon=False, fontsize=FONT_POINTS)
    return figure


def draw_learning(histories: Sequence[History], what: str) -> Figure:
    """Draw the "error" or the "loss" over the epochs, with thin lines for an ensemble's members."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_panel(HALF_WIDTH_INCHES, 2.8)
    many = len(histories) > 1
    for number, history in enumerate(histories):
        records = history.records
        for label, colour, dash, values in (
            (
                "training",
                COLOURS[1],
                "--",
                [r.loss if what == "loss" else 1 - r.accuracy for r in records],
            ),
            (
                "validation",
                COLOURS[0],
                "-",
                [r.valid_loss if what == "loss" else r.valid_error for r in records],
            ),
        ):
            plot_known(
                axes,
                history.epochs,
                values,
                1 if what == "loss" else 100,
                color=colour,
                linestyle=dash,
                linewidth=1 if many else 1.8,
                marker="o" if len(records) < 30 else None,
                markersize=3.5,
                label=None if number else label,
            )
    use_log_scale(axes)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    unit = "iteration" if all(one.recipe.is_full_batch for one in histories) else "epoch"
    axes.set(
        xlim=(0, None),
        xlabel=unit,
        ylabel="loss (nats per image)" if what == "loss" else "error rate (%)",
    )
    axes.grid(alpha=0.6, linewidth=0.6, which="both")
    axes.legend(frameon=False, fontsize=FONT_POINTS)
    return figure


def draw_moves(found: OverEpochs) -> Figure:
    """Draw the relative distance of each layer's weights from their initial values."""
    figure, axes = new_panel(FULL_WIDTH_INCHES, 2.7)
    for number, path in enumerate(found.layers):
        axes.plot(
            found.epochs,
            np.array(path.from_start, float),  # None becomes NaN, which is not drawn
            color=COLOURS[number % len(COLOURS)],
            linestyle=("-", "--", ":", "-.")[number // len(COLOURS) % 4],
            marker="." if len(found.epochs) < 30 else None,
            label=path.name,
        )
    axes.set(xlim=(0, None), ylim=(0, None), xlabel=found.unit, ylabel="distance / initial norm")
    axes.grid(alpha=0.6, linewidth=0.6)
    if len(found.layers) <= len(COLOURS):
        axes.legend(frameon=False, fontsize=FONT_POINTS)
    return figure


def draw_next_test(found: NextTest) -> Figure:
    """Draw the predicted distribution of errors on another test of the same size."""
    figure, axes = new_panel(FULL_WIDTH_INCHES, 2.6)
    errors, likely = found.errors, 100 * found.probabilities
    inside = (errors >= found.low) & (errors <= found.high)
    axes.fill_between(errors, likely, color=COLOURS[0], alpha=0.18, linewidth=0, step="mid")
    axes.fill_between(
        errors, np.where(inside, likely, 0), color=COLOURS[0], alpha=0.35, linewidth=0, step="mid"
    )
    axes.step(errors, likely, where="mid", color=COLOURS[0], linewidth=1.4)
    axes.axvline(found.count, color=COLOURS[1], linewidth=1.6, linestyle="--")
    axes.annotate(
        f"this test: {found.count:,}",
        (found.count, 1.02),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="bottom",
        fontsize=FONT_POINTS,
    )
    axes.set(ylim=(0, None), xlabel=f"errors on another {found.n:,} images", yticks=[])
    axes.spines["left"].set_visible(False)
    return figure


def draw_seeds(seeds: Sequence[SeedResult], mean: float) -> Figure:
    """Draw the accuracy of each seed with its interval, and their mean."""
    figure, axes = new_panel(FULL_WIDTH_INCHES, 1.1 + 0.3 * len(seeds))
    axes.axvline(100 * mean, color=GREY, linestyle="--", linewidth=1.2)
    axes.annotate(
        "mean",
        (100 * mean, 1.01),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="bottom",
        fontsize=FONT_POINTS,
    )
    for place, seed in enumerate(seeds):
        accuracy, (low, high) = seed.evaluation.accuracy, seed.evaluation.interval
        axes.errorbar(
            100 * accuracy,
            place,
            xerr=[[100 * (accuracy - low)], [100 * (high - accuracy)]],
            fmt="o" if seed.own else "s",
            color=COLOURS[1] if seed.own else COLOURS[0],
            markersize=4.5,
        )
    axes.set_yticks(
        range(len(seeds)),
        [f"seed {seed.seeds}" + (" (this run)" if seed.own else "") for seed in seeds],
    )
    axes.set(ylim=(len(seeds) - 0.4, -0.6), xlabel="accuracy (%)")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.6, linewidth=0.6)
    return figure


def new_panel(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of this size in inches, with one panel."""
    figure = new_figure(width, height)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=FONT_POINTS)
    axes.xaxis.label.set_fontsize(FONT_POINTS)
    axes.yaxis.label.set_fontsize(FONT_POINTS)
    return figure, axes
