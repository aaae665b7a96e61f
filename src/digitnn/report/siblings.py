"""Runs that differ from another by their seed alone, read on the same images."""

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
from digitnn.evaluation.evaluation import Evaluation, evaluate
from digitnn.evaluation.seed_variance import part_variance
from digitnn.report.measured import SeedResult, Siblings
from digitnn.runs.ensembles import load_run
from digitnn.runs.protocol import Trained
from digitnn.runs.readings import record_reading
from digitnn.wording import Notify

LeftOut = tuple[tuple[str, str], ...]


def find_siblings(run: Trained, beside: Sequence[Path]) -> tuple[list[RunSummary], LeftOut]:
    """The siblings of `run` among runs and folders of runs, each seed once; who is none, and why.

    Raises `RunError` for what is neither, or damaged: call it before anything is read.
    """
    siblings: list[RunSummary] = []
    left_out = []
    own = read_entry(run.path)
    taken = set(own.seeds)
    for path in find_runs(beside) if beside else ():
        if path.resolve() == own.path.resolve():
            continue
        entry = read_entry(path)
        if reason := _why_not(entry, own, taken):
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
    """`run` beside `others`, its siblings; None where there are none.

    evaluation: of `run` on `dataset`, which the siblings read too; it is noted in each of them.
    """
    if not others:
        return None
    own = read_entry(run.path)
    seeds, right = [_seed(own, evaluation, True)], [evaluation.predictions == dataset.labels]
    for other in others:
        notify(f"reading the same images with {other.path}")
        sibling = load_run(other.path)
        found = evaluate(sibling.classifier(), dataset, str(sibling.path))
        record_reading(sibling, split, found, dataset)
        seeds.append(_seed(other, found, False))
        right.append(found.predictions == dataset.labels)
    noted = [own, *(read_entry(other.path) for other in others)]
    answers: Bool[ndarray, "m n"] = np.array(right)
    return Siblings(
        seeds=tuple(sorted(seeds, key=lambda seed: -seed.accuracy)),
        standing=rank(noted, split).standings[0],
        variance=part_variance(answers),
    )


def _why_not(entry: RunSummary, own: RunSummary, taken: set[int]) -> str | None:
    if entry.recipe != own.recipe or entry.engine != own.engine:
        return f"it is of {entry.recipe} on {entry.engine}"
    if entry.settings != own.settings:
        return "it was trained with other settings or on other data"
    if not (entry.complete and own.complete):
        return "not both were trained to their end"
    if shared := taken & set(entry.seeds):
        return f"seed {min(shared)} is there already"
    return None


def _seed(entry: RunSummary, evaluation: Evaluation, own: bool) -> SeedResult:
    return SeedResult(
        path=str(entry.path),
        seeds=", ".join(map(str, entry.seeds)),
        n=evaluation.n,
        errors=evaluation.errors,
        accuracy=evaluation.accuracy,
        interval=evaluation.interval,
        own=own,
    )
