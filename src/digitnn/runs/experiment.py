"""From a recipe and a seed to a run on disk: what `train` and `compare` have in common."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from digitnn.data.dataset import Dataset, split
from digitnn.data.fetch.sources import load
from digitnn.data.synthesis.generate import with_synthetic
from digitnn.engines.find import find_engine
from digitnn.errors import DataError, RunError, TrainingError
from digitnn.recipes.recipe import EngineName, Recipe
from digitnn.runs.identity import identify
from digitnn.runs.protocol import Trained
from digitnn.runs.resume import (
    Keeping,
    Unfinished,
    hold,
    is_unfinished,
    remove_checkpoint,
    require_same,
)
from digitnn.runs.run import (
    RECIPE,
    Run,
    check_free,
    default_path,
    load_single_run,
    save_run,
    write_run,
)
from digitnn.training.records import Record
from digitnn.training.stopping import Stopping
from digitnn.training.training import Training

Watch: TypeAlias = Callable[[Training], Iterable[Record]]
"""Passes the records of a training on, and may stop early."""


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
    watch: Watch,
    keeping: Keeping | None = None,
    stopping: Stopping | None = None,
) -> Run:
    """Train and save; `watch` passes the records on, shows them, and may stop early.

    out: where the run goes, a new folder under runs/ if None; it is checked before training.
    keeping: with it, checkpoints are written to the run's folder and the training can go on from
    them later; without, nothing is on disk before the end.
    stopping: when to end early, and which epoch to keep; None: not, and the last.
    """
    path = out or default_path(recipe.name, engine, seed)
    training = Training(
        recipe, find_engine(engine), learned_from(recipe, data), data.valid, seed, stopping
    )
    if keeping is not None:
        identity = identify(training, engine, data.collection, data.split_seed)
        return _run_kept(path, training, identity, watch, keeping)
    check_free(path)
    try:
        _exhaust(watch(training))
    except TrainingError as error:
        run = _save(path, training, engine, data)
        raise TrainingError(f"{error}; saved in {run.path}") from None
    return _save(path, training, engine, data)


def learned_from(recipe: Recipe, data: TrainingData) -> Dataset:
    """The training split, and what the recipe learns beside it."""
    return with_synthetic(data.train, recipe.synthetic_mix) if recipe.synthetic_mix else data.train


def _run_kept(
    path: Path, training: Training, identity: Mapping[str, Any], watch: Watch, keeping: Keeping
) -> Run:
    """Train in the run's own folder, going on from what is there if `keeping` says so.

    An incomplete run is written as well, so that what was learned by then can be used.
    """
    if (run := _finished(path, identity, keeping)) is not None:
        return run
    if not (keeping.resume and is_unfinished(path)):
        check_free(path)
    with hold(path) as folder:
        if (run := _finished(path, identity, keeping)) is not None:  # by another, just now
            return run
        unfinished = Unfinished(folder, training, identity, keeping)
        unfinished.begin()
        try:
            _exhaust(unfinished.follow(watch(training)))
        except TrainingError as error:
            _write(path, training, identity, keeping)
            remove_checkpoint(path)  # going on would lead to the same place
            raise TrainingError(f"{error}; saved in {path}") from None
        if not training.complete:
            unfinished.save()
            return _write(path, training, identity, keeping)
        run = _write(path, training, identity, keeping)
        remove_checkpoint(path)
        return run


def _finished(path: Path, identity: Mapping[str, Any], keeping: Keeping) -> Run | None:
    """The run in `path`, if there is nothing left to do; it must be of the same training."""
    if not (keeping.resume and (path / RECIPE).is_file()):
        return None
    run = load_single_run(path)
    require_same(path, run.about, identity)
    if run.about["complete"]:
        keeping.notify(f"{path} is finished already: nothing to do")
        remove_checkpoint(path)  # of a process that was killed just before it did
        return run
    if _has_had_its_time(run.about, identity):
        keeping.notify(f"{path} has had its time: nothing to do; a larger --max-seconds goes on")
        return run
    if not is_unfinished(path):
        raise RunError(
            f"{path} ended after {run.about['epochs']} epochs and has no checkpoint to go on from: "
            "choose another --out or remove it"
        )
    return None


def _has_had_its_time(about: Mapping[str, Any], identity: Mapping[str, Any]) -> bool:
    """Whether the run stopped for time, and is asked for no more of it."""
    limit = identity["stopping"]["max_seconds"]
    return (
        about.get("stopped") == "max_seconds"
        and limit is not None
        and limit <= about["stopping"].get("max_seconds", 0)
    )


def _exhaust(records: Iterable[Record]) -> None:
    for _ in records:
        pass


def _write(path: Path, training: Training, identity: Mapping[str, Any], keeping: Keeping) -> Run:
    try:
        return write_run(path, training, identity)
    except OSError as error:
        raise RunError(
            f"cannot write the run to {path} ({error.strerror or error}); its checkpoint stays: "
            f"once there is room, go on with `{keeping.command}`"
        ) from None


def _save(path: Path, training: Training, engine: EngineName, data: TrainingData) -> Run:
    """Save the run at `path`; if that was taken meanwhile, in a folder of its own beside it."""
    try:
        return save_run(path, training, engine, data.collection, data.split_seed)
    except FileExistsError:
        beside = path.with_name(default_path(path.name, engine, training.seed).name)
        return save_run(beside, training, engine, data.collection, data.split_seed)
    except OSError as error:
        raise RunError(f"cannot write the run to {path}: {error.strerror or error}") from None


def load_split_of(run: Trained, split_name: str, data_dir: Path | None = None) -> Dataset:
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
