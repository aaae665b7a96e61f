"""One worker of a search: it takes trials from the storage and trains them, until enough are done.

Workers know of one another only through the storage; where they run makes no difference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any, TypeAlias

from digitnn.engines.find import find_engine
from digitnn.errors import DataError, NetworkError, TrainingError, UsageError
from digitnn.recipes.toml_reader import MAX_PARAMETERS
from digitnn.runs.experiment import TrainingData, training_set
from digitnn.scaling.tuning.ledger import (
    INTERRUPTED,
    PARAMETERS,
    REASON,
    SECONDS,
    SURPLUS,
    Ledger,
    cut_short,
    reason_of,
    retry,
)
from digitnn.scaling.tuning.pulse import GRACE_SECONDS, PULSE_SECONDS, Watch, beating
from digitnn.scaling.tuning.search import Search
from digitnn.scaling.tuning.storage import Storage, open_study
from digitnn.training.records import EpochRecord
from digitnn.training.training import Training
from digitnn.wording import Notify, brief, percent

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

    from digitnn.scaling.tuning.sampling import PrunerName, SamplerName

Stopped: TypeAlias = Callable[[], bool]
"""Tells whether a worker should end."""

IDLE_SECONDS = 0.5
"""Between two looks at the storage while other workers train the last trials."""


@dataclass(frozen=True)
class Plan:
    """All that a worker needs to know.

    trials: how many shall be finished in all; identity: what makes two searches the same; seed: of
    the draws and of every training; engine: None for the first one of each recipe.
    """

    search: Search
    storage: Storage
    identity: Mapping[str, Any]
    collection: str
    data_dir: Path | None
    engine: str | None
    seed: int
    sampler: "SamplerName"
    pruner: "PrunerName"
    trials: int
    pulse_seconds: float = PULSE_SECONDS
    grace_seconds: float = GRACE_SECONDS

    def study(self) -> "Study":
        """Open the search in its storage. Raises `TuningError`."""
        from digitnn.scaling.tuning.sampling import SeededSampler, make_pruner

        sampler = SeededSampler(self.sampler, self.seed)
        pruner = make_pruner(self.pruner, self.search.max_epochs)
        return open_study(self.storage, self.search.name, self.identity, sampler, pruner)


def identify_search(
    search: Search,
    data: TrainingData,
    engine: str | None,
    seed: int,
    sampler: str,
    pruner: str,
) -> dict[str, Any]:
    """Return what decides the trials of a search, as JSON values: ranges, data, seed and rules."""
    content = {name: value for name, value in search.content.items() if name != "summary"}
    return {
        "search": content,
        "engine": engine,
        "seed": seed,
        "sampler": sampler,
        "pruner": pruner,
        "data": {
            "collection": data.collection,
            "train": data.train.fingerprint(),
            "valid": data.valid.fingerprint(),
        },
    }


def work(plan: Plan, study: "Study", data: TrainingData, stopped: Stopped, notify: Notify) -> None:
    """Train trials until `plan.trials` are finished, by whomever, or `stopped` says so."""
    from optuna.trial import TrialState

    watch = Watch(plan.grace_seconds)
    while not stopped():
        ledger = Ledger(study.get_trials(deepcopy=False))
        if lost := watch.lost(ledger):
            for trial in lost:
                _try_again(study, ledger, trial, notify)
            continue
        if len(ledger.finished) >= plan.trials:
            return
        if ledger.taken_before() >= plan.trials and not ledger.has_waiting():
            sleep(IDLE_SECONDS)  # others train the last ones, and may be killed
            continue
        asked = study.ask()
        if Ledger(study.get_trials(deepcopy=False)).is_surplus(asked.number, plan.trials):
            asked.set_user_attr(SURPLUS, True)
            study.tell(asked, state=TrialState.FAIL)
            continue
        if run_trial(plan, study, asked, data, stopped):
            found = Ledger(study.get_trials(deepcopy=False))
            notify(_line(found, asked.number, plan.trials))


def run_trial(
    plan: Plan, study: "Study", trial: "Trial", data: TrainingData, stopped: Stopped
) -> bool:
    """Train a trial and tell the storage the result. False if it was interrupted or is not ours.

    Not ours: others took this worker for dead, and try the trial again.
    """
    from optuna import TrialPruned
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    accuracy, state = None, TrialState.COMPLETE
    try:
        with beating(trial, plan.pulse_seconds):
            try:
                accuracy = _train(plan, trial, data, stopped)
            except TrialPruned:
                state = TrialState.PRUNED
            except _StoppedError:
                trial.set_user_attr(INTERRUPTED, True)
                cut_short(study, _frozen(study, trial.number))
                return False
            except (NetworkError, UsageError, TrainingError, DataError) as error:
                trial.set_user_attr(REASON, " ".join(str(error).split())[:500])
                state = TrialState.FAIL
            except MemoryError:
                trial.set_user_attr(REASON, "out of memory")
                state = TrialState.FAIL
    except UpdateFinishedTrialError:
        return False
    try:
        study.tell(trial, accuracy, state=state)
    except (ValueError, UpdateFinishedTrialError):
        return False
    return True


class _StoppedError(Exception):
    """A signal asked the worker to end."""


def _train(plan: Plan, trial: "Trial", data: TrainingData, stopped: Stopped) -> float:
    """Return the validation accuracy after the last epoch of a trial.

    The test split is not loaded. Raises `TrialPruned`, `_StoppedError`, and what training raises.
    """
    from optuna import TrialPruned

    from digitnn.scaling.tuning.sampling import pick_by

    recipe = plan.search.recipe(pick_by(trial))
    train = training_set(recipe, data)
    parameters = recipe.network(train.input_shape, train.classes).parameter_count()
    if parameters > MAX_PARAMETERS:  # before there are any
        raise NetworkError(
            f"the network has {brief(parameters)} parameters; at most {MAX_PARAMETERS:,} are taken"
        )
    engine = find_engine(recipe.engine(plan.engine))
    training = Training(recipe, engine, train, data.valid, plan.seed)
    trial.set_user_attr(PARAMETERS, parameters)
    for record in training:
        if stopped():
            raise _StoppedError
        if isinstance(record, EpochRecord):
            trial.report(record.validation.accuracy, record.epoch)
            if record.done < 1 and trial.should_prune():
                trial.set_user_attr(SECONDS, record.seconds)
                raise TrialPruned
    last = training.history[-1]
    trial.set_user_attr(SECONDS, last.seconds)
    return last.validation.accuracy


def _try_again(study: "Study", ledger: Ledger, trial: "FrozenTrial", notify: Notify) -> None:
    if ledger.outcomes[trial.number] == "cut short":
        retry(study, trial)
    elif cut_short(study, trial):
        notify(f"trial {trial.number}: its worker is gone; it is tried again")


def _frozen(study: "Study", number: int) -> "FrozenTrial":
    return next(one for one in study.get_trials(deepcopy=False) if one.number == number)


def _line(ledger: Ledger, number: int, wanted: int) -> str:
    """Return `[12/60] trial 13: 98.71 % after 3.1 s: batch_size 64, ...` for a finished trial."""
    trial = next(one for one in ledger.trials if one.number == number)
    outcome = ledger.outcomes[number]
    draws = ", ".join(f"{name} {_short(value)}" for name, value in trial.params.items())
    if outcome == "failed":
        result = f"failed: {reason_of(trial)}"
    else:
        epochs = f"epoch {trial.last_step}" if outcome == "pruned" else "training"
        seconds = trial.user_attrs.get(SECONDS, 0.0)
        result = f"{percent(trial.value or 0.0)} after {epochs}, {seconds:.1f} s"
        result = f"pruned at {result}" if outcome == "pruned" else result
    return f"[{len(ledger.finished)}/{wanted}] trial {number}: {result} ({draws})"


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
