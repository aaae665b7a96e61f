"""One data-parallel training, seen from each of its processes.

All processes make the same `Training` and agree on it. The first one then trains as a single
process does: it validates, shows progress, saves checkpoints and writes the run. The others take
the same steps from the same state and do nothing else. In each step the processes exchange
gradients; the first one ends the training by not going on there (see `MicroBatchEngine.end`).

When a process is lost, the first one saves a checkpoint if it is alive, and one of those left says
how to continue.
"""

import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING, Any, TypeAlias

from digitnn.engines.micro_batches import DEFAULT_COUNT, GroupEnded, MicroBatches, Reduction
from digitnn.errors import DigitnnError, PeerError, TrainingError, UsageError
from digitnn.recipes.recipe import Recipe
from digitnn.runs.experiment import TrainingData, Watch, training_set
from digitnn.runs.identity import identify
from digitnn.runs.run import Run
from digitnn.scaling.training.agreement import Disagreement, Failure, agree, attempt
from digitnn.scaling.training.launch import Launch
from digitnn.training.records import Record, Stopping
from digitnn.training.training import Checkpoint, Training

if TYPE_CHECKING:
    from digitnn.engines.pytorch.micro_batches import MicroBatchEngine
    from digitnn.engines.pytorch.process_group import ProcessGroup

SECONDS_TO_SPEAK = 10
"""A process that fails as others do leaves the first one time to say why."""

Tell: TypeAlias = Callable[[Watch], Watch]
"""Returns a watch that first tells the other processes to begin."""
Lead: TypeAlias = Callable[[Training, Mapping[str, Any], Tell], Run]
"""What the first process does with a training and its identity."""


@dataclass(frozen=True)
class Plan:
    """What each process needs in order to make the same training.

    fetch: downloads the data if they are missing; load: reads them; cut: see `cut_for`.
    """

    recipe: Recipe
    seed: int
    stopping: Stopping
    fetch: Callable[[], object]
    load: Callable[[], TrainingData]
    cut: MicroBatches

    def training(self, engine: "MicroBatchEngine") -> tuple[Training, dict[str, Any]]:
        """Return the training and its identity."""
        data = self.load()
        train = training_set(self.recipe, data)
        training = Training(self.recipe, engine, train, data.held_out, self.seed, self.stopping)
        return training, identify(
            training, "pytorch", data.collection, data.split_seed, data.options
        )


def cut_for(
    recipe: Recipe,
    engine: str | None,
    count: int | None,
    all_reduce: bool,
    launch: Launch | None,
) -> MicroBatches:
    """Return how `recipe` cuts its batches, and the share of this process.

    engine: as asked for; None: pytorch. count: micro-batches per batch; None takes the default.
    all_reduce: add gradients in the fastest order, not in that of the micro-batches.
    Raises `UsageError` if the recipe or the engine cannot train so.
    """
    if "pytorch" not in recipe.engines:
        raise UsageError(
            f"recipe {recipe.name} does not train on the engine pytorch, which micro-batches and "
            "several processes need"
        )
    if recipe.is_full_batch:
        raise UsageError(
            f"recipe {recipe.name} takes all images in each step; micro-batches and several "
            "processes are for recipes with mini-batches, for example cnn"
        )
    if recipe.engine(engine or "pytorch") != "pytorch":
        raise UsageError(
            f"micro-batches and several processes need the engine pytorch, not {engine}: leave "
            f"--engine {engine} out, or train in one process"
        )
    rank, size = (launch.rank, launch.size) if launch else (0, 1)
    reduction: Reduction = "all-reduce" if all_reduce else "ordered"
    return MicroBatches(DEFAULT_COUNT if count is None else count, reduction, rank, size)


def train_in_parts(plan: Plan, launch: Launch | None, command: str, lead: Lead) -> Run | None:
    """Train on micro-batches, in this process alone or as one of those of `launch`.

    See `train_together`.
    """
    if launch is not None:
        return train_together(plan, launch, command, lead)
    from digitnn.engines.pytorch.micro_batches import MicroBatchEngine

    engine = MicroBatchEngine(plan.cut)
    plan.fetch()
    training, identity = plan.training(engine)
    return lead(training, identity, lambda watch: watch)


