"""Compute out-of-fold predictions for every image of a collection.

All images are divided into folds; for each fold a network is trained on the others and predicts it.
Every fold is kept on disk as soon as it is done. Axes: m images of a fold, k classes.
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
from digitnn.data.dataset import Dataset
from digitnn.errors import DataError, UsageError
from digitnn.evaluation.evaluation import log_softmax
from digitnn.recipes.recipe import EngineName, Recipe


@dataclass(frozen=True, eq=False)
class Audit:
    """The settings of an audit. data: all images of the collection, training file first."""

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
        """Return the indices of each fold: a random order from the seed, cut into equal parts."""
        order = np.random.default_rng([self.seed, self.folds]).permutation(len(self.data))
        return [np.sort(part) for part in np.array_split(order, self.folds)]

    def identity(self) -> str:
        """Return the SHA-256 of everything that the predictions depend on."""
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
    """The predictions of one fold. kept: from an earlier audit."""

    number: int
    indices: Int[ndarray, " m"]
    log_probabilities: Float32[ndarray, "m k"]
    kept: bool


def predict_folds(audit: Audit, watch: TitledWatch) -> Iterator[Fold]:
    """Yield the predictions fold by fold, loading those of an earlier audit.

    Ends early if `watch` stops a training; that fold is not kept.
    """
    identity = audit.identity()
    for number, indices in enumerate(audit.deal()):
        path = audit.folder / "folds" / f"{number}.npz"
        found = _kept(path, identity, len(indices), len(audit.data.classes))
        kept = found is not None
        if found is None:
            found = _predict(audit, number, indices, watch)
            if found is None:
                return
            _keep(path, identity, found)
        yield Fold(number, indices, found, kept)


def _predict(
    audit: Audit, number: int, indices: ndarray, watch: TitledWatch
) -> Float32[ndarray, "m k"] | None:
    """Train on all other folds, then predict this one."""
    others = np.ones(len(audit.data), bool)
    others[indices] = False
    train, fold = audit.data[others], audit.data[indices]
    title, seed = f"fold {number + 1} of {audit.folds}", audit.seed + number
    training = train_in_memory(audit.recipe, audit.engine, train, fold, seed, title, watch)
    if training is None:
        return None
    classifier = training.engine.classifier(training.network, training.params())
    logits = classifier.logits(fold.images)
    if not np.isfinite(logits).all():
        raise DataError(f"fold {number + 1}: the network gives logits that are NaN or infinite")
    return log_softmax(logits).astype(np.float32)


def _keep(path: Path, identity: str, log_probabilities: ndarray) -> None:
    content = io.BytesIO()
    np.savez(content, identity=np.array(identity), log_probabilities=log_probabilities)
    with replace_file(path) as file:
        file.write(content.getvalue())


def _kept(path: Path, identity: str, m: int, k: int) -> Float32[ndarray, "m k"] | None:
    """Return the fold of an earlier audit with this identity; None also for a damaged file."""
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
            found: Any = arrays["log_probabilities"]
            same = str(arrays["identity"]) == identity
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    fits = found.shape == (m, k) and found.dtype == np.float32
    return found if same and fits else None
