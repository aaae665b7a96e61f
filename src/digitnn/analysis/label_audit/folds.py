"""Out-of-fold predictions: what a network says of each image that it has not learned from.

All images of a collection are dealt into k folds; k networks are trained, each on all folds but
one, and each is asked for that one. Every fold is kept as soon as it is done.
Axes: n images of the collection, m of a fold, k classes.
"""

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int
from numpy import ndarray

from digitnn.analysis.in_memory import TitledWatch, train_in_memory
from digitnn.atomic_files import replace_file
from digitnn.data.dataset import CLASSES, Dataset
from digitnn.errors import DataError, UsageError
from digitnn.evaluation.evaluation import log_softmax
from digitnn.recipes.recipe import EngineName, Recipe


@dataclass(frozen=True, eq=False)
class Audit:
    """What is to be asked of whom. data: all images of the collection, training file first."""

    data: Dataset
    recipe: Recipe
    engine: EngineName
    folds: int
    seed: int
    folder: Path

    def __post_init__(self) -> None:
        if not 2 <= self.folds <= len(self.data):
            raise UsageError(f"--folds takes 2 to {len(self.data):,}, got {self.folds}")

    def deal(self) -> list[Int[ndarray, " m"]]:
        """The indices of each fold: a random order, drawn from the seed, cut in equal parts."""
        order = np.random.default_rng([self.seed, self.folds]).permutation(len(self.data))
        return [np.sort(part) for part in np.array_split(order, self.folds)]

    def identity(self) -> str:
        """SHA-256 of all that the answers depend on."""
        what = {
            "data": self.data.fingerprint(),
            "recipe": self.recipe.to_json(),
            "engine": self.engine,
            "folds": self.folds,
            "seed": self.seed,
        }
        return sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, eq=False)
class Fold:
    """Log-probabilities of the images of one fold, and the images' indices."""

    number: int
    indices: Int[ndarray, " m"]
    log_probabilities: Float32[ndarray, "m k"]
    kept: bool


def predict_folds(audit: Audit, watch: TitledWatch) -> Iterator[Fold]:
    """Fold after fold, those of an earlier audit from its folder.

    Ends early if `watch` stops a training; that fold is not kept.
    """
    identity = audit.identity()
    for number, indices in enumerate(audit.deal()):
        path = audit.folder / "folds" / f"{number}.npz"
        found = _kept(path, identity, len(indices))
        kept = found is not None
        if found is None:
            found = _ask(audit, number, indices, watch)
            if found is None:
                return
            _keep(path, identity, found)
        yield Fold(number, indices, found, kept)


def _ask(
    audit: Audit, number: int, indices: ndarray, watch: TitledWatch
) -> Float32[ndarray, "m k"] | None:
    """Train without a fold, then ask for it."""
    others = np.ones(len(audit.data), bool)
    others[indices] = False
    train, asked = audit.data[others], audit.data[indices]
    title, seed = f"fold {number + 1} of {audit.folds}", audit.seed + number
    training = train_in_memory(audit.recipe, audit.engine, train, asked, seed, title, watch)
    if training is None:
        return None
    classifier = training.engine.classifier(training.network, training.params())
    logits = classifier.logits(asked.images)
    if not np.isfinite(logits).all():
        raise DataError(f"fold {number + 1}: the network gives logits that are NaN or infinite")
    return log_softmax(logits).astype(np.float32)


def _keep(path: Path, identity: str, log_probabilities: ndarray) -> None:
    content = io.BytesIO()
    np.savez(content, identity=np.array(identity), log_probabilities=log_probabilities)
    with replace_file(path) as file:
        file.write(content.getvalue())


def _kept(path: Path, identity: str, m: int) -> Float32[ndarray, "m k"] | None:
    """What an earlier audit has left, if it asked the same; a damaged file is asked again."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            found: Any = arrays["log_probabilities"]
            same = str(arrays["identity"]) == identity
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    fits = found.shape == (m, CLASSES) and found.dtype == np.float32
    return found if same and fits else None
