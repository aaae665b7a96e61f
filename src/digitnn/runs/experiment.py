"""Train a recipe from a seed and save the run: what `train` and `compare` share."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from digitnn.data.dataset import Dataset, split
from digitnn.data.fetch.sources import load
from digitnn.data.formats.picture_options import (
    DEFAULT_OPTIONS,
    PictureOptions,
    options_from_json,
)
from digitnn.data.synthesis.generate import add_synthetic
from digitnn.engines.find import find_engine
from digitnn.errors import PeerError, RunError, TrainingError
from digitnn.network.storage.saved_network import PARAMS
from digitnn.recipes.recipe import EngineName, Recipe
from digitnn.runs.identity import identify
from digitnn.runs.resume import (
    Checkpointing,
    UnfinishedRun,
    is_unfinished,
    lock_checkpoint,
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
from digitnn.training.records import Record, Stopping
from digitnn.training.starting_point import StartingPoint
from digitnn.training.training import Training

Watch: TypeAlias = Callable[[Training], Iterable[Record]]
"""Iterates over a training and yields its records; ends the training early by stopping."""


@dataclass(frozen=True)
class TrainingData:
    """The training and validation splits of a collection, without its test split.

    options: how its pictures became images; all_images: a network learns from both splits, so that
    none is left to validate it on.
    """

    collection: str
    split_seed: int | None
    train: Dataset
    valid: Dataset
    options: PictureOptions = DEFAULT_OPTIONS
    all_images: bool = False

    @property
    def learned(self) -> Dataset:
        """The images that a network learns from."""
        return self.train + self.valid if self.all_images else self.train

    @property
    def held_out(self) -> Dataset | None:
        """The images that validate the network, if there are any."""
        return None if self.all_images else self.valid


def load_training_data(
    collection: str,
    data_dir: Path | None = None,
    split_seed: int | None = None,
    options: PictureOptions = DEFAULT_OPTIONS,
    all_images: bool = False,
) -> TrainingData:
    """Fetch `collection` if needed, and split its training file into train and valid.

    options: how pictures become images; all_images: see `TrainingData`.
    """
    training_file = load(collection, "train", data_dir, options=options)
    train, valid = split(training_file, shuffle_seed=split_seed)
    return TrainingData(collection, split_seed, train, valid, options, all_images)


def load_training_data_of(about: Mapping[str, Any], data_dir: Path | None = None) -> TrainingData:
    """Load the training data that a run describes in the field `data` of its recipe.json."""
    source = (about["collection"], data_dir, about["split_seed"])
    options = options_from_json(about.get("pictures"))
    return load_training_data(*source, options, all_images=about["valid"] is None)


def run_experiment(
    recipe: Recipe,
    engine: EngineName,
    seed: int,
    data: TrainingData,
    out: Path | None,
    watch: Watch,
    checkpointing: Checkpointing | None = None,
    stopping: Stopping | None = None,
    start: StartingPoint | None = None,
) -> Run:
    """Train `recipe` and save the run.

    out: the run's folder, checked before training; None takes a new folder under runs/.
    checkpointing: None writes nothing before the end, so that the training cannot be resumed.
    stopping: when to stop early and which epoch to keep; None trains to the end, keeps the last.
    start: a trained network to continue from; None starts from random parameters.
    """
    path = out or default_path(recipe.name, engine, seed)
    train, valid = training_set(recipe, data), data.held_out
    training = Training(recipe, find_engine(engine), train, valid, seed, stopping, start)
    if checkpointing is not None:
        if start is not None:
            checkpointing.notify(start.describe(training.network))
        identity = identify(training, engine, data.collection, data.split_seed, data.options)
        return run_with_checkpoints(path, training, identity, watch, checkpointing)
    check_free(path)
    try:
        for _ in watch(training):
            pass
    except TrainingError as error:
        run = _save(path, training, engine, data)
        raise TrainingError(f"{error}; saved in {run.path}") from None
    return _save(path, training, engine, data)


def load_starting_point(path: Path) -> StartingPoint:
    """Return the network of a run to continue from. Raises `RunError`, for an ensemble too."""
    run = load_single_run(path)
    digest = sha256((path / PARAMS).read_bytes()).hexdigest()
    return StartingPoint(str(path), digest, run.network, run.params)


def training_set(recipe: Recipe, data: TrainingData) -> Dataset:
    """Return the images to learn from, with the recipe's synthetic mix if it has one."""
    learned = data.learned
    return add_synthetic(learned, recipe.synthetic_mix) if recipe.synthetic_mix else learned


