"""Write the ladder as JSON, Markdown and figures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitnn.analysis.comparison.curves import DASHES
from digitnn.analysis.ladder.measuring import LadderPlan, RungResult, at_full_size
from digitnn.atomic_files import write_text
from digitnn.data.dataset import Dataset
from digitnn.machine.describe import describe_machine
from digitnn.plotting import COLOURS, new_figure, use_log_scale, write_figure
from digitnn.wording import SPLIT_TITLES, percent, percent_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def ladder_to_json(
    found: Sequence[RungResult], evaluated_on: Dataset, split: str, seed: int
) -> dict[str, Any]:
    """Return the object that `digitnn ladder --json` prints."""
    return {
        "schema": 1,
        "split": split,
        "seed": seed,
        "rows": [one.to_json() for one in found],
        "data": {
            "name": evaluated_on.name,
            "n": len(evaluated_on),
            "sha256": evaluated_on.fingerprint(),
        },
        "machine": describe_machine(),
    }


def ladder_to_markdown(found: Sequence[RungResult], split: str, seed: int) -> str:
    """Return a table of all rungs, and of accuracy by number of images if there are several."""
    full = at_full_size(found)
    lines = [
        f"# The ladder: {full[0].n_train:,} training images",
        "",
        f"| rung | method | {SPLIT_TITLES[split]} accuracy | 95 % interval | training "
        "| inference per image | numbers stored |",
        "|---|---|---|---|---|---|---|",
        *(_row(one) for one in full),
        "",
    ]
    sizes = sorted({one.n_train for one in found})
    if len(sizes) > 1:
        lines += _by_size(found, sizes)
    notes = _notes(found)
    return "\n".join([*lines, " ".join([*notes, _conditions(full[0], split, seed)]), ""])


def _row(one: RungResult) -> str:
    return (
        f"| `{one.rung}` | {one.summary} ({one.engine}) | **{percent(one.accuracy)}** | "
        f"{percent_range(one.interval)} | {one.train_seconds:.1f} s | "
        f"{microseconds(one):,.0f} µs | {one.numbers:,} |"
    )


def _notes(found: Sequence[RungResult]) -> list[str]:
    """Return a sentence for each note of a rung."""
    sizes: dict[tuple[str, str], list[str]] = {}
    for one in found:
        if one.note:
            sizes.setdefault((one.rung, one.note), []).append(f"{one.n_train:,}")
    return [
        f"`{rung}` {note} with {' and '.join(numbers)} images."
        for (rung, note), numbers in sizes.items()
    ]


def microseconds(one: RungResult) -> float:
    """Return the inference time per image, when many are classified together."""
    return 1e6 * one.predict_seconds / one.n


def _by_size(found: Sequence[RungResult], sizes: Sequence[int]) -> list[str]:
    names = list(dict.fromkeys(one.rung for one in found))
    cell = {(one.rung, one.n_train): percent(one.accuracy) for one in found}
    return [
        "| accuracy by training images | " + " | ".join(f"{size:,}" for size in sizes) + " |",
        "|---" * (len(sizes) + 1) + "|",
        *(
            f"| `{name}` | " + " | ".join(cell.get((name, size), "") for size in sizes) + " |"
            for name in names
        ),
        "",
    ]


def _conditions(one: RungResult, split: str, seed: int) -> str:
    machine = describe_machine()
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    threads = machine["threads"]
    return (
        f"On {one.n:,} images of the {SPLIT_TITLES[split]} split, one network or model each, seed "
        f"{seed}. Intervals are Wilson's. Training time is measured from arrays in memory, for "
        "scikit-learn after pixels are converted. Fewer than 12,800 images are repeated to fill an "
        f"epoch of that size for a network. Measured on {machine['processor']}, "
        f"{threads} thread{'s' if threads > 1 else ''}; {versions}; commit {machine['commit']}."
    )


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
    axes.set(xlabel="training images", ylabel=f"{SPLIT_TITLES[split]} error (%)")
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