def train_together(plan: Plan, launch: Launch, command: str, lead: Lead) -> Run | None:
    """Train as one of the processes that torchrun started.

    command: the command line that resumes. Returns the run in the first process, and None in all
    others. An error is raised in one process: that of the training in the first, that of a lost
    process in one of those left. The others raise `SilentExit`.
    """
    from digitnn.engines.pytorch.process_group import ProcessGroup

    group = ProcessGroup(launch.local_rank, launch.nodes)
    session = _Session(plan, launch, group, command)
    try:
        return session.train(lead)
    except Disagreement:
        if launch.leads:
            raise
        sleep(SECONDS_TO_SPEAK)  # torchrun ends all processes as soon as one has failed
        raise SilentExit from None
    except PeerError as error:
        _ignore_signals()  # torchrun has seen it too, and ends the processes that are left
        if group.is_first_to_report():
            raise PeerError(f"{error}; {session.remedy}") from None
        raise SilentExit from None


class SilentExit(DigitnnError):
    """This process failed; another one has said, or will say, why."""


@dataclass(frozen=True, eq=False)
class Beginning:
    """Where the training begins, as the first process tells the others.

    checkpoint: None for its first step; command: the command line that resumes.
    """

    checkpoint: Checkpoint | None
    command: str


class _Session:
    """The training in one process. remedy: what to do if another process is lost."""

    def __init__(self, plan: Plan, launch: Launch, group: "ProcessGroup", command: str) -> None:
        self._plan, self._launch, self._group, self._command = plan, launch, group, command
        self._has_begun = False
        self.remedy = "no step was taken yet: start it again"

    def train(self, lead: Lead) -> Run | None:
        """Agree with the other processes, and train with them."""
        fetched = attempt(self._plan.fetch) if self._launch.local_rank == 0 else None
        agree(self._group, fetched if isinstance(fetched, Failure) else {})
        prepared = attempt(self._prepare)
        if isinstance(prepared, Failure):
            agree(self._group, prepared)
            raise AssertionError("agreed in spite of a failure")
        engine, training, identity = prepared
        agree(self._group, identity)
        if self._launch.leads:
            return self._lead(engine, training, identity, lead)
        self._help(engine, training)
        return None

    def _prepare(self) -> tuple["MicroBatchEngine", Training, dict[str, Any]]:
        from digitnn.engines.pytorch.micro_batches import MicroBatchEngine

        engine = MicroBatchEngine(self._plan.cut, self._group)
        return engine, *self._plan.training(engine)

    def _lead(
        self,
        engine: "MicroBatchEngine",
        training: Training,
        identity: Mapping[str, Any],
        lead: Lead,
    ) -> Run:
        """Train as `lead` does, and end the training of the others afterwards."""

        def end() -> None:
            if self._has_begun:
                engine.end(training.network)
            else:
                self._group.share(None)
            self._group.leave()

        try:
            run = lead(training, identity, self._announced)
        except PeerError:
            raise
        except BaseException:
            with suppress(PeerError):
                end()
            raise
        end()
        return run

    def _announced(self, watch: Watch) -> Watch:
        """Return `watch`, which first tells the other processes where to begin."""

        def announce(training: Training) -> Iterator[Record]:
            self._group.share(Beginning(training.resumed, self._command))
            self._begin(self._command)
            yield from watch(training)

        return announce

    def _help(self, engine: "MicroBatchEngine", training: Training) -> None:
        """Take the steps of `training` with the first process, until it ends them."""
        beginning = self._group.share()
        if beginning is not None:
            _ignore_signals()  # the first process saves, and ends the others
            self._begin(beginning.command)
            if beginning.checkpoint is not None:
                training.resume(beginning.checkpoint)
            try:
                for _ in training.steps():
                    pass
                engine.end(training.network)
            except GroupEnded:
                pass
            except TrainingError:  # which all processes meet in the same step
                engine.end(training.network)
        self._group.leave()

    def _begin(self, command: str) -> None:
        self._has_begun = True
        self.remedy = f"continue with `{command}`"


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
