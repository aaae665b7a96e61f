"""Train one rung on a number of images, time it and evaluate it.

Axes: n images.
"""

import warnings
from dataclasses import asdict, dataclass, fields
from time import perf_counter
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.analysis.in_memory import TitledWatch, train_in_memory
from digitnn.analysis.ladder.rungs import Rung
from digitnn.data.dataset import Dataset
from digitnn.errors import RunError
from digitnn.evaluation.evaluation import evaluate
from digitnn.evaluation.intervals import wilson_interval
from digitnn.recipes.recipe import Recipe

MIN_EPOCH_IMAGES = 12_800
"""Fewer training images are repeated to fill an epoch of this size: a recipe's number of epochs is
chosen for 50,000 images and would be only a few steps over 100."""


@dataclass(frozen=True)
class RungResult:
    """The result of one rung trained on `n_train` images.

    n: images evaluated; interval: 95 % Wilson; numbers: how many it stores for inference; engine:
    "scikit-learn" or an engine's name; note: a remark on the training.
    """

    rung: str
    summary: str
    engine: str
    n_train: int
    n: int
    errors: int
    accuracy: float
    interval: tuple[float, float]
    train_seconds: float
    predict_seconds: float
    numbers: int
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, which `from_json` accepts."""
        return asdict(self) | {"interval": list(self.interval)}

    @classmethod
    def from_json(cls, value: Any) -> "RungResult":
        """Return the result that `to_json` gave. Raises `RunError` for anything else."""
        names = {field.name for field in fields(cls)}
        if not isinstance(value, dict) or value.keys() != names:
            raise RunError(f"expected an object with {', '.join(sorted(names))}")
        return cls(**value | {"interval": tuple(value["interval"])})


def measure_rung(
    rung: Rung,
    engine: str | None,
    train: Dataset,
    valid: Dataset,
    evaluated_on: Dataset,
    seed: int,
    watch: TitledWatch,
) -> RungResult | None:
    """Train `rung` on `train` and evaluate it on `evaluated_on`; None if `watch` stopped early.

    valid: only shows progress; nothing is chosen by it.
    """
    if rung.recipe is None:
        return _measure_model(rung, train, evaluated_on)
    return _measure_network(rung, rung.recipe, engine, train, valid, evaluated_on, seed, watch)


def _measure_network(
    rung: Rung,
    recipe: Recipe,
    engine_name: str | None,
    train: Dataset,
    valid: Dataset,
    evaluated_on: Dataset,
    seed: int,
    watch: TitledWatch,
) -> RungResult | None:
    chosen = recipe.engine(engine_name if engine_name in recipe.engines else None)
    images = train if recipe.is_full_batch else repeat_to_fill_epoch(train)
    title = f"{rung.name}, {len(train):,} images"
    training = train_in_memory(recipe, chosen, images, valid, seed, title, watch)
    if training is None:
        return None
    classifier = training.engine.classifier(training.network, training.params())
    evaluation = evaluate(classifier, evaluated_on)
    return _measured(
        rung,
        chosen,
        len(train),
        evaluation.predictions == evaluated_on.labels,
        (training.history[-1].seconds, evaluation.seconds),
        training.network.parameter_count(),
    )


def repeat_to_fill_epoch(train: Dataset) -> Dataset:
    """Repeat the images to fill an epoch; unchanged if there are enough."""
    times = -(-MIN_EPOCH_IMAGES // len(train))
    return train if times == 1 else train[np.tile(np.arange(len(train)), times)]


def _measure_model(rung: Rung, train: Dataset, evaluated_on: Dataset) -> RungResult:
    model = rung.model()
    x, queries = _pixels(train.images), _pixels(evaluated_on.images)
    start = perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(x, train.labels)
    fitted = perf_counter()
    predictions = model.predict(queries)
    done = perf_counter()
    early = any(type(one.message).__name__ == "ConvergenceWarning" for one in caught)
    return _measured(
        rung,
        "scikit-learn",
        len(train),
        predictions == evaluated_on.labels,
        (fitted - start, done - fitted),
        _numbers_of(model, x),
        "stopped before convergence" if early else "",
    )


def _pixels(images: UInt8[ndarray, "n 28 28"]) -> Float32[ndarray, "n 784"]:
    """Return pixels from 0, paper, to 1, ink."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def _numbers_of(model: Any, x: ndarray) -> int:
    """Count the learned numbers; for nearest neighbours, all training pixels."""
    learned = [getattr(model, name, None) for name in ("centroids_", "coef_", "intercept_")]
    kept = [array.size for array in learned if array is not None]
    return int(sum(kept)) if kept else int(x.size)


def _measured(
    rung: Rung,
    engine: str,
    n_train: int,
    right: ndarray,
    seconds: tuple[float, float],
    numbers: int,
    note: str = "",
) -> RungResult:
    n, correct = len(right), int(np.count_nonzero(right))
    return RungResult(
        rung=rung.name,
        summary=rung.summary,
        engine=engine,
        n_train=n_train,
        n=n,
        errors=n - correct,
        accuracy=correct / n,
        interval=wilson_interval(correct, n),
        train_seconds=seconds[0],
        predict_seconds=seconds[1],
        numbers=numbers,
        note=note,
    )
