"""A whole search: the trials, by one worker or several, then the winner with fresh seeds."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitnn.engines.find import find_engine
from digitnn.errors import NetworkError
from digitnn.runs.experiment import TrainingData
from digitnn.scaling.tuning.folder import (
    PAGE,
    RECIPE,
    TitledWatch,
    check_folder,
    make_folder,
    train_winner,
    write_recipe,
)
from digitnn.scaling.tuning.ledger import Ledger
from digitnn.scaling.tuning.ranges import first_end
from digitnn.scaling.tuning.results import (
    FinalRun,
    SearchResult,
    collect,
    find_best,
    winning_recipe,
)
from digitnn.scaling.tuning.storage import storage_errors
from digitnn.scaling.tuning.worker import Plan, Stopped, work
from digitnn.scaling.tuning.workers import work_in_processes
from digitnn.wording import Notify

if TYPE_CHECKING:
    from optuna import Study


@dataclass(frozen=True)
class Setting:
    """How a search is carried out here; nothing of it changes a trial.

    folder: of the search; final_seeds: how often the winner is trained anew; workers: processes;
    threads: of each, None for its share of the cores; command: the command line that continues.
    """

    folder: Path
    final_seeds: int
    workers: int
    threads: int | None
    device: str
    command: str


@dataclass(frozen=True)
class Outcome:
    """How far a search came. result: None unless it was finished; finished: its trials so far."""

    result: SearchResult | None
    finished: int


def check_engine(plan: Plan) -> None:
    """Raise `MissingExtraError` or `UsageError` if the first draw's engine cannot run here."""
    try:
        recipe = plan.search.recipe(first_end)
    except NetworkError:
        return
    find_engine(recipe.engine(plan.engine))


def search(
    plan: Plan,
    setting: Setting,
    data: TrainingData,
    stopped: Stopped,
    watch: TitledWatch,
    notify: Notify,
) -> Outcome:
    """Train trials until enough are finished, then the winner; write recipe.toml.

    watch: of the final trainings. Ends early when `stopped` says so; the same call goes on.
    Raises `TuningError` if no trial could be trained, or the storage cannot be used.
    """
    check_folder(setting.folder, plan.identity)
    inside = plan.storage.path is not None and plan.storage.path.parent == setting.folder.absolute()
    if inside:
        make_folder(setting.folder, plan.identity)
    with storage_errors(plan.storage):
        study = plan.study()
        make_folder(setting.folder, plan.identity)
        _say_start(plan, study, notify)
        if len(_ledger(study).finished) < plan.trials:
            if setting.workers == 1:
                work(plan, study, data, stopped, notify)
            else:
                work_in_processes(
                    plan, setting.workers, setting.threads, setting.device, stopped, notify
                )
        ledger = _ledger(study)
        finished = len(ledger.finished)
        if stopped() or finished < plan.trials:
            return Outcome(None, finished)
        best = find_best(ledger)
        recipe = winning_recipe(plan.search, best)
    if setting.final_seeds:
        notify(f"trial {best.number} has won; training it with {setting.final_seeds} fresh seeds")
    final: list[FinalRun] = []
    seeds = range(plan.seed + 1, plan.seed + 1 + setting.final_seeds)
    for run in train_winner(
        recipe,
        plan.engine,
        seeds,
        data,
        setting.folder / f"trial-{best.number}",
        watch,
        setting.command,
    ):
        if run is None:
            return Outcome(None, finished)
        final.append(run)
    with storage_errors(plan.storage):
        result = collect(plan.search, study, final, len(data.valid))
    write_recipe(setting.folder, result)
    return Outcome(result, finished)


def _say_start(plan: Plan, study: "Study", notify: Notify) -> None:
    finished = len(_ledger(study).finished)
    if finished:
        notify(f"{finished} of {plan.trials} trials are finished already")
    if plan.pruner == "halving" and plan.search.max_epochs == 1:
        notify("--pruner halving ends no training early: all have one epoch only")


def _ledger(study: "Study") -> Ledger:
    return Ledger(study.get_trials(deepcopy=False))


def result_to_json(result: SearchResult, plan: Plan, setting: Setting) -> dict[str, Any]:
    """Return what `digitnn tune --json` prints: the result, and where everything is."""
    return {
        **result.to_json(),
        "out": str(setting.folder),
        "recipe": str(setting.folder / RECIPE),
        "page": str(setting.folder / PAGE),
        "storage": str(plan.storage),
        "seed": plan.seed,
        "sampler": plan.sampler,
        "pruner": plan.pruner,
        "data": dict(plan.identity["data"]),
    }
