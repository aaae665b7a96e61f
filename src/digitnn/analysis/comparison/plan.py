"""Plan a comparison: choose recipes and runs, train the recipes, compare their engines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitnn.analysis.comparison.lockstep import compare_engines
from digitnn.analysis.in_memory import TitledWatch
from digitnn.engines.find import find_engine
from digitnn.errors import UsageError
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.recipe import EngineName, Recipe
from digitnn.recipes.toml_reader import choose_recipes
from digitnn.runs.ensembles import Ensemble, load_run
from digitnn.runs.experiment import TrainingData, Watch, run_experiment, training_set
from digitnn.runs.run import Run, default_path, is_run
from digitnn.wording import Notify

COLLECTION = "mnist"
"""The collection that `compare` uses."""


@dataclass(frozen=True)
class ComparisonPlan:
    """What is compared: finished runs, and recipes to train, each on some engines from n seeds."""

    runs: tuple[Run | Ensemble, ...]
    recipes: tuple[Recipe, ...]
    to_train: tuple[tuple[Recipe, EngineName], ...]
    n_seeds: int

    def check_engines(self) -> None:
        """Raise `MissingExtraError` now for an engine that is not installed, not after training."""
        for _, engine in self.to_train:
            find_engine(engine)
        for run in self.runs:
            run.classifier()

    def train(self, data: TrainingData, folder: Path, watch: TitledWatch) -> Iterator[Run]:
        """Train every recipe, engine and seed in order, and yield each run once it is saved."""
        for recipe, engine in self.to_train:
            for seed in range(self.n_seeds):
                title = f"{recipe.name} ({engine})" + (f", seed {seed}" if self.n_seeds > 1 else "")
                out = folder / default_path(recipe.name, engine, seed).name
                yield run_experiment(recipe, engine, seed, data, out, _titled(watch, title))

    def compare_engines(self, data: TrainingData, notify: Notify) -> list[dict[str, Any]]:
        """Compare every two engines of each recipe step by step, from seed 0."""
        grid = []
        for recipe in self.recipes:
            notify(f"{recipe.name}: equal steps on {' and '.join(recipe.engines)}")
            grid += compare_engines(recipe, training_set(recipe, data), data.valid, seed=0)
        return grid


def plan_comparison(
    names: Sequence[str], n_seeds: int, epochs: int | None, grid: bool
) -> ComparisonPlan:
    """Return the plan for `names`: recipes by name or as TOML files, and run directories.

    grid: train each recipe on all its engines, not only on its first. Raises `UsageError` for a
    run that was trained on another collection.
    """
    words = list(dict.fromkeys(names))
    runs = [load_run(word) for word in words if word not in RECIPES and is_run(Path(word))]
    for run in runs:
        if (collection := run.about["data"]["collection"]) != COLLECTION:
            raise UsageError(
                f"{run.path} was trained on {collection}; `compare` takes runs on {COLLECTION}"
            )
    paths = [str(run.path) for run in runs]
    named = choose_recipes([word for word in words if str(Path(word)) not in paths])
    recipes = tuple(recipe.with_epochs(epochs) for recipe in named)
    to_train = tuple(
        (recipe, engine)
        for recipe in recipes
        for engine in (recipe.engines if grid else recipe.engines[:1])
    )
    return ComparisonPlan(tuple(runs), recipes, to_train, n_seeds)


def _titled(watch: TitledWatch, title: str) -> Watch:
    return lambda training: watch(training, title)
