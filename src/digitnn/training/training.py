"""The training of a network, in mini-batches or on the full batch.

Iterate a `Training` for its records; `break` stops it, and `params()` holds the parameters so far.
The test split is not among its arguments, so training cannot read it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.engines.micro_batches import CutsBatches
from digitnn.engines.protocols import Engine, check_size
from digitnn.errors import CheckpointError, DataError, ShapeError, TrainingError, UsageError
from digitnn.evaluation.evaluation import Evaluation, evaluate
from digitnn.network.initialisation import initial_parameters
from digitnn.network.network import Params
from digitnn.recipes.optimisers import FullBatchOptimiser
from digitnn.recipes.recipe import Recipe
from digitnn.training.fullbatch import FullBatchLoop, PointCache, expand, restrict, varying_pixels
from digitnn.training.minibatch import MiniBatchLoop, diverged, streams
from digitnn.training.records import (
    Clock,
    EpochRecord,
    Reason,
    Record,
    Stage,
    StepRecord,
    Stopping,
    best_epoch,
)
from digitnn.training.starting_point import StartingPoint


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that a mini-batch training needs to continue bit for bit.

    arrays: groups of arrays by name: those of the loop, "last_epoch", and "best" if the best epoch
    is kept; progress: position, history and seconds so far as JSON values, which preserve every
    bit of a float.
    """

    arrays: Mapping[str, Mapping[str, ndarray]]
    progress: Mapping[str, Any]

    @property
    def step(self) -> int:
        """The number of mini-batches trained on."""
        return int(self.progress["position"]["step"])


