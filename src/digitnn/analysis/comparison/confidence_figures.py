"""Draw how far a network's confidence can be trusted: reliability, and risk over coverage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from digitnn.evaluation.risk_coverage import errors_in_best_order
from digitnn.evaluation.scores import Bin
from digitnn.evaluation.statistics import wilson_interval
from digitnn.evaluation.summary import EvaluationSummary
from digitnn.plotting import COLOURS, GREY, new_figure
from digitnn.wording import percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_reliability(evaluation_summary: EvaluationSummary, narrow: bool = False) -> Figure:
    """Draw the accuracy in each bin of confidence, as trained and with the temperature.

    Bars show accuracy with its 95 % Wilson interval, a line across each bar the mean confidence,
    and the panel below the number of images (Guo et al. 2017, figure 1). narrow: draws the two
    diagrams one above the other.
    """
    after = evaluation_summary.tempered
    source = "these same images" if after.in_sample else "validation"
    if narrow:
        figure = new_figure(4.8, 8.4)
        grid = figure.subplots(4, 1, sharex=True, height_ratios=[3, 1, 3, 1]).reshape(2, 2).T
    else:
        figure = new_figure(9, 5.4)
        grid = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=[3, 1])
    for column, (bins, error, title) in enumerate(
        (
            (evaluation_summary.bins, evaluation_summary.calibration_error, "as trained"),
            (
                after.bins,
                after.calibration_error,
                f"with temperature {evaluation_summary.temperature:.2f}, fitted on {source}",
            ),
        )
    ):
        above, below = grid[:, column]
        _draw_bins(above, bins)
        above.set_title(f"{title}\ncalibration error {percent(error)}", fontsize=11)
        _draw_counts(below, bins)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    ncols = 1 if narrow else 3
    figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=ncols)
    most = max(one.n for one in (*evaluation_summary.bins, *after.bins))
    for above, below in grid.T if narrow else grid[:, :1].T:
        above.set_ylabel("accuracy (%)")
        below.set(ylabel="images", yscale="log", ylim=(0.7, 12 * most))
        below.yaxis.set_major_formatter("{x:,.0f}")
    return figure


def _draw_bins(axes: Axes, bins: tuple[Bin, ...]) -> None:
    axes.plot(
        [0, 100], [0, 100], color=GREY, linewidth=1, linestyle="--", label="perfectly calibrated"
    )
    filled = [one for one in bins if one.accuracy is not None and one.confidence is not None]
    middles = [50 * (one.low + one.high) for one in filled]
    accuracies = [100 * (one.accuracy or 0.0) for one in filled]
    bounds = [wilson_interval(round((one.accuracy or 0.0) * one.n), one.n) for one in filled]
    reach = np.abs(100 * np.array(bounds).T - accuracies)
    width = 92 / len(bins)
    axes.bar(middles, accuracies, width, color=COLOURS[5], label="accuracy, with its 95 % interval")
    axes.errorbar(middles, accuracies, yerr=reach, fmt="none", color=COLOURS[0], capsize=2)
    axes.hlines(
        [100 * (one.confidence or 0.0) for one in filled],
        [middle - width / 2 for middle in middles],
        [middle + width / 2 for middle in middles],
        color=COLOURS[1],
        linewidth=2.5,
        label="mean confidence",
    )
    axes.set(xlim=(0, 100), ylim=(0, 103))
    axes.spines[["top", "right"]].set_visible(False)


def _draw_counts(axes: Axes, bins: tuple[Bin, ...]) -> None:
    """Draw the counts as bars with their numbers; the caller sets the logarithmic scale."""
    for one in bins:
        if one.n:
            middle = 50 * (one.low + one.high)
            axes.bar(middle, one.n, 92 / len(bins), color=GREY)
            axes.text(middle, 1.25 * one.n, f"{one.n:,}", ha="center", va="bottom", fontsize=7)
    axes.set_xlabel("confidence (%)")
    axes.spines[["top", "right"]].set_visible(False)


def draw_risk_coverage(evaluation_summary: EvaluationSummary) -> Figure:
    """Draw the error rate among the most confident images over the coverage.

    Marks at 50, 80, 90, 95 and 99 % have 95 % Wilson intervals. For reference: the best possible
    order, with all mistakes last, and a random order. A mistake among the first few images takes
    the curve out of the axes, since the error rate of so few images says little.
    """
    found = evaluation_summary.risk_coverage
    last = found.curve[-1]
    best = errors_in_best_order(last.n, last.errors)
    figure = new_figure(7, 4.4)
    axes = figure.subplots()
    axes.axhline(
        100 * last.error,
        color=GREY,
        linestyle="--",
        label=f"in random order, area {100 * last.error:.2g} %",
    )
    axes.plot(
        [100 * point.coverage for point in found.curve],
        [100 * point.error for point in found.curve],
        color=COLOURS[0],
        label=f"most confident first, area {100 * found.area:.2g} %",
    )
    axes.plot(
        100 * np.arange(1, last.n + 1) / last.n,
        100 * best,
        color=COLOURS[2],
        label=f"all mistakes last, area {100 * best.mean():.2g} %",
    )
    errors = [100 * point.error for point in found.points]
    bounds = 100 * np.array([point.interval for point in found.points]).T
    axes.errorbar(
        [100 * point.coverage for point in found.points],
        errors,
        yerr=np.abs(bounds - errors),
        fmt="o",
        color=COLOURS[0],
        capsize=3,
    )
    for point, error in zip(found.points, errors, strict=True):
        axes.annotate(
            f"{error:.2f}",
            (100 * point.coverage, error),
            xytext=(-4, 5),
            textcoords="offset points",
            ha="right",
            fontsize=8,
        )
    axes.set(
        xlim=(0, 102),
        ylim=(0, 1.2 * max(100 * last.error, float(bounds.max()), 0.01)),
        xlabel="coverage (%): share of images answered, most confident first",
        ylabel="error rate among these (%)",
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=9, loc="center left")
    return figure
