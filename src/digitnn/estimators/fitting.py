"""Fitting: a training that stops by the rules of `MLPClassifier`, or one pass over the data."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
from numpy import ndarray

from digitnn.data.dataset import Dataset, batches
from digitnn.engines.protocols import Engine
from digitnn.errors import check_numbers
from digitnn.network.initialisation import initial_parameters
from digitnn.network.network import Network, Params
from digitnn.recipes.optimisers import MiniBatchOptimiser
from digitnn.recipes.recipe import Recipe
from digitnn.training.minibatch import diverged, streams
from digitnn.training.records import EpochRecord, Stopping
from digitnn.training.training import Training


@dataclass(frozen=True)
class Plateau:
    """Training ends when more than `n_iter_no_change` epochs in a row improve by less than `tol`.

    tol: of the loss in nats, or with early stopping of the validation accuracy, 0..1.
    """

    tol: float
    n_iter_no_change: int

    def __post_init__(self) -> None:
        check_numbers(self, "tol", at_least=0)
        check_numbers(self, "n_iter_no_change", whole=True, at_least=1)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained network and its history; stopped: whether it ended before its last epoch."""

    network: Network
    params: Params
    history: tuple[EpochRecord, ...]
    stopped: bool


def fit_network(
    recipe: Recipe,
    engine: Engine,
    train: Dataset,
    valid: Dataset | None,
    seed: int,
    plateau: Plateau | None,
) -> Fitted:
    """Train a network.

    valid: the samples held out for early stopping: the parameters of the best epoch on them are
    kept. None: the loss of the training decides when to stop, and the last parameters are kept.
    plateau: when to stop; None: after the last epoch of the recipe.
    Raises `TrainingError` where the loss is not finite, or for too few samples.
    """
    stopping = Stopping(keep="last" if valid is None else "best")
    training = Training(recipe, engine, train, valid, seed, stopping)
    best, unchanged = -inf, 0
    stopped = False
    for record in training:
        if not isinstance(record, EpochRecord) or plateau is None:
            continue
        score = -record.loss if valid is None else record.validation.accuracy
        unchanged = unchanged + 1 if score < best + plateau.tol else 0
        best = max(best, score)
        if unchanged > plateau.n_iter_no_change:
            stopped = record.done < 1
            break
    return Fitted(training.network, training.params(), tuple(training.history), stopped)


@dataclass(frozen=True, eq=False)
class Passes:
    """Where passes over the data, one after the other, have arrived.

    params, state: of the trainer; None: a trainer that begins from `params`. batches: draws the
    order of the samples; dropout: the seed of what is dropped.
    """

    params: Params
    state: Mapping[str, ndarray] | None
    batches: np.random.Generator
    dropout: int


def begin_passes(network: Network, recipe: Recipe, seed: int, params: Params | None) -> Passes:
    """Return the beginning: the parameters that `fit_network` begins with, or those given."""
    drawn = streams(seed)
    if params is None:
        params = initial_parameters(network, recipe.initialisation, drawn.weights)
    return Passes(params, None, drawn.batches, drawn.dropout)


def take_pass(
    network: Network, recipe: Recipe, engine: Engine, data: Dataset, passes: Passes
) -> tuple[Passes, float]:
    """Return where one pass over `data` leads, and its mean loss in nats.

    The optimiser must be one of mini-batches with a constant learning rate. Raises `TrainingError`
    where the loss is not finite.
    """
    optimiser = recipe.optimiser
    assert isinstance(optimiser, MiniBatchOptimiser)
    trainer = engine.trainer(network, passes.params, optimiser, recipe.loss, passes.dropout)
    if passes.state is not None:
        trainer.restore(passes.state)
    generator = deepcopy(passes.batches)  # a pass that fails changes nothing
    total = 0.0
    for batch in batches(len(data), recipe.batch_size, generator):
        loss = trainer.step(data.images[batch], data.labels[batch], optimiser.learning_rate).total
        if not isfinite(loss):
            raise diverged(f"the loss became {loss} in a pass over {len(data):,} samples")
        total += loss
    moved = Passes(trainer.parameters(), trainer.state(), generator, passes.dropout)
    return moved, total / len(data)
