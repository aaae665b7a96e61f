"""Find and evaluate the runs that differ from another one only in the seed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from digitnn.analysis.comparison.leaderboard import (
    RunSummary,
    SplitName,
    find_runs,
    rank,
    read_entry,
)
from digitnn.data.dataset import Dataset
from digitnn.evaluation.evaluation import Evaluation
from digitnn.evaluation.seed_variance import partition_variance
from digitnn.report.measured import SeedResult, Siblings
from digitnn.runs.ensembles import load_run
from digitnn.runs.evaluate_run import evaluate_and_record
from digitnn.runs.protocol import Trained
from digitnn.wording import Notify

LeftOut = tuple[tuple[str, str], ...]


def find_siblings(run: Trained, beside: Sequence[Path]) -> tuple[list[RunSummary], LeftOut]:
    """Return the siblings of `run` among runs and folders of runs, each seed once, and the rest.

    The rest are (run, reason). Raises `RunError` for a path that is neither, or a damaged run: call
    it before evaluating anything.
    """
    siblings: list[RunSummary] = []
    left_out = []
    own = read_entry(run.path)
    taken = set(own.seeds)
    for path in find_runs(beside) if beside else ():
        if path.resolve() == own.path.resolve():
            continue
        entry = read_entry(path)
        if reason := _reason_against(entry, own, taken):
            left_out.append((str(path), reason))
        else:
            siblings.append(entry)
            taken |= set(entry.seeds)
    return siblings, tuple(left_out)


def measure_siblings(
    run: Trained,
    others: Sequence[RunSummary],
    evaluation: Evaluation,
    dataset: Dataset,
    split: SplitName,
    notify: Notify,
) -> Siblings | None:
    """Compare `run` with its siblings `others`; None if there are none.

    evaluation: of `run` on `dataset`; the siblings are evaluated on it too, which each records.
    """
    if not others:
        return None
    own = read_entry(run.path)
    seeds, right = [_seed_result(own, evaluation, True)], [evaluation.predictions == dataset.labels]
    for other in others:
        notify(f"evaluating {other.path} on the same images")
        found = evaluate_and_record(load_run(other.path), split, dataset)
        seeds.append(_seed_result(other, found, False))
        right.append(found.predictions == dataset.labels)
    noted = [own, *(read_entry(other.path) for other in others)]
    answers: Bool[ndarray, "m n"] = np.array(right)
    return Siblings(
        seeds=tuple(sorted(seeds, key=lambda seed: -seed.evaluation.accuracy)),
        standing=rank(noted, split).standings[0],
        variance=partition_variance(answers),
    )


def _reason_against(entry: RunSummary, own: RunSummary, taken: set[int]) -> str | None:
    if entry.recipe != own.recipe or entry.engine != own.engine:
        return f"its recipe is {entry.recipe}, on {entry.engine}"
    if entry.settings != own.settings:
        return "it was trained with other settings or on other data"
    if not (entry.complete and own.complete):
        return "one of the two was not trained to the end"
    if shared := taken & set(entry.seeds):
        return f"seed {min(shared)} is already included"
    return None


def _seed_result(entry: RunSummary, evaluation: Evaluation, own: bool) -> SeedResult:
    return SeedResult(str(entry.path), ", ".join(map(str, entry.seeds)), evaluation, own)
