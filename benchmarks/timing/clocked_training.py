"""Train as `one_training` times it; a separate module, so that its import can be timed as well."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

from digitnn.data.dataset import Dataset
from digitnn.data.fetch.sources import load
from digitnn.engines.find import find_engine
from digitnn.evaluation.evaluation import evaluate
from digitnn.recipes.toml_reader import choose_recipe
from digitnn.runs.experiment import TrainingData, load_training_data
from digitnn.runs.run import save_run
from digitnn.training.training import Training

ENGINE_MODULES = {
    # torch.optim imports torch._dynamo with the first optimiser
    "pytorch": ("digitnn.engines.pytorch.engine", "torch._dynamo"),
    "scratch": ("digitnn.engines.scratch.engine", "digitnn.engines.scratch.trainer"),
}
"""What an engine imports until its first step."""


def import_engine(name: str, engine_name: str | None) -> None:
    """Import what training the recipe called `name` would import."""
    engine = choose_recipe(name).engine(engine_name)
    for module in ENGINE_MODULES[engine]:
        import_module(module)
    if engine == "scratch" and find_spec("numba") is not None:
        import_module("digitnn.engines.scratch.kernels")
        target = import_module("numba.core.registry").cpu_target
        target.typing_context.refresh()  # imports what numba knows of Python and NumPy
        target.target_context.refresh()


def read_data(split: str) -> tuple[TrainingData, Dataset]:
    """Return MNIST's training data, and the split "valid" or "test" for the evaluation."""
    data = load_training_data("mnist")
    return data, data.valid if split == "valid" else load("mnist", "test")


def train_recipe(
    name: str,
    engine_name: str | None,
    seed: int,
    train: Dataset,
    valid: Dataset,
    test: Dataset,
    keep: Path | None,
) -> dict[str, Any]:
    """Return seconds of training and of evaluation, and the accuracy; save the run at `keep`."""
    start = perf_counter()
    recipe = choose_recipe(name)
    engine = find_engine(recipe.engine(engine_name))
    training = Training(recipe, engine, train, valid, seed)
    for _ in training:
        pass
    classifier = engine.classifier(training.network, training.params())
    trained = perf_counter()
    evaluation = evaluate(classifier, test)
    evaluated = perf_counter()
    if keep is not None:
        save_run(keep, training, recipe.engine(engine_name), "mnist")
    return {
        "engine": recipe.engine(engine_name),
        "seconds": trained - start,
        "evaluation_seconds": evaluated - trained,
        "accuracy": evaluation.accuracy,
        "parameters": training.network.parameter_count(),
    }


def train_plainly(seed: int, epochs: int, train: Dataset, test: Dataset) -> dict[str, Any]:
    """Return seconds and accuracy of the plain script after each epoch; only training is timed."""
    from benchmarks.timing.plain_cnn import accuracy_of, train_plain  # imports torch

    seconds, curve = 0.0, []
    start = perf_counter()
    for model in train_plain(train, seed, epochs):
        seconds += perf_counter() - start
        curve.append({"seconds": seconds, "accuracy": accuracy_of(model, test)})
        start = perf_counter()
    return {"epochs": curve}
