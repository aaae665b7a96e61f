"""Draw the figures of the page about a search; each `draw_...` returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from digitnn.plotting import COLOURS, GREY, use_log_scale
from digitnn.report.charts import FONT_POINTS, FULL_WIDTH_INCHES, new_panel
from digitnn.scaling.tuning.results import SearchResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_history(result: SearchResult) -> Figure:
    """Draw the error rate of each trial in the order of their numbers, and the best so far."""
    figure, axes = new_panel(FULL_WIDTH_INCHES, 3.0)
    order = {trial.number: place for place, trial in enumerate(result.trials, 1)}
    complete, pruned = result.having("complete"), result.having("pruned")
    for trials, marker, colour, label in (
        (complete, "o", COLOURS[0], "complete"),
        (pruned, "x", GREY, "ended early"),
    ):
        if trials:
            axes.plot(
                [order[trial.number] for trial in trials],
                [_error(trial.accuracy, result) for trial in trials],
                linestyle="none",
                marker=marker,
                markersize=4.5,
                color=colour,
                label=label,
            )
    best = [
        min(_error(one.accuracy, result) for one in complete if one.number <= trial.number)
        for trial in complete
    ]
    x = [order[trial.number] for trial in complete]
    axes.step(
        [*x, len(result.trials)],
        [*best, best[-1]],
        where="post",
        color=COLOURS[1],
        linewidth=1.6,
        label="best so far",
    )
    _few_ticks(axes, 8, integer=True)
    use_log_scale(axes)
    axes.set(
        xlabel="finished trials",
        ylabel="validation error rate (%)",
        xlim=(0.5, len(result.trials) + 0.5),
    )
    axes.grid(axis="y", alpha=0.6, linewidth=0.6)
    _legend_above(axes)
    return figure


def draw_importance(importance: Sequence[tuple[str, float]]) -> Figure:
    """Draw the share of each field, the largest on top."""
    figure, axes = new_panel(FULL_WIDTH_INCHES, 0.9 + 0.3 * len(importance))
    names = [name if len(name) <= 34 else f"{name[:16]}...{name[-15:]}" for name, _ in importance]
    shares = [100 * share for _, share in importance]
    bars = axes.barh(range(len(shares)), shares, height=0.6, color=COLOURS[0])
    axes.bar_label(bars, [f"{share:.0f} %" for share in shares], padding=4, fontsize=FONT_POINTS)
    axes.set_yticks(range(len(names)), names)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, 1.15 * max(shares)), xlabel="importance (%)")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


def draw_pareto(result: SearchResult) -> Figure:
    """Draw error rate over training time of the complete trials, and the Pareto front."""
    figure, axes = new_panel(FULL_WIDTH_INCHES, 3.0)
    front = result.pareto()
    others = [trial for trial in result.having("complete") if trial not in front]
    if others:
        axes.plot(
            [trial.seconds or 0.0 for trial in others],
            [_error(trial.accuracy, result) for trial in others],
            linestyle="none",
            marker="o",
            markersize=4,
            color=GREY,
            label="complete",
        )
    axes.plot(
        [trial.seconds or 0.0 for trial in front],
        [_error(trial.accuracy, result) for trial in front],
        linestyle="-",
        linewidth=1.2,
        marker="D",
        markersize=5,
        color=COLOURS[1],
        label="Pareto front",
    )
    use_log_scale(axes)
    axes.set(xlabel="training time (s)", ylabel="validation error rate (%)", xlim=(0, None))
    axes.grid(alpha=0.6, linewidth=0.6)
    _legend_above(axes)
    return figure


def draw_claim(result: SearchResult) -> Figure:
    """Draw the accuracy that the search claims and those of the winner's fresh seeds."""
    runs = [run for run in result.final if run.accuracy is not None]
    figure, axes = new_panel(FULL_WIDTH_INCHES, 1.3 + 0.26 * len(runs))
    axes.axvline(100 * result.claimed, color=COLOURS[1], linestyle="--", linewidth=1.6)
    axes.annotate(
        "claimed",
        (100 * result.claimed, 1.02),
        xycoords=("data", "axes fraction"),
        ha="center",
        va="bottom",
        fontsize=FONT_POINTS,
    )
    for place, run in enumerate(runs):
        axes.plot(100 * (run.accuracy or 0.0), place, "o", color=COLOURS[0], markersize=5)
    labels = [f"seed {run.seed}" for run in runs]
    if result.mean is not None and result.interval is not None:
        low, high = result.interval
        axes.errorbar(
            100 * result.mean,
            len(runs),
            xerr=[[100 * (result.mean - low)], [100 * (high - result.mean)]],
            fmt="s",
            color=COLOURS[0],
            markersize=5.5,
            elinewidth=1.6,
            capsize=3,
        )
        labels.append("mean, 95 %")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(ylim=(len(labels) - 0.4, -0.6), xlabel="validation accuracy (%)")
    axes.set_xlim(right=min(axes.get_xlim()[1], 100.05))
    _few_ticks(axes, 5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.6, linewidth=0.6)
    return figure


def _error(accuracy: float | None, result: SearchResult) -> float:
    """Return an error rate in percent; of no errors, half an image, as its logarithm is drawn."""
    return 100 * max(1 - (accuracy or 0.0), 0.5 / result.n_valid)


def _few_ticks(axes: Axes, n: int, integer: bool = False) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=n, integer=integer, min_n_ticks=1))


def _legend_above(axes: Axes) -> None:
    axes.legend(
        frameon=False, fontsize=FONT_POINTS, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1)
    )
