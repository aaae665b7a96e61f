"""Draw the ladder: all rungs side by side, and each over the number of training images."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitnn.analysis.comparison.curves import DASHES
from digitnn.analysis.ladder.climbing import LadderPlan, at_full_size
from digitnn.analysis.ladder.measuring import RungResult
from digitnn.analysis.ladder.page import ladder_to_json, ladder_to_markdown, microseconds
from digitnn.atomic_files import write_text
from digitnn.plotting import COLOURS, new_figure, use_log_scale, write_figure
from digitnn.wording import SPLIT_TITLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_ladder(found: Sequence[RungResult], split: str) -> Figure:
    """Draw error, training time, inference time and size of every rung on logarithmic scales."""
    rows = at_full_size(found)
    figure = new_figure(12, 0.42 * len(rows) + 1.3)
    error, training, inference, size = figure.subplots(1, 4, sharey=True)
    _dots(error, rows, _error, "%", f"{SPLIT_TITLES[split]} error", "{:.2f}")
    for y, one in enumerate(rows):
        low, high = (100 * (1 - bound) for bound in reversed(one.interval))
        error.plot([max(low, 1e-3), high], [y, y], color=COLOURS[0], linewidth=1.5)
    _dots(training, rows, lambda one: one.train_seconds, "seconds", "training", "{:.2g}")
    _dots(inference, rows, microseconds, "microseconds per image", "inference", "{:,.0f}")
    _dots(size, rows, lambda one: one.numbers, "numbers", "stored for inference", "{:,}")
    error.set_yticks(range(len(rows)), [one.rung for one in rows])
    error.invert_yaxis()
    figure.suptitle(f"trained on {rows[0].n_train:,} images", fontsize=11)
    return figure


def _dots(
    axes: Axes,
    rows: Sequence[RungResult],
    value: Callable[[RungResult], float],
    unit: str,
    title: str,
    pattern: str,
) -> None:
    """Draw a dot for each rung with its number."""
    values = [max(value(one), 1e-4) for one in rows]
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda x, _: _short(x))
    axes.scatter(values, range(len(rows)), color=COLOURS[0], s=34, zorder=3)
    for y, (x, one) in enumerate(zip(values, rows, strict=True)):
        axes.annotate(
            pattern.format(value(one)),
            (x, y),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set_title(title, fontsize=11)
    axes.set_xlabel(unit)
    axes.margins(x=0.18, y=0.09)
    axes.grid(axis="y", alpha=0.3)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.minorticks_off()


def _short(number: float) -> str:
    """Return 30,000 as "30 k"."""
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if number >= unit:
            return f"{number / unit:g}{name}"
    return f"{number:g}"


def _error(one: RungResult) -> float:
    return 100 * (1 - one.accuracy)


def draw_by_size(found: Sequence[RungResult], split: str) -> Figure:
    """Draw each rung's error over the number of training images, with its 95 % interval."""
    figure = new_figure(9, 5.2)
    axes = figure.subplots()
    for number, name in enumerate(dict.fromkeys(one.rung for one in found)):
        mine = sorted((one for one in found if one.rung == name), key=lambda one: one.n_train)
        sizes = [one.n_train for one in mine]
        colour = COLOURS[number % len(COLOURS)]
        dash = DASHES[number // len(COLOURS) % len(DASHES)]
        errors = [_error(one) for one in mine]
        axes.plot(sizes, errors, color=colour, linestyle=dash, marker="o", markersize=4, label=name)
        low = [100 * (1 - one.interval[1]) for one in mine]
        high = [100 * (1 - one.interval[0]) for one in mine]
        axes.fill_between(sizes, low, high, color=colour, alpha=0.12, linewidth=0)
    axes.set_xscale("log")
    sizes = sorted({one.n_train for one in found})
    axes.set_xticks(sizes, [_short(size) for size in sizes])
    axes.minorticks_off()
    use_log_scale(axes)
    axes.set_xlabel("training images")
    axes.set_ylabel(f"{SPLIT_TITLES[split]} error (%)")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right center", frameon=False)
    return figure


def write_ladder(
    plan: LadderPlan, found: Sequence[RungResult], split: str
) -> tuple[dict[str, Any], str, list[Path]]:
    """Write JSON, Markdown and figures to the folder; return the first two and all paths."""
    value = ladder_to_json(found, plan.evaluated_on, split, plan.seed)
    text = ladder_to_markdown(found, split, plan.seed)
    write_text(plan.folder / "ladder.json", json.dumps(value, indent=2) + "\n")
    write_text(plan.folder / "ladder.md", text)
    write_figure(plan.folder / "ladder.png", draw_ladder(found, split))
    names = ["ladder.json", "ladder.md", "ladder.png"]
    if len(plan.sizes) > 1:
        write_figure(plan.folder / "by_size.png", draw_by_size(found, split))
        names.append("by_size.png")
    return value, text, [plan.folder / name for name in names]
