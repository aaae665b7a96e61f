"""Write a trained network as a run directory, and load it again.

    network.json         the description of the network
    params.safetensors   its parameters
    recipe.json          recipe, engine, seed, data, machine, training time
    history.jsonl        one record per epoch
    report.json          every evaluation: split, data, time, result; see `evaluate_run`
    snapshots/           with --snapshots: parameters during training; see `snapshots`
    checkpoint/          during training only; see `resume`

A new run is written to a temporary folder next to its path and then renamed, so it is never
incomplete. A training with checkpoints writes recipe.json last: a folder without recipe.json is not
a run yet. No file is a pickle.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from numpy import ndarray

from digitnn.atomic_files import new_directory, write_text
from digitnn.data.formats.picture_options import DEFAULT_OPTIONS, PictureOptions
from digitnn.engines.find import find_engine
from digitnn.errors import RunError
from digitnn.machine.describe import describe_machine
from digitnn.network.network import Classifier, Network
from digitnn.network.storage.not_runs import check_is_no_file
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import NETWORK, PARAMS, load_network, read_json
from digitnn.recipes.recipe import EngineName
from digitnn.runs.identity import identify
from digitnn.runs.resume import is_unfinished, resume_command
from digitnn.training.records import EpochRecord
from digitnn.training.training import Training

RUN_FORMAT = 2
RECIPE, HISTORY, REPORT = "recipe.json", "history.jsonl", "report.json"
MEMBERS = "members"
"""The folder that an ensemble has instead of a network: see `ensembles`."""


@dataclass(frozen=True, eq=False)
class Run:
    """One trained network in its directory. about: the content of recipe.json."""

    path: Path
    network: Network
    params: Mapping[str, ndarray]
    about: Mapping[str, Any]
    history: tuple[EpochRecord, ...]

    @property
    def recipe(self) -> str:
        """The name of the recipe."""
        return str(self.about["recipe"]["name"])

    @property
    def engine(self) -> str:
        """The name of the engine that trained it."""
        return str(self.about["engine"])

    @property
    def kept(self) -> EpochRecord | None:
        """The record of the kept epoch, or else of the last one; None if there are no records."""
        number = self.about.get("kept_epoch")
        matching = [record for record in self.history if record.epoch == number]
        return next(iter(matching or self.history[-1:]), None)

    def parameter_count(self) -> int:
        """Return the number of learned parameters."""
        return self.network.parameter_count()

    def classifier(self, engine: str | None = None) -> Classifier:
        """Return its classifier, on the engine that trained it or on another."""
        return find_engine(engine or self.engine).classifier(self.network, self.params)


def default_path(recipe: str, engine: str, seed: int) -> Path:
    """Return runs/<recipe>-<engine>-<seed>-<time>, a new name for each training."""
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
    return Path("runs") / f"{recipe}-{engine}-{seed}-{time}"


def check_free(path: Path) -> None:
    """Raise `RunError` unless a new run can be written at `path`; call it before training."""
    if is_unfinished(path):
        raise RunError(
            f"{path} holds an unfinished training: continue with {resume_command(path)}, or "
            "choose another --out"
        )
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        what = "holds a run already" if is_run(path) else "exists and is not a run"
        raise RunError(f"{path} {what}: choose another --out or remove it")
    try:
        with new_directory(path) as probe:
            (probe / "probe").touch()
            (probe / "probe").unlink()
        path.rmdir()
    except OSError as error:
        raise RunError(f"cannot write a run to {path}: {error.strerror or error}") from None


def is_run(path: Path) -> bool:
    """Tell whether `path` looks like a run directory, of one network or of an ensemble."""
    is_network = (path / NETWORK).is_file() and (path / PARAMS).is_file()
    return is_network or ((path / MEMBERS).is_dir() and (path / RECIPE).is_file())


def save_run(
    path: Path,
    training: Training,
    engine: str,
    data: str,
    split_seed: int | None = None,
    options: PictureOptions = DEFAULT_OPTIONS,
) -> Run:
    """Write the current state of `training` as a run at `path`, whole or not at all.

    data: the collection's name; the images are recorded by fingerprint. options: how its pictures
    became images.
    """
    with new_directory(path) as folder:
        run = write_run(folder, training, identify(training, engine, data, split_seed, options))
    return replace(run, path=path)


def write_run(folder: Path, training: Training, identity: Mapping[str, Any]) -> Run:
    """Write the current state of `training` into `folder`, replacing an earlier state of it.

    Other files in `folder` are kept. Until all files are written, recipe.json is missing, so
    `folder` is not a run.

    identity: the result of `identify` for the training.
    """
    about = {
        "format": RUN_FORMAT,
        **identity,
        "epochs": len(training.history),
        "complete": training.complete,
        "stopped": training.stopped,
        "kept_epoch": training.kept.epoch if training.kept else None,
        "seconds": training.history[-1].seconds if training.history else 0.0,
        "machine": describe_machine(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    params = training.params()
    (folder / RECIPE).unlink(missing_ok=True)
    write_text(folder / NETWORK, json.dumps(training.network.to_json(), indent=2) + "\n")
    save_safetensors(folder / PARAMS, params)
    lines = [json.dumps(asdict(record)) + "\n" for record in training.history]
    write_text(folder / HISTORY, "".join(lines))
    write_text(folder / RECIPE, json.dumps(about, indent=2) + "\n")
    return Run(folder, training.network, params, about, tuple(training.history))


def load_single_run(path: Path | str) -> Run:
    """Load the run of one network.

    Raises `RunError`, which names what is missing, damaged or inconsistent.
    """
    path = Path(path)
    if (path / MEMBERS).is_dir():
        raise RunError(f"{path} is an ensemble, not one network: name one of {path / MEMBERS}")
    check_is_no_file(path)
    if not path.is_dir():
        raise RunError(f"{path} is not a run: no such folder (`digitnn train` makes one)")
    missing = [name for name in (NETWORK, PARAMS, RECIPE) if not (path / name).is_file()]
    if missing and is_unfinished(path):
        raise RunError(f"{path} is unfinished: continue with {resume_command(path)}")
    if missing:
        raise RunError(f"{path} is not a complete run: it lacks {', '.join(missing)}")
    about = read_about(path)
    if about["engine"] not in get_args(EngineName):
        raise RunError(f"{path / RECIPE} is damaged: there is no engine {about['engine']!r}")
    network, params = load_network(path)
    return Run(path, network, params, about, _read_history(path / HISTORY))


def read_about(path: Path) -> dict[str, Any]:
    """Return the content of recipe.json in `path`, checked and in the current format."""
    about = read_json(path / RECIPE)
    if not isinstance(about.get("format"), int):
        raise RunError(f"{path / RECIPE} is damaged: it names no format")
    if about["format"] > RUN_FORMAT:
        raise RunError(
            f"{path} has run format {about['format']}; this digitnn reads up to {RUN_FORMAT}: "
            "install a newer digitnn"
        )
    _check_about(about, path / RECIPE)
    read_evaluations(path)
    # In format 1, of digitnn 0.1.0, `synthetic_mix` is named `beside`. Ensembles have neither.
    if about["format"] == 1 and "members" not in about:
        about["recipe"]["synthetic_mix"] = about["recipe"].pop("beside", None)
    return about


def _check_about(about: Mapping[str, Any], path: Path) -> None:
    """Raise `RunError` unless recipe.json has the fields that other modules use."""
    expected: dict[tuple[str, ...], type | tuple[type, ...]] = {
        ("recipe",): dict,
        ("recipe", "name"): str,
        ("engine",): str,
        ("seed",): int,
        ("epochs",): int,
        ("seconds",): (int, float),
        ("data",): dict,
        ("data", "collection"): str,
        ("data", "split_seed"): (int, type(None)),
        ("data", "valid"): dict,
        ("data", "valid", "sha256"): str,
    }
    data = about.get("data")
    if isinstance(data, dict) and data.get("valid", "absent") is None:  # learned from all images
        del expected["data", "valid"], expected["data", "valid", "sha256"]
    for keys, kind in expected.items():
        value: Any = about
        for key in keys:
            value = value.get(key)
        if not isinstance(value, kind) or (isinstance(value, int) and value < 0):
            raise RunError(f"{path} is damaged: {'.'.join(keys)} cannot be {value!r:.60}")


def _read_history(path: Path) -> tuple[EpochRecord, ...]:
    if not path.exists():
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return tuple(EpochRecord(**json.loads(line)) for line in lines)
    except (OSError, ValueError, TypeError) as error:
        raise RunError(f"{path} is damaged: {error}") from None


def read_evaluations(folder: Path) -> list[dict[str, Any]]:
    """Return the evaluations recorded in the run `folder`, the oldest first.

    Each has at least `split` and `accuracy`; those of early versions lack `data`. Raises `RunError`
    if report.json is damaged.
    """
    path = folder / REPORT
    evaluations = read_json(path).get("readings") if path.exists() else []
    if not isinstance(evaluations, list) or not all(map(_is_evaluation, evaluations)):
        raise RunError(f"{path} is damaged: readings must be a list of evaluations")
    return evaluations


def _is_evaluation(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("split"), str):
        return False
    if not isinstance(value.get("accuracy"), int | float):
        return False
    data = value.get("data", {"sha256": ""})
    return isinstance(data, dict) and isinstance(data.get("sha256"), str)