class Training:
    """Trains a network by `recipe` on `engine` when it is iterated, once.

    seed determines the initial weights, the order of the batches, the augmentation and the dropout
    masks. Each has a random stream of its own, so both engines start from the same weights and
    train on the same batches. With `start`, a trained network, the layers that fit it start from
    its parameters. Raises `TrainingError` for too few images, if no layer fits `start`, or when the
    loss is no longer finite; `params()` then returns the parameters after the last complete epoch,
    the last record of `history`. complete: whether the training ran to its end; stopped: the reason
    if it ended early.

    valid: None trains without validation, which `stopping` must not need (`UsageError`).

    To continue in another process, take a `checkpoint` after any record, and `resume` it there. A
    full-batch training continues with `use_cache` instead. The result is identical to the bit to
    that of an uninterrupted training.
    """

    def __init__(
        self,
        recipe: Recipe,
        engine: Engine,
        train: Dataset,
        valid: Dataset | None,
        seed: int,
        stopping: Stopping | None = None,
        start: StartingPoint | None = None,
    ) -> None:
        min_size = 1 if recipe.is_full_batch else recipe.batch_size
        if len(train) < min_size:
            raise TrainingError(
                f"recipe {recipe.name} takes batches of at least {min_size} images, "
                f"but there are only {len(train)} to train on: give it a smaller batch_size"
            )
        if valid is not None:
            if len(valid) == 0:
                raise TrainingError(f"{valid.name}: no images to validate on")
            valid.require_shape(train.input_shape, train.name)
            valid = valid.with_classes(train.classes, train.name)
        self.recipe, self.engine, self.train, self.valid = recipe, engine, train, valid
        self.seed, self.stopping = seed, stopping or Stopping()
        if valid is None and self.stopping.needs_validation:
            raise UsageError(
                "only the validation split can tell when to stop or which epoch is the best: "
                "train without --patience and --keep best, or hold that split out"
            )
        self.network = recipe.network(train.input_shape, train.classes)
        self._check_last_batch()
        self.history: list[EpochRecord] = []
        self._streams = streams(seed)
        self._best: dict[str, ndarray] | None = None
        self.start = start
        self._last_params = self._begin_with(self._streams.weights)
        self._loop: MiniBatchLoop | FullBatchLoop | None = None
        self._resumed: Checkpoint | None = None
        self._cache: PointCache | None = None
        self._clock: Clock | None = None
        self._stopped_at: Checkpoint | None = None
        self.complete = False
        self.stopped: Reason | None = None

    def params(self) -> dict[str, ndarray]:
        """Return the current parameters, float32, or those of the best epoch if that is kept."""
        if self._best is not None:
            return self._best
        return self._last_params if self._loop is None else self._loop.params()

    def initial_params(self) -> dict[str, ndarray]:
        """Return the initial parameters, float32; ignored pixels of `least_std` have weight 0."""
        recipe = self.recipe
        start = self._begin_with(streams(self.seed).weights)
        if not recipe.is_full_batch:
            return start
        kept = varying_pixels(self.train.images, recipe.least_std)
        return expand(restrict(start, kept), kept)

    def _begin_with(self, rng: np.random.Generator) -> dict[str, ndarray]:
        """Return drawn parameters, where `start` has fitting ones these instead."""
        drawn = initial_parameters(self.network, self.recipe.initialisation, rng)
        return self.start.initial_parameters(self.network, drawn) if self.start else drawn

    def last_params(self) -> dict[str, ndarray]:
        """Return the parameters after the last validated epoch, even if another one is kept."""
        return self._last_params

    @property
    def kept(self) -> EpochRecord | None:
        """The epoch whose parameters are kept; None before there is one."""
        if not self.history:
            return None
        if self.stopping.keep == "best":
            return best_epoch(self.history)
        return self.history[-1] if self.complete or self.stopped else None

    def checkpoint(self) -> Checkpoint:
        """Return what is needed to continue, after any record of a mini-batch training.

        If the training stopped within an epoch, it was validated there once more. The checkpoint
        is from before that: a resumed training must have the records of an uninterrupted one.
        """
        if self._stopped_at is not None:
            return self._stopped_at
        assert isinstance(self._loop, MiniBatchLoop), "mini-batches, between two records"
        assert self._clock is not None
        best = {} if self._best is None else {"best": self._best}
        return Checkpoint(
            arrays=self._loop.state() | {"last_epoch": self._last_params} | best,
            progress={
                "position": self._loop.position(),
                "history": [asdict(record) for record in self.history],
                "seconds": self._clock.seconds(),
            },
        )

    def resume(self, checkpoint: Checkpoint) -> None:
        """Continue from `checkpoint` when iterated.

        It must come from the same recipe, engine, data and seed. Raises `CheckpointError` if its
        arrays do not fit.
        """
        try:
            self.network.check(checkpoint.arrays["last_epoch"])
            loop = self._begin(Clock())
            assert isinstance(loop, MiniBatchLoop), "a full-batch training uses a cache"
            loop.restore(checkpoint.arrays, checkpoint.progress["position"])
            history = [EpochRecord(**record) for record in checkpoint.progress["history"]]
            best = None
            if history and self.stopping.keep == "best":
                self.network.check(best := dict(checkpoint.arrays["best"]))
        except (LookupError, TypeError, ShapeError) as error:
            raise CheckpointError(f"a checkpoint of another training: {error}") from None
        self._last_params, self._best = dict(checkpoint.arrays["last_epoch"]), best
        self.history, self._resumed, self._loop = history, checkpoint, loop

    @property
    def resumed(self) -> Checkpoint | None:
        """The checkpoint that `resume` was given; None for a training from the beginning."""
        return self._resumed

    def steps(self) -> Iterator[Stage]:
        """Take the mini-batch steps only, without validation, records or reasons to stop.

        For a process that helps another one, which iterates the same training.
        """
        self._loop = loop = self._loop or self._begin(Clock())
        yield from loop

    def use_cache(self, cache: PointCache) -> None:
        """Full batch: take evaluated points from `cache` and add new ones to it."""
        self._cache = cache

    def __iter__(self) -> Iterator[Record]:
        if self._clock is not None:
            raise TrainingError("a training is iterated once; make another one to start again")
        self._clock = Clock()
        if self._resumed is not None:
            self._clock.advance_to(self._resumed.progress["seconds"])
        self._loop = loop = self._loop or self._begin(self._clock)
        try:
            yield from self._learn(loop, self._clock)
            self.complete = self.stopped != "max_seconds"
        except TrainingError:
            self._loop = None
            raise

    def _learn(self, loop: MiniBatchLoop | FullBatchLoop, clock: Clock) -> Iterator[Record]:
        """Yield records until the end of `loop`, or until there is a reason to stop."""
        stopping = self.stopping
        if stopping.is_out_of_patience(self.history):  # the checkpoint may be from the end
            self.stopped = "patience"
            return
        for stage in loop:
            seconds = clock.seconds()
            yield self._end_epoch(stage) if stage.ends_epoch else _step_record(stage, seconds)
            if stage.done < 1 and (reason := stopping.reason(self.history, clock.seconds())):
                self.stopped = reason
                if not stage.ends_epoch:
                    self._stopped_at = self.checkpoint()
                    yield self._end_epoch(stage)
                return

    def _begin(self, clock: Clock) -> MiniBatchLoop | FullBatchLoop:
        recipe, optimiser, engine = self.recipe, self.recipe.optimiser, self.engine
        start, train = self._last_params, self.train
        if isinstance(optimiser, FullBatchOptimiser):
            return FullBatchLoop(
                recipe, self.network, optimiser, engine, start, train, self._cache, clock
            )
        return MiniBatchLoop(recipe, self.network, optimiser, engine, start, train, self._streams)

    def _end_epoch(self, stage: Stage) -> EpochRecord:
        """Validate, and append the epoch to the history."""
        assert self._clock is not None
        assert self._loop is not None
        params = self._loop.params()
        try:
            evaluation = self._validate(params)
        except (DataError, ShapeError) as error:
            raise diverged(f"epoch {stage.epoch} cannot be validated: {error}") from error
        self._last_params = params
        seconds = self._clock.seconds()
        record = EpochRecord(
            **asdict(_step_record(stage, seconds)),
            valid_loss=evaluation.loss_nats if evaluation else None,
            valid_accuracy=evaluation.accuracy if evaluation else None,
            seconds=seconds,
            evaluations=stage.evaluations,
        )
        self.history.append(record)
        if self.kept is record and self.stopping.keep == "best":
            self._best = params
        return record

    def _validate(self, params: Params) -> Evaluation | None:
        if self.valid is None:
            self.network.check(params)
            return None
        return evaluate(self.engine.classifier(self.network, params), self.valid)

    def _check_last_batch(self) -> None:
        """Raise `TrainingError` before training if the last batch of an epoch is too small."""
        n, size = len(self.train), self.recipe.batch_size
        last = n if self.recipe.is_full_batch else n % size or size
        try:
            check_size(self.network, last)
            if isinstance(self.engine, CutsBatches):
                self.engine.micro_batches.check(self.network, last)
        except TrainingError as error:
            raise TrainingError(
                f"recipe {self.recipe.name}: of {n} images, {size} at a time, the last batch of an "
                f"epoch holds {last}: {error}"
            ) from None


def _step_record(stage: Stage, seconds: float) -> StepRecord:
    return StepRecord(
        done=stage.done,
        epoch=stage.epoch,
        loss=stage.outcome.total / stage.seen,
        accuracy=stage.outcome.correct / stage.seen,
        images_per_second=stage.images / seconds,
    )
