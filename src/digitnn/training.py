"""The loop that both engines share: a network learns, and tells how it goes.

`Training` is iterated for its records; to stop is `break`, and what has been learned by then is
in `params()`. The test split is not among its arguments, so training cannot read it.
Axes: n images.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil, isfinite
from time import perf_counter

import numpy as np
from numpy import ndarray

from digitnn.batch import check_size
from digitnn.dataset import Dataset, batches
from digitnn.engine import Engine, Outcome
from digitnn.errors import DataError, ShapeError, TrainingError
from digitnn.evaluation import evaluate
from digitnn.features import expand, features, restrict, varying_pixels
from digitnn.fullbatch import METHODS, minimise
from digitnn.initialisation import initial_parameters
from digitnn.optimisers import FullBatchOptimiser, MiniBatchOptimiser
from digitnn.recipes import Recipe


@dataclass(frozen=True)
class StepRecord:
    """One mini-batch: how far the training is (0..1), and the epoch's running means.

    loss in nats an image; images_per_second since training began.
    """

    done: float
    epoch: int
    loss: float
    accuracy: float
    images_per_second: float


@dataclass(frozen=True)
class EpochRecord:
    """One pass over the training split, or one iteration of a full-batch optimiser.

    loss, accuracy: means over the images of the epoch as they were learned from (nats, 0..1);
    valid_loss, valid_accuracy: after the epoch; seconds: since training began, all included;
    evaluations: gradients of the whole split computed so far, full batch only.
    """

    done: float
    epoch: int
    loss: float
    accuracy: float
    valid_loss: float
    valid_accuracy: float
    seconds: float
    images_per_second: float
    evaluations: int | None = None


Record = StepRecord | EpochRecord


class Training:
    """A network that learns by `recipe` on `engine`; iterate it, once, to make it happen.

    seed decides the initial weights, the order of the batches and the units that are dropped, in
    separate streams, so that both engines start alike and see the same batches. Raises
    `TrainingError` when there are too few images, or when the loss is no longer finite; `params()`
    then gives what the last whole epoch left, which the last record of `history` describes.
    `complete` says whether it ran to its end.
    """

    def __init__(
        self, recipe: Recipe, engine: Engine, train: Dataset, valid: Dataset, seed: int
    ) -> None:
        least = 1 if recipe.is_full_batch else recipe.batch_size
        if len(train) < least:
            raise TrainingError(
                f"recipe {recipe.name} takes batches of at least {least} images, "
                f"but there are only {len(train)} to train on"
            )
        if len(valid) == 0:
            raise TrainingError(f"{valid.name}: no images to validate on")
        self.recipe, self.engine, self.train, self.valid = recipe, engine, train, valid
        self.seed = seed
        self.network = recipe.network()
        self._check_last_batch()
        self.history: list[EpochRecord] = []
        for_weights, for_batches, for_dropout = np.random.SeedSequence(seed).spawn(3)
        start = initial_parameters(
            self.network, recipe.initialisation, np.random.default_rng(for_weights)
        )
        self._batches_rng = np.random.default_rng(for_batches)
        self._dropout_seed = int(for_dropout.generate_state(1)[0])
        self._current: Callable[[], dict[str, ndarray]] = lambda: start
        self._good = start
        self._started: float | None = None
        self.complete = False

    def params(self) -> dict[str, ndarray]:
        """The parameters learned so far, float32."""
        return self._current()

    def __iter__(self) -> Iterator[Record]:
        if self._started is not None:
            raise TrainingError("a training is iterated once; make another one to start again")
        self._started = perf_counter()
        optimiser = self.recipe.optimiser
        try:
            if isinstance(optimiser, FullBatchOptimiser):
                yield from self._full_batch(optimiser)
            else:
                yield from self._mini_batches(optimiser)
            self.complete = True
        except TrainingError:
            self._current = lambda: self._good
            raise

    def _full_batch(self, optimiser: FullBatchOptimiser) -> Iterator[Record]:
        recipe, n = self.recipe, len(self.train)
        kept = varying_pixels(self.train.images, recipe.least_std)
        x = features(self.train.images, recipe.standardise, kept)
        objective = self.engine.objective(self.network, x, self.train.labels, recipe.loss)
        start = restrict(self.params(), kept)
        method = METHODS[type(optimiser)]
        points = minimise(objective, start, n, recipe.l2, recipe.epochs, method)
        for epoch, point in enumerate(points, start=1):
            self._current = partial(expand, point.params, kept)
            yield self._end_epoch(epoch, point.outcome, n * point.evaluations, point.evaluations)

    def _mini_batches(self, optimiser: MiniBatchOptimiser) -> Iterator[Record]:
        recipe, n = self.recipe, len(self.train)
        trainer = self.engine.trainer(
            self.network, self.params(), optimiser, recipe.loss, self._dropout_seed
        )
        self._current = trainer.parameters
        steps = recipe.epochs * ceil(n / recipe.batch_size)
        step = 0
        for epoch in range(1, recipe.epochs + 1):
            sum_so_far, seen = Outcome(0.0, 0), 0
            for batch in batches(n, recipe.batch_size, self._batches_rng):
                rate = optimiser.learning_rate * optimiser.schedule((step + 0.5) / steps)
                outcome = trainer.step(self.train.images[batch], self.train.labels[batch], rate)
                if not isfinite(outcome.total):
                    raise _diverged(
                        f"the loss became {outcome.total} at step {step}, learning rate {rate:.3g}"
                    )
                step, seen = step + 1, seen + len(batch)
                sum_so_far += outcome
                if seen < n:
                    yield StepRecord(
                        done=step / steps,
                        epoch=epoch,
                        loss=sum_so_far.total / seen,
                        accuracy=sum_so_far.correct / seen,
                        images_per_second=((epoch - 1) * n + seen) / self._seconds(),
                    )
            yield self._end_epoch(epoch, sum_so_far, epoch * n)

    def _end_epoch(
        self, epoch: int, outcome: Outcome, images: int, evaluations: int | None = None
    ) -> EpochRecord:
        """Validate, and enter the epoch into the history."""
        params = self.params()
        try:
            report = evaluate(self.engine.classifier(self.network, params), self.valid)
        except (DataError, ShapeError) as error:
            raise _diverged(f"epoch {epoch} cannot be validated: {error}") from error
        self._good = params
        seconds = self._seconds()
        record = EpochRecord(
            done=epoch / self.recipe.epochs,
            epoch=epoch,
            loss=outcome.total / len(self.train),
            accuracy=outcome.correct / len(self.train),
            valid_loss=report.loss_nats,
            valid_accuracy=report.accuracy,
            seconds=seconds,
            images_per_second=images / seconds,
            evaluations=evaluations,
        )
        self.history.append(record)
        return record

    def _check_last_batch(self) -> None:
        """Say before the first epoch, not at its end, that its last batch is too small to use."""
        n, size = len(self.train), self.recipe.batch_size
        last = n if self.recipe.is_full_batch else n % size or size
        try:
            check_size(self.network, last)
        except TrainingError as error:
            raise TrainingError(
                f"recipe {self.recipe.name}: of {n} images, {size} at a time, the last batch of an "
                f"epoch holds {last}: {error}"
            ) from None

    def _seconds(self) -> float:
        assert self._started is not None
        return perf_counter() - self._started


def _diverged(what: str) -> TrainingError:
    """The error for numbers that grew without bound."""
    return TrainingError(
        f"{what}: try a smaller learning rate; the parameters of the last whole epoch are kept"
    )
