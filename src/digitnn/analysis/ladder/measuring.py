"""Measure the ladder: train each rung on each number of images, time it and evaluate it.

The folder holds a file for each rung and number of training images, with everything that the result
depends on. A later run measures only what is missing or has changed. Axes: n images.
"""

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.analysis.in_memory import TitledWatch, train_in_memory
from digitnn.analysis.ladder.rungs import Rung
from digitnn.atomic_files import write_text
from digitnn.data.dataset import Dataset
from digitnn.errors import DigitnnError, RunError, UsageError
from digitnn.evaluation.evaluation import evaluate
from digitnn.evaluation.statistics import wilson_interval
from digitnn.machine.describe import describe_conditions
from digitnn.network.storage.saved_network import read_json

MIN_EPOCH_IMAGES = 12_800
"""Fewer training images are repeated to fill an epoch of this size: a recipe's number of epochs is
chosen for 50,000 images and would be only a few steps over 100."""

TRAINING_SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 50_000)
"""Numbers of training images for `--by-size`."""
RESULTS_FOLDER = "measured"


def sizes_to_measure(sizes: Sequence[int] | None, by_size: bool, n: int) -> tuple[int, ...]:
    """Return the training sizes in order: `sizes`, or `TRAINING_SIZES` and n, or n alone."""
    chosen = {*(s for s in TRAINING_SIZES if s < n), n} if by_size else set(sizes or [n])
    return tuple(sorted(chosen))


@dataclass(frozen=True, eq=False)
class LadderPlan:
    """The rungs to measure, and the data.

    sizes: numbers of training images, taken from the start of `train`; evaluated_on: the split for
    the accuracy; engine: used by recipes that support it, None for each recipe's own.
    """

    rungs: tuple[Rung, ...]
    sizes: tuple[int, ...]
    train: Dataset
    valid: Dataset
    evaluated_on: Dataset
    seed: int
    engine: str | None
    folder: Path

    def __post_init__(self) -> None:
        for size in self.sizes:
            if not 10 <= size <= len(self.train):
                raise UsageError(
                    f"--train takes 10 to {len(self.train):,} images, as many as there are to "
                    f"train on; got {size:,}"
                )

    def cells(self) -> list[tuple[Rung, int]]:
        """Return each rung with each number of training images, rung by rung."""
        return [(rung, size) for rung in self.rungs for size in self.sizes]


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


def measure_ladder(plan: LadderPlan, watch: TitledWatch) -> Iterator[tuple[RungResult, bool]]:
    """Yield each result in order, and whether it comes from an earlier run.

    Ends early if `watch` stops a training; that result is not kept.
    """
    fingerprints = {"train": plan.train.fingerprint(), "asked": plan.evaluated_on.fingerprint()}
    for rung, size in plan.cells():
        path = plan.folder / RESULTS_FOLDER / f"{rung.name}-{size}.json"
        identity = _identity(plan, rung, size) | fingerprints
        if (kept := _kept(path, identity)) is not None:
            yield kept, True
            continue
        found = measure_rung(plan, rung, size, watch)
        if found is None:
            return
        content = {"schema": 1, "identity": identity, "measured": found.to_json()}
        write_text(path, json.dumps(content, indent=2) + "\n")
        yield found, False


def _identity(plan: LadderPlan, rung: Rung, size: int) -> dict[str, Any]:
    """Return everything that a result depends on, its times included."""
    how = str(rung.model()) if rung.recipe is None else rung.recipe.to_json()
    return {
        "rung": rung.name,
        "how": how,
        "engine": plan.engine,
        "n_train": size,
        "seed": plan.seed,
        "conditions": describe_conditions(),
    }


def _kept(path: Path, identity: dict[str, Any]) -> RungResult | None:
    """Return the stored result if it has the same identity; None also for a damaged file."""
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        same = content.get("identity") == json.loads(json.dumps(identity))
        return RungResult.from_json(content.get("measured")) if same else None
    except DigitnnError:
        return None


def measure_rung(plan: LadderPlan, rung: Rung, size: int, watch: TitledWatch) -> RungResult | None:
    """Train `rung` on `size` images and evaluate it; None if `watch` stopped early.

    The validation split only shows progress; nothing is chosen by it.
    """
    train, evaluated_on = plan.train[:size], plan.evaluated_on
    recipe, note = rung.recipe, ""
    if recipe is None:
        engine = "scikit-learn"
        model, predictions, seconds, note = _fit_model(rung, train, evaluated_on)
        numbers = _numbers_of(model, train)
    else:
        engine = recipe.engine(plan.engine if plan.engine in recipe.engines else None)
        images = train if recipe.is_full_batch else repeat_to_fill_epoch(train)
        title = f"{rung.name}, {size:,} images"
        training = train_in_memory(recipe, engine, images, plan.valid, plan.seed, title, watch)
        if training is None:
            return None
        classifier = training.engine.classifier(training.network, training.params())
        evaluation = evaluate(classifier, evaluated_on)
        predictions = evaluation.predictions
        seconds = training.history[-1].seconds, evaluation.seconds
        numbers = training.network.parameter_count()
    n, correct = len(evaluated_on), int(np.sum(predictions == evaluated_on.labels))
    return RungResult(
        rung=rung.name,
        summary=rung.summary,
        engine=engine,
        n_train=size,
        n=n,
        errors=n - correct,
        accuracy=correct / n,
        interval=wilson_interval(correct, n),
        train_seconds=seconds[0],
        predict_seconds=seconds[1],
        numbers=numbers,
        note=note,
    )


def repeat_to_fill_epoch(train: Dataset) -> Dataset:
    """Repeat the images to fill an epoch; unchanged if there are enough."""
    times = -(-MIN_EPOCH_IMAGES // len(train))
    return train if times == 1 else train[np.tile(np.arange(len(train)), times)]


def _fit_model(
    rung: Rung, train: Dataset, evaluated_on: Dataset
) -> tuple[Any, UInt8[ndarray, " n"], tuple[float, float], str]:
    """Return the model, its predictions, the seconds to fit and to predict, and a note."""
    model = rung.model()
    x, queries = _pixels(train.images), _pixels(evaluated_on.images)
    start = perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(x, train.labels)
    fitted = perf_counter()
    predictions = model.predict(queries)
    seconds = fitted - start, perf_counter() - fitted
    early = any(type(one.message).__name__ == "ConvergenceWarning" for one in caught)
    return model, predictions, seconds, "stopped before convergence" if early else ""


def _pixels(images: UInt8[ndarray, "n 28 28"]) -> Float32[ndarray, "n 784"]:
    """Return pixels from 0, paper, to 1, ink."""
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)


def _numbers_of(model: Any, train: Dataset) -> int:
    """Count the learned numbers; for nearest neighbours, all training pixels."""
    learned = [getattr(model, name, None) for name in ("centroids_", "coef_", "intercept_")]
    return sum(array.size for array in learned if array is not None) or train.images.size


def at_full_size(found: Sequence[RungResult]) -> list[RungResult]:
    """Return the results with the most training images, in order."""
    full = max(one.n_train for one in found)
    return [one for one in found if one.n_train == full]
