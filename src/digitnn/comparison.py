"""The main job's arithmetic: from evaluated runs to rows, pairs and tables.

Axes: n images of the test split.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import fmean, stdev
from typing import Any

from jaxtyping import Bool
from numpy import ndarray

from digitnn import lockstep
from digitnn.dataset import Dataset
from digitnn.evaluation import Report, compare_paired, wilson_interval
from digitnn.machine import describe_machine
from digitnn.trained import Trained
from digitnn.wording import percent

REPORTED: tuple[Mapping[str, Any], ...] = (
    {"recipe": "original, from scratch", "accuracy": 0.9327, "train_seconds": 37.0},
    {"recipe": "original, PyTorch CNN", "accuracy": 0.987, "train_seconds": 170.0},
)
"""What the original repository's README reports of itself; not measured by us."""


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A run and what it did on the test split."""

    run: Trained
    report: Report

    @property
    def seed(self) -> int:
        """The seed that the run was trained from."""
        return int(self.run.about["seed"])

    @property
    def title(self) -> str:
        """recipe (engine)."""
        return f"{self.run.recipe} ({self.run.engine})"

    def right(self, test: Dataset) -> Bool[ndarray, " n"]:
        """Which images were read right."""
        return self.report.predictions == test.labels


def grouped(evaluated: Sequence[Evaluated]) -> list[list[Evaluated]]:
    """The runs of each recipe and engine together, in the order they came."""
    groups: dict[str, list[Evaluated]] = {}
    for one in evaluated:
        groups.setdefault(one.title, []).append(one)
    return list(groups.values())


def make_row(group: Sequence[Evaluated]) -> dict[str, Any]:
    """One row of the comparison: means over the seeds of one recipe on one engine.

    interval: 95 % Wilson, for the mean accuracy on n test images: how much another 10,000 digits
    could differ. spread: the standard deviation over seeds, where there are several.
    """
    first = group[0].run
    n = group[0].report.n
    accuracies = [one.report.accuracy for one in group]
    accuracy = fmean(accuracies)
    row: dict[str, Any] = {
        "recipe": first.recipe,
        "engine": first.engine,
        "accuracy": accuracy,
        "interval": list(wilson_interval(round(accuracy * n), n)),
        "n": n,
        "train_seconds": fmean(one.run.about["seconds"] for one in group),
        "predict_seconds": fmean(one.report.seconds for one in group),
        "epochs": first.about["epochs"],
        "parameters": first.parameter_count(),
        "seed": group[0].seed,
        "run": str(first.path),
    }
    if len(group) > 1:
        row |= {
            "seeds": [one.seed for one in group],
            "spread": stdev(accuracies),
            "runs": [str(one.run.path) for one in group],
        }
    return row


def make_pairs(groups: Sequence[Sequence[Evaluated]], test: Dataset) -> dict[str, Any]:
    """The exact McNemar test of every two recipes, first seed against first seed."""
    pairs = [
        {
            "first": a[0].title,
            "second": b[0].title,
            "seeds": [a[0].seed, b[0].seed],
            **asdict(compare_paired(a[0].right(test), b[0].right(test))),
        }
        for a, b in combinations(groups, 2)
    ]
    return {"test": "exact McNemar, two-sided", "pairs": pairs}


def make_comparison(
    evaluated: Sequence[Evaluated],
    test: Dataset,
    grid: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The object that `digitnn compare --json` prints.

    grid: with `--grid`, how far equal steps lead the engines apart, as `lockstep` tells it.
    """
    groups = grouped(evaluated)
    return {
        "schema": 1,
        "rows": [make_row(group) for group in groups],
        "reported": [dict(row) for row in REPORTED],
        "paired": make_pairs(groups, test),
        "data": {
            "test": {"name": test.name, "n": len(test), "sha256": test.fingerprint()},
            **evaluated[0].run.about["data"],
        },
        "machine": describe_machine(),
        **({} if grid is None else {"grid": list(grid)}),
    }


def to_markdown(comparison: Mapping[str, Any]) -> str:
    """The comparison as a page of Markdown: the table, the pairs, the machine."""
    heads = (
        "recipe",
        "engine",
        "test accuracy",
        "95 % interval",
        "training",
        "reading",
        "parameters",
    )
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in comparison["rows"]:
        low, high = row["interval"]
        spread = f" ± {100 * row['spread']:.2f}" if "spread" in row else ""
        lines.append(
            f"| `{row['recipe']}` | {row['engine']} | **{percent(row['accuracy'])}**{spread} | "
            f"{100 * low:.2f} to {percent(high)} | {row['train_seconds']:.1f} s | "
            f"{row['predict_seconds']:.2f} s | {row['parameters']:,} |"
        )
    for row in comparison["reported"]:
        lines.append(
            f"| {row['recipe']} | *as reported* | {percent(row['accuracy'])} | | "
            f"{row['train_seconds']:.0f} s | | |"
        )
    lines.append("")
    lines += [*_describe_pairs(comparison["paired"]["pairs"]), ""]
    if "grid" in comparison:
        lines += [lockstep.to_markdown(comparison["grid"])]
    return "\n".join([*lines, describe_conditions(comparison), ""])


def _describe_pairs(pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for one pair, a table for several."""
    if len(pairs) <= 1:
        return [describe_pair(pair) for pair in pairs]
    rows = [
        f"| {pair['first']} | {pair['second']} | {pair['only_first']} | {pair['only_second']} | "
        f"{pair['both_wrong']} | {_p_value(pair['p_value']).removeprefix('= ')} |"
        for pair in pairs
    ]
    return [
        "| of two networks, the first | the second | digits only the first reads | only the second "
        "| neither | exact McNemar p |",
        "|---|---|---|---|---|---|",
        *rows,
    ]


def _p_value(p: float) -> str:
    return f"= {p:.2g}" if p >= 1e-4 else "< 0.0001"


def describe_pair(pair: Mapping[str, Any]) -> str:
    """One sentence about two networks on the same digits."""
    seeds = " and ".join(str(seed) for seed in sorted(set(pair["seeds"])))
    return (
        f"On the same test digits (seed {seeds}), {pair['second']} alone reads "
        f"{pair['only_second']}, {pair['first']} alone {pair['only_first']}, neither "
        f"{pair['both_wrong']}: exact McNemar test, p {_p_value(pair['p_value'])}."
    )


def describe_conditions(comparison: Mapping[str, Any]) -> str:
    """One line that says on what, from what and from which seeds it was measured."""
    machine, rows = comparison["machine"], comparison["rows"]
    seeds = ", ".join(str(seed) for seed in rows[0].get("seeds", [rows[0]["seed"]]))
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores; {versions}; "
        f"commit {machine['commit']}; seeds {seeds}. Intervals are Wilson's, for the "
        f"{rows[0]['n']:,} test digits; ± is the standard deviation over seeds. "
        "Training time runs from arrays in memory to the trained network, validation included."
    )
