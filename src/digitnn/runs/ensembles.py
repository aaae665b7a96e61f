"""Combine several runs into an ensemble, one classifier.

Networks trained independently make different errors, so together they make fewer (Hansen and
Salamon 1990). The members do not vote; their probabilities are averaged, as a uniform mixture
(Lakshminarayanan, Pritzel and Blundell 2017, section 2.4):

    p(digit | image) = 1/m * sum over the m members of softmax(logits of the member)

    members/0, members/1, ...   the runs
    recipe.json                 what the members have in common, and their sums
    report.json                 every evaluation of the ensemble

Axes: n images, k classes, m members.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.atomic_files import new_directory, write_text
from digitnn.errors import RunError, UsageError
from digitnn.evaluation.evaluation import log_softmax
from digitnn.machine.describe import describe_machine
from digitnn.network.network import Classifier, Network
from digitnn.network.storage.saved_network import PARAMS
from digitnn.runs.resume import CHECKPOINT
from digitnn.runs.run import (
    MEMBERS,
    RECIPE,
    RUN_FORMAT,
    Run,
    check_free,
    load_single_run,
    read_about,
)
from digitnn.training.records import EpochRecord


@dataclass(frozen=True, eq=False)
class AveragedClassifier:
    """A classifier that averages the probabilities of its members."""

    members: tuple[Classifier, ...]

    def logits(self, images: UInt8[ndarray, "n 28 28"]) -> Float32[ndarray, "n k"]:
        """Return log p, where p is the members' mean probability: logits whose softmax is p."""
        log_p = np.stack([log_softmax(member.logits(images)) for member in self.members])
        mean: ndarray = np.logaddexp.reduce(log_p, axis=0) - np.log(len(self.members))
        return mean.astype(np.float32)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Several runs as one, with the interface of a `Run`. about: the content of recipe.json."""

    path: Path
    members: tuple[Run, ...]
    about: Mapping[str, Any]
    history: tuple[EpochRecord, ...] = ()

    @property
    def recipe(self) -> str:
        """The number of members and their recipes."""
        return str(self.about["recipe"]["name"])

    @property
    def engine(self) -> str:
        """The engine, or engines, that trained its members."""
        return str(self.about["engine"])

    @property
    def network(self) -> Network:
        """The first member's network: its input and its labels are those of every member."""
        return self.members[0].network

    def parameter_count(self) -> int:
        """Return the number of learned parameters of all members."""
        return sum(member.parameter_count() for member in self.members)

    def classifier(self, engine: str | None = None) -> Classifier:
        """Return the members' classifier, each on the engine that trained it or on another."""
        return AveragedClassifier(tuple(member.classifier(engine) for member in self.members))


Trained: TypeAlias = Run | Ensemble
"""A trained classifier in its folder, with a name, an engine, parameters and a history."""


def load_run(path: Path | str) -> Trained:
    """Load what `digitnn train` or `digitnn ensemble` wrote. Raises `RunError`."""
    path = Path(path)
    if not (path / MEMBERS).is_dir():
        return load_single_run(path)
    about = read_about(path)
    n = about.get("members")
    if type(n) is not int or n < 2:
        raise RunError(f"{path / RECIPE} is damaged: members cannot be {n!r:.60}")
    members = tuple(load_single_run(path / MEMBERS / str(number)) for number in range(n))
    return Ensemble(path, members, about)


def make_ensemble(paths: Sequence[Path], out: Path) -> Ensemble:
    """Copy the runs at `paths`, and the members of ensembles there, into a new ensemble at `out`.

    Raises `UsageError` for fewer than two networks, and `RunError` if two are the same network or
    were not trained and validated on the same images.
    """
    check_free(out)
    members: list[Run] = []
    for path in paths:
        found = load_run(path)
        members += found.members if isinstance(found, Ensemble) else [found]
    if len(members) < 2:
        raise UsageError(f"an ensemble takes at least 2 runs, got {len(members)}")
    _check_same_data(members)
    _check_different(members)
    about = _about(members)
    try:
        with new_directory(out) as folder:
            for number, member in enumerate(members):
                # without its checkpoint: it is not trained further inside the ensemble
                ignored = shutil.ignore_patterns(CHECKPOINT)
                shutil.copytree(member.path, folder / MEMBERS / str(number), ignore=ignored)
            write_text(folder / RECIPE, json.dumps(about, indent=2) + "\n")
    except OSError as error:
        raise RunError(f"cannot write the ensemble to {out}: {error.strerror or error}") from None
    return Ensemble(out, tuple(members), about)


def _check_same_data(members: Sequence[Run]) -> None:
    """Raise `RunError` if one member may have been trained on images that validate another."""
    first = members[0]
    for other in members[1:]:
        for name in ("collection", "train", "valid"):
            one, two = (run.about["data"].get(name) for run in (first, other))
            if name != "collection":
                one, two = (part and part["sha256"] for part in (one, two))
            if one != two:
                what = f"{one} and {two}" if name == "collection" else "fingerprints differ"
                raise RunError(
                    f"{first.path} and {other.path} have different data ({name}: {what}): "
                    "an ensemble takes runs on the same split"
                )


def _check_different(members: Sequence[Run]) -> None:
    seen: dict[str, Path] = {}
    for member in members:
        digest = sha256((member.path / PARAMS).read_bytes()).hexdigest()
        if digest in seen:
            raise RunError(
                f"{seen[digest]} and {member.path} hold the same network: name each one once"
            )
        seen[digest] = member.path


def _about(members: Sequence[Run]) -> dict[str, Any]:
    """Return recipe.json of an ensemble: a run's fields, summed where a sum has a meaning."""
    recipes = " and ".join(dict.fromkeys(member.recipe for member in members))
    return {
        "format": RUN_FORMAT,
        "recipe": {"name": f"{len(members)} x {recipes}"},
        "engine": " and ".join(dict.fromkeys(member.engine for member in members)),
        "seed": members[0].about["seed"],
        "seeds": [member.about["seed"] for member in members],
        "members": len(members),
        "data": members[0].about["data"],
        "epochs": sum(member.about["epochs"] for member in members),
        "complete": all(member.about["complete"] for member in members),
        "seconds": sum(member.about["seconds"] for member in members),
        "machine": describe_machine(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
    }
