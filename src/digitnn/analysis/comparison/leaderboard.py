"""Rank recipes by their mean accuracy over seeds, from what the runs have recorded.

The best seed is shown too, with its excess over the mean, since reporting only the best seed is
misleading. Nothing is evaluated here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

from digitnn.errors import RunError
from digitnn.evaluation.statistics import Interval, t_interval
from digitnn.runs.ensembles import Trained, load_run
from digitnn.runs.evaluate_run import count_evaluations
from digitnn.runs.identity import settings_of
from digitnn.runs.run import RECIPE, Run, is_run, read_evaluations

SplitName = Literal["valid", "test"]


@dataclass(frozen=True)
class RunSummary:
    """What a run has recorded.

    settings: see `settings_of`; seeds: several for an ensemble; complete: trained to the end;
    holds_out_valid: False if it learned from the validation split too; chosen_on: "valid" if that
    split determined which epoch was kept, else None;
    valid, test: None if the run was never evaluated on that split.
    """

    path: Path
    recipe: str
    engine: str
    settings: str
    seeds: tuple[int, ...]
    complete: bool
    holds_out_valid: bool
    chosen_on: str | None
    test_reads: int
    valid: "MeasuredAccuracy | None"
    test: "MeasuredAccuracy | None"


@dataclass(frozen=True)
class MeasuredAccuracy:
    """An accuracy and the fingerprint of its data, None if it was not recorded."""

    accuracy: float
    sha256: str | None


@dataclass(frozen=True)
class Standing:
    """One row: the runs of one recipe with the same settings on one engine.

    interval: Student's 95 % interval of the mean over all seeds, None for one run; best: the
    highest accuracy of the n runs; excess: best minus mean; by_validation: the test accuracy of the
    run with the best validation accuracy, which unlike `best` was not chosen by test accuracy;
    chosen_on: see `RunSummary`; test_reads: evaluations of all runs on the test split.
    """

    rank: int
    recipe: str
    engine: str
    settings: str
    n: int
    seeds: tuple[int, ...]
    mean: float
    interval: Interval | None
    spread: float | None
    best: float
    excess: float
    by_validation: float | None
    chosen_on: str | None
    test_reads: int
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Leaderboard:
    """Standings on one split of one data set. unranked: (run, reason)."""

    split: SplitName
    sha256: str
    standings: tuple[Standing, ...]
    unranked: tuple[tuple[str, str], ...]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        unranked = [{"run": run, "reason": reason} for run, reason in self.unranked]
        return asdict(self) | {"unranked": unranked}


def find_runs(paths: Sequence[Path]) -> list[Path]:
    """Return the runs among `paths` and in folders among them, each once.

    Raises `RunError` for a path that is neither a run nor a folder, and if there is no run.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            raise RunError(f"{path} is neither a run nor a folder of runs: no such folder")
        inside = [path] if is_run(path) else sorted(filter(_is_finished, path.iterdir()))
        found |= dict.fromkeys(inside)
    if not found:
        where = " or ".join(map(str, paths))
        raise RunError(f"there are no runs in {where}: `digitnn train` makes one")
    return list(found)


def _is_finished(path: Path) -> bool:
    return is_run(path) and (path / RECIPE).is_file()


def summarise_run(path: Path) -> RunSummary:
    """Return what the run at `path` has recorded. Raises `RunError`."""
    run = load_run(path)
    evaluations = read_evaluations(path)
    stopping = run.about.get("stopping") or {}
    chose_epoch = stopping.get("keep") == "best" or stopping.get("patience") is not None
    return RunSummary(
        path=path,
        recipe=run.recipe,
        engine=run.engine,
        settings=settings_of(run.about),
        seeds=tuple(run.about.get("seeds", [run.about["seed"]])),
        complete=bool(run.about.get("complete", True)),
        holds_out_valid=run.about["data"]["valid"] is not None,
        chosen_on="valid" if chose_epoch else None,
        test_reads=count_evaluations(evaluations, "test"),
        valid=_measured_on_valid(run, evaluations),
        test=_last_accuracy(evaluations, "test"),
    )


def _measured_on_valid(
    run: Trained, evaluations: Sequence[Mapping[str, Any]]
) -> MeasuredAccuracy | None:
    """Return the last recorded accuracy on valid, or else that of the kept epoch in training."""
    if run.about["data"]["valid"] is None:
        return None  # learned from
    sha256 = run.about["data"]["valid"]["sha256"]
    if recorded := _last_accuracy(evaluations, "valid"):
        return MeasuredAccuracy(recorded.accuracy, sha256)
    kept = run.kept if isinstance(run, Run) else None
    if kept is None or kept.valid_accuracy is None:
        return None
    return MeasuredAccuracy(kept.valid_accuracy, sha256)


