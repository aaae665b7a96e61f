"""How much faster is the recipe `classic` than a textbook implementation of the same network?

Both have the same features, initial weights and number of iterations, and run in turns. Prints the
ratio of the median times, both validation accuracies, and the training's share of the machine's
measured rate of single-precision matrix products.

    python -m benchmarks.timing.classic --json [--repeats 3] [--iterations 30]
"""

from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from numpy import ndarray

from benchmarks.measuring import (
    load_data,
    parse_arguments,
    print_result,
    results_in_turns,
    sgemm_gflops,
    spread,
    timed,
)
from benchmarks.timing.textbook import train_textbook
from digitnn.engines.find import find_engine
from digitnn.evaluation.evaluation import evaluate
from digitnn.network.initialisation import initial_parameters
from digitnn.recipes.builtin import find_recipe
from digitnn.training.fullbatch import expand, features, restrict, varying_pixels
from digitnn.training.scipy_minimise import minimise


def measure(repeats: int, iterations: int) -> dict[str, Any]:
    """Train both in turns; return the result as plain builtins."""
    recipe, data, engine = find_recipe("classic"), load_data(), find_engine("scratch")
    network, n = recipe.network(), len(data.train)
    kept = varying_pixels(data.train.images, recipe.least_std)
    x = features(data.train.images, recipe.standardise, kept)
    x64, labels = x.astype(np.float64), data.train.labels
    start = restrict(
        initial_parameters(network, recipe.initialisation, np.random.default_rng(0)), kept
    )
    objective = engine.objective(network, x, labels, recipe.loss)
    evaluations = 0

    def ours() -> dict[str, ndarray]:
        nonlocal evaluations
        for point in minimise(objective, start, n, recipe.l2, iterations):
            params, evaluations = point.params, point.evaluations
        return params

    def textbook() -> dict[str, ndarray]:
        return train_textbook(start, x64, labels, recipe.l2, iterations)

    works: list[Callable[[], dict[str, ndarray]]] = [textbook, ours]
    theirs_found, ours_found = results_in_turns(works, repeats)
    accuracies = []
    for found in (theirs_found, ours_found):
        params = {name: p.astype(np.float32) for name, p in found[-1][1].items()}
        classifier = engine.classifier(network, expand(params, kept))
        accuracies.append(evaluate(classifier, data.valid).accuracy)
    if abs(accuracies[0] - accuracies[1]) > 0.005:
        raise SystemExit(f"the two networks are not equally accurate: {accuracies}")
    theirs_seconds, our_seconds = ([s for s, _ in found] for found in (theirs_found, ours_found))
    units = len(start["1.bias"])
    # two matrix products with the pixels, three with the hidden units; a multiply-add counts as two
    operations = 2 * n * units * (2 * int(kept.sum()) + 3 * 10) * evaluations
    rate, sgemm = operations / median(our_seconds) / 1e9, sgemm_gflops()
    return {
        "schema": 1,
        "textbook_over_ours": median(theirs_seconds) / median(our_seconds),
        "textbook": {"seconds": spread(theirs_seconds), "valid_accuracy": accuracies[0]},
        "ours": {"seconds": spread(our_seconds), "valid_accuracy": accuracies[1]},
        "iterations": iterations,
        "evaluations": evaluations,
        "features": int(kept.sum()),
        "seed": 0,
        "gflops": rate,
        "sgemm_gflops": sgemm,
        "of_sgemm_rate": rate / sgemm,
        "seconds_an_evaluation": timed(lambda: objective(start))[0],
    }


if __name__ == "__main__":
    arguments = parse_arguments(__doc__.splitlines()[0], repeats=3, iterations=30)
    print_result(measure(arguments.repeats, arguments.iterations), arguments.json)
