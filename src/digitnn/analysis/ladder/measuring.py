"""What one rung does: trained on so many images, timed, and asked for a split.

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
"""Images an epoch, where there are fewer to learn from: each then comes so many times the more
often. A recipe's number of epochs is made for 50,000; over 100 images it would be a few steps."""


@dataclass(frozen=True)
class RungResult:
    """One rung on `n_train` images.

    n: images it was asked for; interval: 95 % Wilson; numbers: how many it must keep to answer;
    engine: "scikit-learn" or an engine's name; note: what there is to say of how it went.
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
        """As plain builtins, which `from_json` reads back."""
        return asdict(self) | {"interval": list(self.interval)}

    @classmethod
    def from_json(cls, value: Any) -> "RungResult":
        """What `to_json` gave. Raises `RunError` for anything else."""
        names = {field.name for field in fields(cls)}
        if not isinstance(value, dict) or value.keys() != names:
            raise RunError(f"expected an object with {', '.join(sorted(names))}")
        return cls(**value | {"interval": tuple(value["interval"])})


def measure_rung(
    rung: Rung,
    engine: str | None,
    train: Dataset,
    valid: Dataset,
    asked: Dataset,
    seed: int,
    watch: TitledWatch,
) -> RungResult | None:
    """Train `rung` on `train` and ask it for `asked`; None if `watch` stopped early.

    valid: what progress is told of; nothing is chosen by it.
    """
    if rung.recipe is None:
        return _measure_model(rung, train, asked)
    return _measure_network(rung, rung.recipe, engine, train, valid, asked, seed, watch)


def _measure_network(
    rung: Rung,
    recipe: Recipe,
    engine_name: str | None,
    train: Dataset,
    valid: Dataset,
    asked: Dataset,
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
    evaluation = evaluate(classifier, asked)
    return _measured(
        rung,
        chosen,
        len(train),
        evaluation.predictions == asked.labels,
        (training.history[-1].seconds, evaluation.seconds),
        training.network.parameter_count(),
    )


def repeat_to_fill_epoch(train: Dataset) -> Dataset:
    """The images again and again until they fill an epoch; as they are, if they are enough."""
    times = -(-MIN_EPOCH_IMAGES // len(train))
    return train if times == 1 else train[np.tile(np.arange(len(train)), times)]


def _measure_model(rung: Rung, train: Dataset, asked: Dataset) -> RungResult:
    model = rung.model()
    x, questions = _pixels(train.images), _pixels(asked.images)
    start = perf_counter()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        model.fit(x, train.labels)
    fitted = perf_counter()
    predictions = model.predict(questions)
    done = perf_counter()
    early = any(type(one.message).__name__ == "ConvergenceWarning" for one in said)
    return _measured(
        rung,
        "scikit-learn",
        len(train),
        predictions == asked.labels,
        (fitted - start, done - fitted),
        _numbers_of(model, x),
        "ended before it converged" if early else "",
    )


def _pixels(images: UInt8[ndarray, "n 28 28"]) -> Float32[ndarray, "n 784"]:
    """From 0, paper, to 1, ink."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def _numbers_of(model: Any, x: ndarray) -> int:
    """Of neighbours all that they have seen, of the others what they learned from it."""
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
