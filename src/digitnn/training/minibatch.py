"""Mini-batch training, epoch after epoch; it can be interrupted and resumed at any step.

The next step depends only on the trainer's state and the number of steps taken: the order of the
batches is drawn again from the seed; augmentation and learning rate are functions of the step.
Axes: n images.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import isfinite
from typing import Any

import numpy as np
from numpy import ndarray

from digitnn.data.augmentation.apply import Augmentation, augment_batch
from digitnn.data.dataset import Dataset, batches
from digitnn.engines.micro_batches import CutsBatches
from digitnn.engines.protocols import Engine, Outcome
from digitnn.errors import TrainingError
from digitnn.network.network import Network, Params
from digitnn.recipes import averaging
from digitnn.recipes.optimisers import MiniBatchOptimiser, learning_rate_at
from digitnn.recipes.recipe import Recipe
from digitnn.training.records import Stage


@dataclass(frozen=True, eq=False)
class Streams:
    """The independent random streams of a training.

    Augmentation or dropout does not change the initial weights or the order of the batches, so two
    recipes that differ in one thing differ in that thing only.
    weights, batches: generators; dropout, augmentation: seeds, used with the number of the step.
    """

    weights: np.random.Generator
    batches: np.random.Generator
    dropout: int
    augmentation: int


def streams(seed: int) -> Streams:
    """Return the streams of `seed`, at their beginning."""
    weights, batches, dropout, augmentation = np.random.SeedSequence(seed).spawn(4)
    return Streams(
        np.random.default_rng(weights),
        np.random.default_rng(batches),
        int(dropout.generate_state(1)[0]),
        int(augmentation.generate_state(1)[0]),
    )


class MiniBatchLoop:
    """The steps of `recipe` with its `optimiser`, from the parameters `start`."""

    def __init__(
        self,
        recipe: Recipe,
        network: Network,
        optimiser: MiniBatchOptimiser,
        engine: Engine,
        start: Params,
        train: Dataset,
        streams: Streams,
    ) -> None:
        self._recipe, self._optimiser = recipe, optimiser
        self._train, self._streams = train, streams
        self._cut = engine.micro_batches if isinstance(engine, CutsBatches) else None
        self._trainer = engine.trainer(network, start, optimiser, recipe.loss, streams.dropout)
        self._steps_per_epoch = recipe.steps_per_epoch(len(train))
        self._total_steps = recipe.epochs * self._steps_per_epoch
        self.step = 0
        self._outcome = Outcome(0.0, 0)
        self._average = None if recipe.averaging is None else averaging.begin(start)

    def params(self) -> dict[str, ndarray]:
        """Return the current parameters, or their average if the recipe asks for it."""
        return dict(self._average.arrays) if self._average else self._trainer.parameters()

    def state(self) -> dict[str, Mapping[str, ndarray]]:
        """Return the arrays of the trainer, and the average if there is one."""
        groups: dict[str, Mapping[str, ndarray]] = {"trainer": self._trainer.state()}
        if self._average:
            groups["average"] = self._average.arrays
        return groups

    def position(self) -> dict[str, Any]:
        """Return the position in the data and the running sums of the epoch, as JSON values."""
        return {
            "step": self.step,
            "loss": float(self._outcome.total),
            "correct": int(self._outcome.correct),
            "updates": self._average.updates if self._average else 0,
        }

    def restore(
        self, state: Mapping[str, Mapping[str, ndarray]], position: Mapping[str, Any]
    ) -> None:
        """Continue from `state` and `position`."""
        self._trainer.restore(state["trainer"])
        self.step = position["step"]
        self._outcome = Outcome(position["loss"], position["correct"])
        if self._average:
            self._average = averaging.Average(state["average"], position["updates"])

    def __iter__(self) -> Iterator[Stage]:
        n = len(self._train)
        epochs_before, steps_before = divmod(self.step, self._steps_per_epoch)
        for _ in range(epochs_before):
            self._streams.batches.permutation(n)  # one draw per epoch, see `batches`
        for epoch in range(epochs_before + 1, self._recipe.epochs + 1):
            if steps_before == 0:
                self._outcome = Outcome(0.0, 0)
            drawn = batches(n, self._recipe.batch_size, self._streams.batches)
            for batch in islice(drawn, steps_before, self._steps_per_epoch):
                self._take_step(batch)
                yield self._stage(epoch)
            steps_before = 0

    def _take_step(self, batch: ndarray) -> None:
        optimiser, recipe = self._optimiser, self._recipe
        rate = learning_rate_at(optimiser, self.step, self._total_steps)
        images = self._train.images[batch]
        if recipe.augmentation:
            images = self._augment(images, recipe.augmentation)
        outcome = self._trainer.step(images, self._train.labels[batch], rate)
        if not isfinite(outcome.total):
            raise diverged(
                f"the loss became {outcome.total} at step {self.step}, learning rate {rate:.3g}"
            )
        self.step += 1
        self._outcome += outcome
        if self._average and recipe.averaging and recipe.averaging.is_due(self.step):
            self._average = averaging.update(
                self._average, self._trainer.parameters(), recipe.averaging
            )

    def _augment(self, images: ndarray, augmentation: Augmentation) -> ndarray:
        """Augment a batch, or those of its micro-batches that this process computes."""
        seed = self._streams.augmentation
        if self._cut is None:
            return augment_batch(images, augmentation, seed, self.step)
        for part, at in self._cut.own(len(images)):
            if at.stop > at.start:
                images[at] = augment_batch(images[at], augmentation, seed, self.step, part)
        return images

    def _stage(self, epoch: int) -> Stage:
        steps = self.step - (epoch - 1) * self._steps_per_epoch
        size, n = self._recipe.batch_size, len(self._train)
        seen = min(steps * size, n)
        return Stage(
            done=self.step / self._total_steps,
            epoch=epoch,
            outcome=self._outcome,
            seen=seen,
            images=(epoch - 1) * min(self._steps_per_epoch * size, n) + seen,
            ends_epoch=steps == self._steps_per_epoch,
        )


def diverged(what: str) -> TrainingError:
    """Return the error for numbers that grew without bound."""
    return TrainingError(
        f"{what}: try a smaller learning rate; what was learned in whole epochs is kept"
    )
