"""Turn evaluated runs into the rows and paired tests of a comparison.

Axes: n images of the test split.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from statistics import fmean, stdev
from typing import Any

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.errors import RunError
from digitnn.evaluation.evaluation import Evaluation
from digitnn.evaluation.seed_variance import partition_variance
from digitnn.evaluation.statistics import (
    adjust_by_holm,
    compare_paired,
    t_interval,
    wilson_interval,
)
from digitnn.machine.describe import describe_machine
from digitnn.runs.ensembles import Trained
from digitnn.runs.identity import distinguish_settings, settings_of
from digitnn.runs.run import read_evaluations

REPORTED: tuple[Mapping[str, Any], ...] = (
    {"recipe": "original, from scratch", "accuracy": 0.9327, "train_seconds": 37.0},
    {"recipe": "original, PyTorch CNN", "accuracy": 0.987, "train_seconds": 170.0},
)
"""Reported by the original repository's README; not measured by us."""


@dataclass(frozen=True, eq=False)
class EvaluatedRun:
    """A run and its evaluation on the test split.

    note: how its settings differ from those of other runs of the same recipe; "" if they do not.
    """

    run: Trained
    evaluation: Evaluation
    note: str = ""

    @property
    def seed(self) -> int:
        """The seed of the training."""
        return int(self.run.about["seed"])

    @property
    def name(self) -> str:
        """The recipe and the note, if any: "cnn" or "cnn, l2 5"."""
        return f"{self.run.recipe}, {self.note}" if self.note else self.run.recipe

    @property
    def title(self) -> str:
        """The name with the engine: "cnn (scratch)"."""
        return f"{self.name} ({self.run.engine})"

    def right(self, test: Dataset) -> Bool[ndarray, " n"]:
        """Return which images were classified correctly."""
        return self.evaluation.predictions == test.labels


def group_seeds(evaluated: Sequence[EvaluatedRun]) -> list[list[EvaluatedRun]]:
    """Group the runs that differ only in the seed, in their given order.

    Groups of the same recipe and engine get notes, so that all titles differ.
    """
    groups: dict[tuple[str, str], list[EvaluatedRun]] = {}
    for one in evaluated:
        groups.setdefault((one.title, settings_of(one.run.about)), []).append(one)
    titles = [title for title, _ in groups]
    for title in {title for title in titles if titles.count(title) > 1}:
        alike = [key for key in groups if key[0] == title]
        notes = distinguish_settings([groups[key][0].run.about for key in alike])
        for key, note in zip(alike, notes, strict=True):
            groups[key] = [replace(one, note=note) for one in groups[key]]
    return list(groups.values())


def make_row(group: Sequence[EvaluatedRun], test: Dataset) -> dict[str, Any]:
    """Return one row of the comparison: means over the seeds of one recipe on one engine.

    interval: 95 % Wilson, for the mean accuracy on n test images. With several seeds, spread is
    the standard deviation over them; if all seeds differ, seeds_interval is the 95 % interval of
    the mean over all seeds on these images, and variance comes from `seed_variance`.
    """
    first = group[0].run
    n = group[0].evaluation.n
    accuracies = [one.evaluation.accuracy for one in group]
    accuracy = fmean(accuracies)
    row: dict[str, Any] = {
        "recipe": group[0].name,
        "engine": first.engine,
        "accuracy": accuracy,
        "interval": list(wilson_interval(round(accuracy * n), n)),
        "n": n,
        "train_seconds": fmean(one.run.about["seconds"] for one in group),
        "predict_seconds": fmean(one.evaluation.seconds for one in group),
        "epochs": first.about["epochs"],
        "parameters": first.parameter_count(),
        "seed": group[0].seed,
        "run": str(first.path),
    }
    seeds = [one.seed for one in group]
    if len(group) > 1:
        row |= {
            "seeds": seeds,
            "spread": stdev(accuracies),
            "runs": [str(one.run.path) for one in group],
        }
    if len(set(seeds)) == len(group) > 1 < n:
        row |= {
            "seeds_interval": t_interval(accuracies),
            "variance": asdict(partition_variance(np.stack([one.right(test) for one in group]))),
        }
    return row


def make_pairs(groups: Sequence[Sequence[EvaluatedRun]], test: Dataset) -> dict[str, Any]:
    """Compare every two recipes by the exact McNemar test, first seed against first seed.

    holm: the p-value adjusted for the number of pairs; digits: images that only one gets right.
    """
    found = [(a[0], b[0]) for a, b in combinations(groups, 2)]
    compared = [compare_paired(a.right(test), b.right(test)) for a, b in found]
    adjusted = adjust_by_holm([pair.p_value for pair in compared])
    pairs = [
        {
            "first": a.title,
            "second": b.title,
            "seeds": [a.seed, b.seed],
            **asdict(pair),
            "holm": holm,
            "digits": _only_one_correct(a.right(test), b.right(test)),
        }
        for (a, b), pair, holm in zip(found, compared, adjusted, strict=True)
    ]
    return {"test": "exact McNemar, two-sided; holm: adjusted for all pairs", "pairs": pairs}


def _only_one_correct(first: Bool[ndarray, " n"], second: Bool[ndarray, " n"]) -> dict[str, Any]:
    """Return the indices of the images that only one of two networks classifies correctly."""
    return {
        "only_first": np.flatnonzero(first & ~second).tolist(),
        "only_second": np.flatnonzero(second & ~first).tolist(),
    }


def check_same_test(runs: Sequence[Trained], test: Dataset) -> None:
    """Raise `RunError` for a run that was last tested on other images than `test`.

    `test` might contain that run's training images, which nothing else would detect. Runs pass if
    they have never been tested or if an old version recorded no fingerprint.
    """
    ours = test.fingerprint()
    for run in runs:
        tested = [one for one in read_evaluations(run.path) if one["split"] == "test"]
        theirs = tested[-1].get("data", {}).get("sha256", ours) if tested else ours
        if theirs != ours:
            raise RunError(
                f"{run.path} was last tested on other images than these of {test.name} "
                f"(fingerprints {theirs[:12]} and {ours[:12]}): name the data with --data-dir, or "
                "test it on these first with `digitnn evaluate --split test`"
            )


def make_comparison(
    evaluated: Sequence[EvaluatedRun],
    test: Dataset,
    grid: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return the object that `digitnn compare --json` prints.

    grid: with `--grid`, how far the engines are apart after equal steps, from `lockstep`.
    """
    groups = group_seeds(evaluated)
    return {
        "schema": 1,
        "rows": [make_row(group, test) for group in groups],
        "reported": [dict(row) for row in REPORTED],
        "paired": make_pairs(groups, test),
        "data": {
            "test": {"name": test.name, "n": len(test), "sha256": test.fingerprint()},
            **evaluated[0].run.about["data"],
        },
        "machine": describe_machine(),
        **({} if grid is None else {"grid": list(grid)}),
    }
