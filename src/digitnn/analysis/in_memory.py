"""Train a network for an analysis, without a run directory."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.recipes.recipe import EngineName, Recipe
from digitnn.training.records import Record
from digitnn.training.training import Training

TitledWatch: TypeAlias = Callable[[Training, str], Iterable[Record]]
"""Passes the records of a training on and may stop early; the text is a title for progress."""

MAX_PROGRESS_IMAGES = 500
"""Held-out images that progress is measured on while a network trains."""


def train_in_memory(
    recipe: Recipe,
    engine: EngineName,
    train: Dataset,
    held_out: Dataset,
    seed: int,
    title: str,
    watch: TitledWatch,
) -> Training | None:
    """Return the complete training, or None if `watch` stopped it early.

    held_out: only shows progress; the parameters of the last epoch are kept.
    """
    training = Training(recipe, find_engine(engine), train, held_out[:MAX_PROGRESS_IMAGES], seed)
    for _ in watch(training, title):
        pass
    return training if training.complete else None