def run_with_checkpoints(
    path: Path,
    training: Training,
    identity: Mapping[str, Any],
    watch: Watch,
    checkpointing: Checkpointing,
) -> Run:
    """Train with checkpoints in the run's folder, and resume if `checkpointing` asks for it.

    If training ends early the run is written too, so that its network can be used. identity: the
    result of `identify` for the training.
    """
    if (run := _finished(path, identity, checkpointing)) is not None:
        return run
    if not (checkpointing.resume and is_unfinished(path)):
        check_free(path)
    with lock_checkpoint(path) as folder:
        if (run := _finished(path, identity, checkpointing)) is not None:
            return run  # finished by another process, just now
        unfinished = UnfinishedRun(folder, training, identity, checkpointing)
        unfinished.begin()
        try:
            for _ in unfinished.follow(watch(training)):
                pass
        except TrainingError as error:
            _write(path, training, identity, checkpointing)
            remove_checkpoint(path)  # resuming would fail in the same way
            raise TrainingError(f"{error}; saved in {path}") from None
        except PeerError:
            unfinished.save()  # the state after the last whole step
            raise
        if not training.complete:
            unfinished.save()
            return _write(path, training, identity, checkpointing)
        run = _write(path, training, identity, checkpointing)
        remove_checkpoint(path)
        return run


def _finished(path: Path, identity: Mapping[str, Any], checkpointing: Checkpointing) -> Run | None:
    """Return the run in `path` if it is finished. Raises if it is of another training."""
    if not (checkpointing.resume and (path / RECIPE).is_file()):
        return None
    run = load_single_run(path)
    require_same(path, run.about, identity)
    if run.about["complete"]:
        checkpointing.notify(f"{path} is already finished: nothing to do")
        remove_checkpoint(path)  # left by a process that was killed just before
        return run
    if _has_used_its_time(run.about, identity):
        checkpointing.notify(
            f"{path} has used its --max-seconds: nothing to do; a larger limit continues"
        )
        return run
    if not is_unfinished(path):
        raise RunError(
            f"{path} ended after {run.about['epochs']} epochs without a checkpoint to resume: "
            "choose another --out or remove it"
        )
    return None


def _has_used_its_time(about: Mapping[str, Any], identity: Mapping[str, Any]) -> bool:
    """Tell whether the run stopped for time and gets no more time."""
    limit = identity["stopping"]["max_seconds"]
    return (
        about.get("stopped") == "max_seconds"
        and limit is not None
        and limit <= about["stopping"].get("max_seconds", 0)
    )


def _write(
    path: Path, training: Training, identity: Mapping[str, Any], checkpointing: Checkpointing
) -> Run:
    try:
        return write_run(path, training, identity)
    except OSError as error:
        raise RunError(
            f"cannot write the run to {path} ({error.strerror or error}); its checkpoint stays: "
            f"once there is space, continue with `{checkpointing.command}`"
        ) from None


def _save(path: Path, training: Training, engine: EngineName, data: TrainingData) -> Run:
    """Save the run at `path`, or in a new folder next to it if `path` is taken by now."""
    try:
        return save_run(path, training, engine, data.collection, data.split_seed, data.options)
    except FileExistsError:
        sibling = path.with_name(default_path(path.name, engine, training.seed).name)
        return save_run(sibling, training, engine, data.collection, data.split_seed, data.options)
    except OSError as error:
        raise RunError(f"cannot write the run to {path}: {error.strerror or error}") from None
