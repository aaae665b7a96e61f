"""Read the training history of a run, whether it is finished, stopped or still training."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from digitnn.errors import CheckpointError, NetworkError, RunError
from digitnn.recipes.recipe import Recipe
from digitnn.runs.ensembles import Ensemble, load_run
from digitnn.runs.resume import is_unfinished, read_unfinished
from digitnn.runs.run import RECIPE
from digitnn.training.records import EpochRecord


@dataclass(frozen=True)
class History:
    """The records of one training so far. path: its run."""

    path: Path
    recipe: Recipe
    engine: str
    seed: int
    records: tuple[EpochRecord, ...]

    @property
    def epochs(self) -> tuple[float, ...]:
        """The epochs passed at each record; not an integer at the end of a run stopped for time."""
        return tuple(record.done * self.recipe.epochs for record in self.records)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "path": str(self.path),
            "recipe": self.recipe.name,
            "engine": self.engine,
            "seed": self.seed,
            "history": [asdict(record) for record in self.records],
        }


def read_histories(path: Path) -> list[History]:
    """Return the history of the run at `path`, or those of an ensemble's members.

    For a run that is still training it is the history in its newest checkpoint. Raises `RunError`
    for anything but a run, for damage, and for an unfinished full-batch training, which saves its
    history at the end.
    """
    if is_unfinished(path) and not (path / RECIPE).is_file():
        return [_so_far(path)]
    trained = load_run(path)
    if isinstance(trained, Ensemble):
        return [_history(run.path, run.about, run.history) for run in trained.members]
    whole = _history(path, trained.about, trained.history)
    if not is_unfinished(path) or whole.recipe.is_full_batch:
        return [whole]
    # Only the run has the epoch in which training stopped; if training was resumed since, the
    # checkpoint has more.
    return [max(whole, _so_far(path), key=lambda history: history.epochs[-1:])]


def _so_far(path: Path) -> History:
    try:
        about, records = read_unfinished(path)
    except CheckpointError as error:
        raise RunError(f"the history of {path} cannot be read: {error}") from None
    found = _history(path, about, records)
    if found.recipe.is_full_batch:
        raise RunError(
            f"{path} is a full-batch training, whose history is written when it ends or is "
            "interrupted: wait for that"
        )
    return found


def _history(path: Path, about: Mapping[str, Any], records: tuple[EpochRecord, ...]) -> History:
    """Check and return a history. about: the content of recipe.json, as far as it is known."""
    try:
        recipe = Recipe.from_json(about["recipe"])
    except NetworkError as error:
        raise RunError(f"{path}: its recipe is damaged: {error}") from None
    for record in records:
        for name, value in asdict(record).items():
            if value is None and name in ("evaluations", "valid_loss", "valid_accuracy"):
                continue
            if not isinstance(value, int | float) or not isfinite(value):
                raise RunError(f"{path}: its history is damaged: {name} cannot be {value!r:.60}")
    return History(path, recipe, str(about["engine"]), int(about["seed"]), records)