def _last_accuracy(evaluations: Sequence[Mapping[str, Any]], split: str) -> MeasuredAccuracy | None:
    """Return the newest evaluation on `split`, if possible one that records its data."""
    on_split = [evaluation for evaluation in evaluations if evaluation["split"] == split]
    if not on_split:
        return None
    newest = next((one for one in reversed(on_split) if "data" in one), on_split[-1])
    return MeasuredAccuracy(float(newest["accuracy"]), newest.get("data", {}).get("sha256"))


def rank(summaries: Sequence[RunSummary], split: SplitName) -> Leaderboard:
    """Rank recipes by their mean accuracy on `split`.

    Raises `RunError` if runs were measured on different data, or if none can be ranked.
    """
    groups: dict[str, list[RunSummary]] = {}
    unranked: list[tuple[str, str]] = []
    for summary in summaries:
        group = groups.get(summary.settings, [])
        if reason := _reason_against(summary, group, split):
            unranked.append((str(summary.path), reason))
        else:
            groups.setdefault(summary.settings, []).append(summary)
    if not groups:
        path, reason = unranked[0]
        more = f" (and {len(unranked) - 1} more)" if len(unranked) > 1 else ""
        raise RunError(f"nothing to rank on {split}: {path}{more}: {reason}")
    sha256 = _check_same_data([one for group in groups.values() for one in group], split)
    rows = sorted(groups.values(), key=lambda group: -fmean(_accuracies(group, split)))
    standings = tuple(_make_standing(number, group, split) for number, group in enumerate(rows, 1))
    return Leaderboard(split, sha256, standings, tuple(unranked))


def _reason_against(
    summary: RunSummary, group: Sequence[RunSummary], split: SplitName
) -> str | None:
    """Return why `summary` cannot be ranked with `group`, the runs of equal settings, or None."""
    if not summary.complete:
        return "it was not trained to the end"
    if split == "valid" and not summary.holds_out_valid:
        return "it learned from the validation images too (--all-images)"
    measured = _accuracy_on(summary, split)
    if measured is None:
        return f"never evaluated on {split}: run `digitnn evaluate {summary.path} --split {split}`"
    if measured.sha256 is None:
        return (
            f"an older digitnn did not record which {split} data it was evaluated on: run "
            f"`digitnn evaluate {summary.path} --split {split}`"
        )
    for other in group:
        if shared := set(summary.seeds) & set(other.seeds):
            return f"same recipe and seed {min(shared)} as {other.path}: only one counts"
    return None


def _check_same_data(summaries: Iterable[RunSummary], split: SplitName) -> str:
    seen: dict[str, Path] = {}
    for summary in summaries:
        measured = _accuracy_on(summary, split)
        assert measured is not None
        assert measured.sha256 is not None
        seen.setdefault(measured.sha256, summary.path)
    if len(seen) > 1:
        (sha256, path), (other_sha256, other_path), *_ = seen.items()
        raise RunError(
            f"{path} and {other_path} were measured on different {split} data (fingerprints "
            f"{sha256[:12]} and {other_sha256[:12]}): they cannot be ranked together; name runs of "
            "the same data"
        )
    return next(iter(seen))


def _make_standing(rank: int, group: Sequence[RunSummary], split: SplitName) -> Standing:
    accuracies = _accuracies(group, split)
    first, mean, best = group[0], fmean(accuracies), max(accuracies)
    return Standing(
        rank=rank,
        recipe=first.recipe,
        engine=first.engine,
        settings=first.settings[:8],
        n=len(group),
        seeds=tuple(seed for summary in group for seed in summary.seeds),
        mean=mean,
        interval=t_interval(accuracies),
        spread=stdev(accuracies) if len(group) > 1 else None,
        best=best,
        excess=best - mean,
        by_validation=_choose_by_validation(group) if split == "test" else None,
        chosen_on=first.chosen_on,
        test_reads=sum(summary.test_reads for summary in group),
        runs=tuple(str(summary.path) for summary in group),
    )


def _choose_by_validation(group: Sequence[RunSummary]) -> float | None:
    """Return the test accuracy of the run with the best validation accuracy.

    None if a run has no validation accuracy.
    """
    pairs = [
        (summary.valid.accuracy, summary.test.accuracy)
        for summary in group
        if summary.valid is not None and summary.test is not None
    ]
    best = max(pairs, key=lambda pair: pair[0], default=None)
    return best[1] if best is not None and len(pairs) == len(group) else None


def _accuracy_on(summary: RunSummary, split: SplitName) -> MeasuredAccuracy | None:
    return summary.test if split == "test" else summary.valid


def _accuracies(group: Sequence[RunSummary], split: SplitName) -> list[float]:
    return [
        one.accuracy
        for one in (_accuracy_on(summary, split) for summary in group)
        if one is not None
    ]
