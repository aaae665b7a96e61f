"""Draw runs and comparisons; each `draw_...` returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from digitnn.analysis.comparison.comparison import EvaluatedRun
from digitnn.data.dataset import Dataset
from digitnn.evaluation.summary import noun_of
from digitnn.plotting import COLOURS, GREY, new_figure, plot_known, use_log_scale
from digitnn.runs.ensembles import Trained

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_overview(comparison: Mapping[str, Any]) -> Figure:
    """Draw test error and training time of every row, those reported elsewhere in grey."""
    rows = [*comparison["reported"], *comparison["rows"]]
    names = [f"{row['recipe']}\n{row.get('engine', 'as reported')}" for row in rows]
    colours = [COLOURS[0] if "interval" in row else GREY for row in rows]
    figure = new_figure(9, 0.75 * len(rows) + 1.1)
    left, right = figure.subplots(1, 2, sharey=True)
    errors = [100 * (1 - row["accuracy"]) for row in rows]
    left.barh(names, errors, color=colours, height=0.62)
    for y, (row, error) in enumerate(zip(rows, errors, strict=True)):
        reach = error
        if "interval" in row:
            low, high = (100 * (1 - bound) for bound in reversed(row["interval"]))
            left.errorbar(error, y, xerr=[[error - low], [high - error]], color="black", capsize=3)
            reach = high
        left.text(reach + max(errors) * 0.02, y, f"{error:.2f} %", va="center")
    left.set_xlim(0, max(errors) * 1.2)
    left.set_title("test error, with its 95 % interval", fontsize=11)
    left.invert_yaxis()
    seconds = [row["train_seconds"] for row in rows]
    right.barh(names, seconds, color=colours, height=0.62)
    for y, value in enumerate(seconds):
        right.text(value + max(seconds) * 0.015, y, f"{value:.0f} s", va="center")
    right.set_xlim(0, max(seconds) * 1.15)
    right.set_title("training time", fontsize=11)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="y", length=0)
    left.set_xlabel("error rate (%)")
    right.set_xlabel("seconds")
    return figure


def draw_learning_curves(runs: Sequence[Trained]) -> Figure:
    """Draw training and validation error over the epochs of each run, side by side."""
    figure = new_figure(5 * len(runs), 3.4)
    for run, axes in zip(runs, _row(figure, len(runs)), strict=True):
        epochs = [record.epoch for record in run.history]
        marker = "o" if len(epochs) < 20 else None
        for label, colour, values in (
            ("training", COLOURS[0], [1 - record.accuracy for record in run.history]),
            ("validation", COLOURS[1], [record.valid_error for record in run.history]),
        ):
            plot_known(axes, epochs, values, 100, label=label, color=colour, marker=marker)
        use_log_scale(axes)
        axes.set_title(f"{run.recipe} ({run.engine})", fontsize=11)
        axes.set(
            xlabel="iteration" if run.history[-1].evaluations else "epoch", ylabel="error rate (%)"
        )
        if marker:
            axes.set_xticks(epochs)
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False)
    return figure


def draw_confusions(evaluated: Sequence[EvaluatedRun]) -> Figure:
    """Draw confusion matrices without the diagonal."""
    figure = new_figure(4.6 * len(evaluated), 4.6)
    for one, axes in zip(evaluated, _row(figure, len(evaluated)), strict=True):
        wrong = one.evaluation.confusion.copy()
        np.fill_diagonal(wrong, 0)
        axes.imshow(wrong, cmap="Oranges")
        labels = one.run.network.labels
        size = 8 if len(labels) <= 10 else 5
        for i in range(len(labels)):
            for j in range(len(labels)):
                if wrong[i, j]:
                    shade = "white" if wrong[i, j] > 0.6 * wrong.max() else "black"
                    axes.text(
                        j, i, wrong[i, j], ha="center", va="center", color=shade, fontsize=size
                    )
            axes.text(i, i, "·", ha="center", va="center", color=GREY)
        ticks = range(len(labels))
        axes.set(xlabel="classified as", ylabel=noun_of(labels))
        axes.set_xticks(ticks, labels, fontsize=None if len(labels) <= 10 else 6)
        axes.set_yticks(ticks, labels, fontsize=None if len(labels) <= 10 else 6)
        axes.set_title(
            f"{one.title}: {one.evaluation.errors} of {one.evaluation.n:,} wrong", fontsize=11
        )
    return figure


def draw_disagreements(first: EvaluatedRun, second: EvaluatedRun, test: Dataset) -> Figure:
    """Draw the digits that only one of two networks classifies correctly, with the wrong answer."""
    columns, max_rows = 12, 2
    sides = []
    for good, bad in ((first, second), (second, first)):
        only = np.flatnonzero(good.right(test) & ~bad.right(test))
        sides.append((good, bad, only, min(max_rows, max(1, -(-len(only) // columns)))))
    rows = [side[-1] for side in sides]
    figure = new_figure(10, 0.8 + 0.95 * sum(rows))
    panels = figure.subfigures(2, 1, height_ratios=[0.4 + n for n in rows], squeeze=False)
    for panel, (good, bad, only, n_rows) in zip(panels.flat, sides, strict=True):
        shown = only[: columns * n_rows]
        number = f"{len(shown)} of {len(only)}" if len(only) > len(shown) else f"{len(only)}"
        panel.suptitle(
            f"correct only by {good.title} ({number}); in orange, the prediction of {bad.title}",
            fontsize=10,
        )
        grid = panel.subplots(n_rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for index, axes in zip(shown, grid.flat, strict=False):
            axes.imshow(255 - test.images[index], cmap="gray", vmin=0, vmax=255)
            read = bad.evaluation.predictions[index]
            axes.set_title(test.classes[read], fontsize=9, pad=1, color=COLOURS[1])
    return figure


def _row(figure: Figure, n: int) -> list[Axes]:
    """Return n axes side by side."""
    return list(np.atleast_1d(figure.subplots(1, n)))


def pareto_front(seconds: Sequence[float], errors: Sequence[float]) -> list[int]:
    """Return the indices of the Pareto front, fastest first."""
    points = list(zip(seconds, errors, strict=True))
    front: list[int] = []
    for i in sorted(range(len(points)), key=points.__getitem__):
        if not front or errors[i] < errors[front[-1]] or points[i] == points[front[-1]]:
            front.append(i)
    return front


def draw_time_and_accuracy(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw each row's error with its interval over its training time; a line joins the front.

    rows: those of a comparison: `recipe`, `engine`, `accuracy`, `interval`, `train_seconds`.
    """
    seconds = [row["train_seconds"] for row in rows]
    errors = [100 * (1 - row["accuracy"]) for row in rows]
    front = pareto_front(seconds, errors)
    figure = new_figure(7.5, 4.6)
    axes = figure.subplots()
    axes.plot(
        [seconds[i] for i in front],
        [errors[i] for i in front],
        color=COLOURS[0],
        linewidth=1,
        drawstyle="steps-post",
        label="Pareto front: no other is both as fast and as accurate",
    )
    for i, row in enumerate(rows):
        high, low = (100 * (1 - bound) for bound in row["interval"])
        spread = [[max(0.0, errors[i] - low)], [max(0.0, high - errors[i])]]
        colour = COLOURS[0] if i in front else GREY
        axes.errorbar(seconds[i], errors[i], yerr=spread, fmt="o", color=colour, capsize=3)
        axes.annotate(
            f"{row['recipe']} ({row['engine']})",
            (seconds[i], errors[i]),
            xytext=(7, 5),
            textcoords="offset points",
            fontsize=9,
            parse_math=False,
        )
    if all(value > 0 for value in seconds):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    use_log_scale(axes)
    axes.margins(x=0.3)
    axes.set(xlabel="seconds of training", ylabel="test error, % (with its 95 % interval)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False, fontsize=9)
    return figure
