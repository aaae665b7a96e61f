"""Which values the next trial gets, and which trials end early.

Each trial has a sampler of its own, seeded by the search's seed and the trial's position. So a
search that was interrupted draws on as if it had not been, and several workers do not draw the same
values. Imported only where Optuna is.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from optuna import Study, Trial
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from digitnn.scaling.tuning.ledger import Ledger
from digitnn.scaling.tuning.ranges import Choice, Label, Pick, Range

SamplerName: TypeAlias = Literal["tpe", "random"]
PrunerName: TypeAlias = Literal["halving", "none"]

REDUCTION = 3
"""Of the trials that reach a rung, the best third goes on (Li et al. 2020, "ASHA")."""
RUNGS = 2
"""The rungs are at a ninth and at a third of the longest training's epochs."""


class SeededSampler(BaseSampler):
    """Draws with a new sampler for each trial, which only the seed and the position decide."""

    def __init__(self, name: SamplerName, seed: int) -> None:
        self._name, self._seed = name, seed
        self._inner: BaseSampler = RandomSampler(seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Make the sampler of `trial`."""
        position = Ledger(study.get_trials(deepcopy=False)).position(trial.number)
        seed = int(np.random.SeedSequence([self._seed, position]).generate_state(1)[0])
        self._inner = TPESampler(seed=seed) if self._name == "tpe" else RandomSampler(seed)
        self._inner.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the ranges that are drawn together."""
        return self._inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return values for the ranges that are drawn together."""
        return self._inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Return a value for one range."""
        return self._inner.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Tell the sampler that a trial has ended."""
        self._inner.after_trial(study, trial, state, values)


class Halving(SuccessiveHalvingPruner):
    """Successive halving among the trials that count: not among earlier tries of one trial."""

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Tell whether `trial` should end after the epoch that it last reported."""
        return super().prune(_OfCounting(study), trial)  # type: ignore[arg-type]


class _OfCounting:
    """A study without the trials that were cut short."""

    def __init__(self, study: Study) -> None:
        self._study = study

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def get_trials(self, deepcopy: bool = True) -> list[FrozenTrial]:
        """Return the trials that are finished or running."""
        found = Ledger(self._study.get_trials(deepcopy=deepcopy))
        return found.having("complete", "pruned", "running")


def make_pruner(name: PrunerName, max_epochs: int) -> BasePruner:
    """Return the rule that ends trials early. max_epochs: of the longest training."""
    if name == "none":
        return NopPruner()
    return Halving(first_rung(max_epochs), REDUCTION)


def first_rung(max_epochs: int) -> int:
    """Return the epoch after which the first trials end."""
    return max(1, max_epochs // REDUCTION**RUNGS)


def pick_by(trial: Trial) -> Pick:
    """Return the `Pick` whose values Optuna suggests, and keeps with the trial."""

    def pick(one: Range) -> Label:
        if isinstance(one, Choice):
            chosen = trial.suggest_categorical(one.name, one.labels)
            return one.labels[one.labels.index(chosen)]
        if one.is_whole:
            return trial.suggest_int(one.name, int(one.low), int(one.high), log=one.is_log)
        return trial.suggest_float(one.name, one.low, one.high, log=one.is_log)

    return pick
