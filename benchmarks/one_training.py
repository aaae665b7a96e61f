"""One training in a process of its own, timed by a strict clock; `speedrun` and `accuracy` call it.

The clock runs from uint8 arrays in memory to a network that is ready to predict: construction,
first touch of every library, augmentation and training all count. Imports, reading the files and
evaluation are timed apart.

    python -m benchmarks.one_training RECIPE --seed 0 [--engine pytorch] [--split valid]
    python -m benchmarks.one_training plain --seed 0 --epochs 8
"""

from time import perf_counter

_START = perf_counter()

import argparse  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from pathlib import Path  # noqa: E402
from subprocess import PIPE, run  # noqa: E402
from typing import Any  # noqa: E402

import torch._dynamo  # noqa: E402, F401  torch.optim imports it with the first optimiser

from benchmarks.plain_cnn import accuracy_of, train_plain  # noqa: E402
from digitnn.dataset import Dataset  # noqa: E402
from digitnn.engines import find_engine  # noqa: E402
from digitnn.evaluation import evaluate  # noqa: E402
from digitnn.experiment import load_training_data  # noqa: E402
from digitnn.recipe_files import choose_recipe  # noqa: E402
from digitnn.runs import save_run  # noqa: E402
from digitnn.sources import load  # noqa: E402
from digitnn.training import Training  # noqa: E402

PLAIN = "plain"
"""What the plain script is called among the recipes."""


def in_fresh_process(recipe: str, seed: int, *options: str) -> dict[str, Any]:
    """What this module prints for `recipe` and `seed`, from a process of its own."""
    command = [sys.executable, "-m", "benchmarks.one_training", recipe, "--seed", str(seed)]
    done = run([*command, *options], stdout=PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def train_recipe(
    name: str,
    engine_name: str | None,
    seed: int,
    train: Dataset,
    valid: Dataset,
    test: Dataset,
    keep: Path | None,
) -> dict[str, Any]:
    """Seconds of the clock and of evaluation, and the accuracy on `test`; saves at `keep`."""
    start = perf_counter()
    recipe = choose_recipe(name)
    engine = find_engine(recipe.engine(engine_name))
    training = Training(recipe, engine, train, valid, seed)
    for _ in training:
        pass
    classifier = engine.classifier(training.network, training.params())
    trained = perf_counter()
    report = evaluate(classifier, test)
    evaluated = perf_counter()
    if keep is not None:
        save_run(keep, training, recipe.engine(engine_name), "mnist")
    return {
        "seconds": trained - start,
        "evaluation_seconds": evaluated - trained,
        "accuracy": report.accuracy,
        "parameters": training.network.parameter_count(),
    }


def train_plainly(seed: int, epochs: int, train: Dataset, test: Dataset) -> dict[str, Any]:
    """Seconds and accuracy of the plain script after each epoch; only its training is timed."""
    seconds, curve = 0.0, []
    start = perf_counter()
    for model in train_plain(train, seed, epochs):
        seconds += perf_counter() - start
        curve.append({"seconds": seconds, "accuracy": accuracy_of(model, test)})
        start = perf_counter()
    return {"epochs": curve}


def main(arguments: Sequence[str]) -> None:
    """Train once and print what came of it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine")
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--epochs", type=int, default=8, help="of the plain script")
    parser.add_argument("--validate", action="store_true", help="after every epoch, as users do")
    parser.add_argument("--keep", type=Path, metavar="RUN", help="save the run there")
    given = parser.parse_args(arguments)
    imported = perf_counter()
    data = load_training_data("mnist")
    judge = data.valid if given.split == "valid" else load("mnist", "test")
    read = perf_counter()
    # a training validates after every epoch; one image, so that the clock has training only
    valid = data.valid if given.validate else data.valid[:1]
    if given.recipe == PLAIN:
        found = train_plainly(given.seed, given.epochs, data.train, judge)
    else:
        found = train_recipe(
            given.recipe, given.engine, given.seed, data.train, valid, judge, given.keep
        )
    times = {"import_seconds": imported - _START, "reading_seconds": read - imported}
    about = {"recipe": given.recipe, "seed": given.seed, "split": given.split}
    print(json.dumps({**about, **found, **times}))


if __name__ == "__main__":
    main(sys.argv[1:])
