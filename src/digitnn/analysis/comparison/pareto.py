"""Time against accuracy: which networks nobody beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from digitnn.plotting import COLOURS, GREY, new_figure, use_log_scale

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def find_front(seconds: Sequence[float], errors: Sequence[float]) -> list[int]:
    """The Pareto front: whom no other matches in both while beating them in one; fastest first."""
    front: list[int] = []
    for i in sorted(range(len(seconds)), key=lambda i: (seconds[i], errors[i])):
        last = front[-1] if front else None
        if last is None or errors[i] < errors[last] or _same(i, last, seconds, errors):
            front.append(i)
    return front


def _same(i: int, j: int, seconds: Sequence[float], errors: Sequence[float]) -> bool:
    return seconds[i] == seconds[j] and errors[i] == errors[j]


def draw_time_and_accuracy(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Each row's error over its seconds of training, with the interval; a line joins the front.

    rows: those of a comparison: `recipe`, `engine`, `accuracy`, `interval`, `train_seconds`.
    """
    seconds = [row["train_seconds"] for row in rows]
    errors = [100 * (1 - row["accuracy"]) for row in rows]
    front = find_front(seconds, errors)
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
    axes.set_xlabel("seconds of training")
    axes.set_ylabel("test error, % (with its 95 % interval)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False, fontsize=9)
    return figure
