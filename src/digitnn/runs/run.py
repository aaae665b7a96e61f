"""The run directory: what a training leaves behind, and how it is read back.

    network.json         the description of the network
    params.safetensors   its parameters
    recipe.json          recipe, engine, seed, data, machine, how long it took
    history.jsonl        a record an epoch
    report.json          every evaluation: which split of which data, when, what came out
    snapshots/           if asked for, parameters of the way: see `snapshots`
    checkpoint/          while it is trained: see `unfinished`

A new run is written to a sibling folder and renamed, so it is never half there. Where a training
kept its checkpoint, recipe.json comes last: a folder without it is not a run yet. Nothing in it is
a pickle.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from numpy import ndarray

from digitnn.atomic_files import new_directory, write_text
from digitnn.engines.find import find_engine
from digitnn.errors import RunError
from digitnn.machine.describe import describe_machine
from digitnn.network.network import Classifier, Network
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import NETWORK, PARAMS, load_network, read_json
from digitnn.recipes.recipe import EngineName
from digitnn.runs.identity import identify
from digitnn.runs.readings import read_readings
from digitnn.runs.resume import how_to_go_on, is_unfinished
from digitnn.training.records import EpochRecord
from digitnn.training.training import Training

FORMAT_VERSION = 2
RECIPE, HISTORY = "recipe.json", "history.jsonl"
MEMBERS = "members"
"""The folder that an ensemble has in place of a network: see `ensembles`."""


@dataclass(frozen=True, eq=False)
class Run:
    """One trained network, as its directory holds it. about: the content of recipe.json."""

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
        """The epoch whose parameters these are, or the last one, if any came to its end."""
        number = self.about.get("kept_epoch")
        matching = [record for record in self.history if record.epoch == number]
        return next(iter(matching or self.history[-1:]), None)

    def parameter_count(self) -> int:
        """How many numbers were learned."""
        return self.network.parameter_count()

    def classifier(self, engine: str | None = None) -> Classifier:
        """The network ready to read digits, on the engine that trained it or on another."""
        return find_engine(engine or self.engine).classifier(self.network, self.params)


def default_path(recipe: str, engine: str, seed: int) -> Path:
    """runs/<recipe>-<engine>-<seed>-<time>, a name of its own for each training."""
    time = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
    return Path("runs") / f"{recipe}-{engine}-{seed}-{time}"


def check_free(path: Path) -> None:
    """Raise `RunError` unless a new run can be written at `path`; call it before training."""
    if is_unfinished(path):
        raise RunError(
            f"{path} holds an unfinished training: go on with {how_to_go_on(path)}, or choose "
            "another --out"
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
    """Whether `path` looks like a run directory, of one network or of an ensemble."""
    is_network = (path / NETWORK).is_file() and (path / PARAMS).is_file()
    return is_network or ((path / MEMBERS).is_dir() and (path / RECIPE).is_file())


def save_run(
    path: Path, training: Training, engine: str, data: str, split_seed: int | None = None
) -> Run:
    """Write what `training` has learned so far as a run at `path`, whole or not at all.

    data: the collection's name; what was trained on is recorded by fingerprint.
    """
    with new_directory(path) as folder:
        run = write_run(folder, training, identify(training, engine, data, split_seed))
    return replace(run, path=path)


def write_run(folder: Path, training: Training, identity: Mapping[str, Any]) -> Run:
    """Write what `training` has learned so far into `folder`, in place of an earlier state of it.

    identity: what `identify` says of it. Other files stay. There is a run in `folder` before and
    after; in between, recipe.json is missing.
    """
    about = {
        "format": FORMAT_VERSION,
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
    """Read the run of one network back.

    Raises `RunError`, naming what is missing, damaged or does not fit.
    """
    path = Path(path)
    if (path / MEMBERS).is_dir():
        raise RunError(f"{path} is an ensemble, not one network: name one of {path / MEMBERS}")
    if not path.is_dir():
        raise RunError(f"{path} is not a run: no such folder (`digitnn train` makes one)")
    missing = [name for name in (NETWORK, PARAMS, RECIPE) if not (path / name).is_file()]
    if missing and is_unfinished(path):
        raise RunError(f"{path} is unfinished: go on with {how_to_go_on(path)}")
    if missing:
        raise RunError(f"{path} is not a whole run: it lacks {', '.join(missing)}")
    about = read_about(path)
    if about["engine"] not in get_args(EngineName):
        raise RunError(f"{path / RECIPE} is damaged: there is no engine {about['engine']!r}")
    network, params = load_network(path)
    return Run(path, network, params, about, _read_history(path / HISTORY))


def read_about(path: Path) -> dict[str, Any]:
    """What recipe.json in the folder `path` says. Raises `RunError` if others cannot rely on it."""
    about = read_json(path / RECIPE)
    if not isinstance(about.get("format"), int):
        raise RunError(f"{path / RECIPE} is damaged: it names no format")
    if about["format"] > FORMAT_VERSION:
        raise RunError(
            f"{path} has run format {about['format']}; this digitnn reads up to {FORMAT_VERSION}: "
            "install a newer digitnn"
        )
    _check_about(about, path / RECIPE)
    if about["format"] == 1:  # digitnn 0.1.0 called the field `beside`
        about["recipe"]["synthetic_mix"] = about["recipe"].pop("beside", None)
    read_readings(path)
    return about


def _check_about(about: Mapping[str, Any], path: Path) -> None:
    """Raise `RunError` unless recipe.json holds what others rely on."""
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
