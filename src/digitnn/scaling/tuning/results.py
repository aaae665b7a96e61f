"""The result of a search as values: its trials, its winner, and what the winner is worth.

The claim of a search, the best accuracy of many trials, is too high: of trials that are equally
good, the luckiest wins. Trained anew with seeds that no trial has used, the winner shows by how
much. The images are still those that it was chosen by; only a test split shows the rest.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from digitnn.errors import TuningError
from digitnn.evaluation.statistics import Interval, t_interval
from digitnn.recipes.recipe import Recipe
from digitnn.scaling.tuning.ledger import (
    FINISHED,
    KILLS,
    PARAMETERS,
    SECONDS,
    Ledger,
    Outcome,
    reason_of,
)
from digitnn.scaling.tuning.ranges import Label, Range
from digitnn.scaling.tuning.search import Search

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

MIN_TRIALS_FOR_IMPORTANCE = 4


@dataclass(frozen=True)
class TrialResult:
    """One trial that counts.

    accuracy: in validation after the last epoch that it was trained for, None if it failed; curve:
    the accuracy after each epoch; draws: the values of the ranges by name; kills: how often its
    worker was killed before.
    """

    number: int
    outcome: Outcome
    accuracy: float | None
    seconds: float | None
    parameters: int | None
    curve: tuple[float, ...]
    draws: Mapping[str, Label]
    reason: str | None
    kills: int


@dataclass(frozen=True)
class FinalRun:
    """The winner, trained anew with another seed. accuracy: None if the training failed."""

    seed: int
    accuracy: float | None
    seconds: float
    path: str


@dataclass(frozen=True)
class SearchResult:
    """All that a search found. importance: shares of 1 by name, none if too few trials."""

    name: str
    trials: tuple[TrialResult, ...]
    best: TrialResult
    recipe: Recipe
    importance: Mapping[str, float]
    final: tuple[FinalRun, ...]
    n_valid: int

    @property
    def accuracies(self) -> list[float]:
        """The accuracies of the final runs."""
        return [run.accuracy for run in self.final if run.accuracy is not None]

    @property
    def claimed(self) -> float:
        """The accuracy that the search claims: that of the best trial."""
        assert self.best.accuracy is not None
        return self.best.accuracy

    @property
    def mean(self) -> float | None:
        """The mean accuracy of the final runs."""
        return fmean(self.accuracies) if self.accuracies else None

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of the mean over seeds; None for fewer than two runs."""
        return t_interval(self.accuracies) if self.accuracies else None

    @property
    def optimism(self) -> float | None:
        """By how much the claim is above the mean."""
        return None if self.mean is None else self.claimed - self.mean

    def having(self, *outcomes: Outcome) -> list[TrialResult]:
        """Return the trials with one of these outcomes."""
        return [trial for trial in self.trials if trial.outcome in outcomes]

    def pareto(self) -> list[TrialResult]:
        """Return the complete trials than which none is both faster and more accurate."""
        front: list[TrialResult] = []
        by_time = sorted(
            self.having("complete"), key=lambda one: (one.seconds or 0.0, -(one.accuracy or 0.0))
        )
        for trial in by_time:
            if not front or (trial.accuracy or 0.0) > (front[-1].accuracy or 0.0):
                front.append(trial)
        return front

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        outcomes = Counter(trial.outcome for trial in self.trials)
        reasons = Counter(trial.reason for trial in self.having("failed"))
        return {
            "schema": 1,
            "name": self.name,
            "trials": {"finished": len(self.trials), **{k: outcomes[k] for k in FINISHED}},
            "failures": [{"reason": why, "trials": n} for why, n in reasons.most_common()],
            "best": {
                "trial": self.best.number,
                "claimed_accuracy": self.claimed,
                "seconds": self.best.seconds,
                "draws": dict(self.best.draws),
            },
            "final": {
                "runs": [asdict(run) for run in self.final],
                "mean": self.mean,
                "interval": list(self.interval) if self.interval else None,
                "optimism": self.optimism,
            }
            if self.final
            else None,
            "importance": dict(self.importance),
            "pareto": [
                {"trial": one.number, "seconds": one.seconds, "accuracy": one.accuracy}
                for one in self.pareto()
            ],
            "validation_images": self.n_valid,
        }


def find_best(ledger: Ledger) -> "FrozenTrial":
    """Return the most accurate complete trial, the first of equals.

    Raises `TuningError` if there is none, with the commonest reason.
    """
    if complete := ledger.having("complete"):
        return max(complete, key=lambda trial: (trial.value or 0.0, -trial.number))
    reasons = Counter(reason_of(trial) for trial in ledger.having("failed"))
    if not reasons:
        raise TuningError("no trial is finished yet")
    why, n = reasons.most_common(1)[0]
    raise TuningError(f"none of {len(ledger.finished)} trials could be trained; {n} of them: {why}")


def winning_recipe(search: Search, best: "FrozenTrial") -> Recipe:
    """Return the recipe of the best trial, under the name of the search."""

    def pick(one: Range) -> Label:
        value: Label = best.params[one.name]
        return value

    return replace(
        search.recipe(pick), summary=f"the winner, trial {best.number}, of the search {search.name}"
    )


def collect(
    search: Search, study: "Study", final: Sequence[FinalRun], n_valid: int
) -> SearchResult:
    """Return the result of a search. Raises `TuningError` if no trial is complete."""
    ledger = Ledger(study.get_trials(deepcopy=False))
    best = find_best(ledger)
    return SearchResult(
        name=search.name,
        trials=tuple(_result_of(trial, ledger) for trial in ledger.finished),
        best=_result_of(best, ledger),
        recipe=winning_recipe(search, best),
        importance=_importance(study, ledger),
        final=tuple(final),
        n_valid=n_valid,
    )


def _result_of(trial: "FrozenTrial", ledger: Ledger) -> TrialResult:
    outcome = ledger.outcomes[trial.number]
    attributes = trial.user_attrs
    return TrialResult(
        number=trial.number,
        outcome=outcome,
        accuracy=None if outcome == "failed" else trial.value,
        seconds=attributes.get(SECONDS),
        parameters=attributes.get(PARAMETERS),
        curve=tuple(trial.intermediate_values[step] for step in sorted(trial.intermediate_values)),
        draws=dict(trial.params),
        reason=reason_of(trial) if outcome == "failed" else None,
        kills=attributes.get(KILLS, 0),
    )


def _importance(study: "Study", ledger: Ledger) -> dict[str, float]:
    """Return the importance of each range by PED-ANOVA (Watanabe et al. 2023), as shares of 1."""
    from optuna.importance import get_param_importances

    complete = ledger.having("complete")
    if len({trial.value for trial in complete}) < 2 or len(complete) < MIN_TRIALS_FOR_IMPORTANCE:
        return {}
    return {name: float(share) for name, share in get_param_importances(study).items()}
