"""How long does the recipe `cnn` train, and how long does an equally accurate plain script?

For each seed, in turns: the recipe, then the plain script of `plain_cnn`, until its validation
accuracy reaches the recipe's or `--most-epochs` are over. Only the script's training is timed, not
its evaluations; the recipe's own validation counts against it. Both start from arrays in memory.
The test split is not read.

    python -m benchmarks.timing.cnn --json [--seeds 3] [--most-epochs 10]
"""

import sys
from statistics import fmean, median
from time import perf_counter
from typing import Any

from benchmarks.measuring import load_data, parse_arguments, print_result, spread
from benchmarks.timing.plain_cnn import accuracy_of, train_plain
from digitnn.engines.find import find_engine
from digitnn.recipes.builtin import find_recipe
from digitnn.runs.experiment import TrainingData
from digitnn.training.training import Training

GOAL = 0.989
"""A validation accuracy; the script's time to reach it is reported too."""


def train_ours(data: TrainingData, seed: int) -> tuple[float, float]:
    """Return seconds and validation accuracy of the recipe."""
    training = Training(find_recipe("cnn"), find_engine("pytorch"), data.train, data.valid, seed)
    for _ in training:
        pass
    last = training.history[-1]
    return last.seconds, last.validation.accuracy


def train_theirs(
    data: TrainingData, seed: int, goal: float, max_epochs: int
) -> list[tuple[float, float]]:
    """Return (seconds so far, validation accuracy) of each epoch, up to `goal` or the limit."""
    curve: list[tuple[float, float]] = []
    seconds, start = 0.0, perf_counter()
    for model in train_plain(data.train, seed, max_epochs):
        seconds += perf_counter() - start
        curve.append((seconds, accuracy_of(model, data.valid)))
        print(f"plain script, seed {seed}: {curve[-1]}", file=sys.stderr)
        if curve[-1][1] >= goal:
            break
        start = perf_counter()
    return curve


def measure(seeds: int, max_epochs: int) -> dict[str, Any]:
    """Train both for each seed; return the result as plain builtins."""
    data = load_data()
    ours, theirs = [], []
    for seed in range(seeds):
        ours.append(train_ours(data, seed))
        print(f"recipe, seed {seed}: {ours[-1]}", file=sys.stderr)
        theirs.append(train_theirs(data, seed, ours[-1][1], max_epochs))
    reached = [curve[-1][1] >= accuracy for (_, accuracy), curve in zip(ours, theirs, strict=True)]
    ratios = [curve[-1][0] / seconds for (seconds, _), curve in zip(ours, theirs, strict=True)]
    to_goal = [next((s for s, a in curve if a >= GOAL), None) for curve in theirs]
    return {
        "schema": 1,
        "plain_over_ours": median(ratios),
        "plain_over_ours_is_a_lower_bound": not all(reached),
        "ours": {
            "seconds": spread([seconds for seconds, _ in ours]),
            "valid_accuracy": fmean(accuracy for _, accuracy in ours),
        },
        "plain": {
            "seconds": spread([curve[-1][0] for curve in theirs]),
            "epochs": [len(curve) for curve in theirs],
            "reached_ours": reached,
            "best_valid_accuracy": fmean(max(a for _, a in curve) for curve in theirs),
            "seconds_to_98.9": to_goal,
        },
        "seeds": list(range(seeds)),
    }


if __name__ == "__main__":
    arguments = parse_arguments(__doc__.splitlines()[0], seeds=3, most_epochs=10)
    print_result(measure(arguments.seeds, arguments.most_epochs), arguments.json)
