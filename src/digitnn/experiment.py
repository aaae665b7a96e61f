"""From a recipe and a seed to a run on disk: what `train` and `compare` have in common."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from digitnn.dataset import Dataset, split
from digitnn.engines import find_engine
from digitnn.errors import DataError, RunError, TrainingError
from digitnn.recipes import EngineName, Recipe
from digitnn.runs import Run, check_free, default_path, save_run
from digitnn.sources import load
from digitnn.training import Record, Training


@dataclass(frozen=True)
class TrainingData:
    """What a network may learn from and be chosen on; the test split is not here."""

    collection: str
    split_seed: int | None
    train: Dataset
    valid: Dataset


def load_training_data(
    collection: str, data_dir: Path | None = None, split_seed: int | None = None
) -> TrainingData:
    """Fetch `collection` if needed, read its training file, part it into train and valid."""
    training_file = load(collection, "train", data_dir)
    n_valid = min(10_000, len(training_file) // 6)
    train, valid = split(training_file, n_valid, split_seed)
    return TrainingData(collection, split_seed, train, valid)


def run_experiment(
    recipe: Recipe,
    engine: EngineName,
    seed: int,
    data: TrainingData,
    out: Path | None,
    watch: Callable[[Training], Iterable[Record]],
) -> Run:
    """Train and save; `watch` passes the records on, shows them, and may stop early.

    out: where the run goes, a new folder under runs/ if None; it is checked before training.
    """
    path = out or default_path(recipe.name, engine, seed)
    check_free(path)
    training = Training(recipe, find_engine(engine), data.train, data.valid, seed)
    try:
        for _ in watch(training):
            pass
    except TrainingError as error:
        run = _save(path, training, engine, data)
        raise TrainingError(f"{error}; they are saved in {run.path}") from None
    return _save(path, training, engine, data)


def _save(path: Path, training: Training, engine: EngineName, data: TrainingData) -> Run:
    """Save the run at `path`; if that was taken meanwhile, in a folder of its own beside it."""
    try:
        return save_run(path, training, engine, data.collection, data.split_seed)
    except FileExistsError:
        beside = path.with_name(default_path(path.name, engine, training.seed).name)
        return save_run(beside, training, engine, data.collection, data.split_seed)
    except OSError as error:
        raise RunError(f"cannot write the run to {path}: {error.strerror or error}") from None


def load_split_of(run: Run, split_name: str, data_dir: Path | None = None) -> Dataset:
    """The split "valid" or "test" that belongs to `run`.

    Raises `DataError` if "valid" is not what the run was validated on: data of another origin
    may have put images that it was trained on there.
    """
    data = run.about["data"]
    if split_name == "test":
        return load(data["collection"], "test", data_dir)
    valid = load_training_data(data["collection"], data_dir, data["split_seed"]).valid
    if valid.fingerprint() != data["valid"]["sha256"]:
        raise DataError(
            f"the validation images are not those of {run.path} (fingerprints differ): "
            "name the data it was trained from with --data-dir"
        )
    return valid
