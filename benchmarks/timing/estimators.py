"""Are the estimators as accurate as scikit-learn's `MLPClassifier`, and how fast do they fit?

Both have equal settings: hidden units, solver, batch size, learning rate, alpha, epochs (all of
them: no early end) and scaling of the features. They fit in turns on the same folds, after a fit of
each that is not counted. Prints for each comparison both mean accuracies, the mean difference with
its 95 % interval over the seeds, and the median ratio of the seconds of a fit: elapsed, and of the
processor, which other programs on the machine disturb less.

    python -m benchmarks.timing.estimators --json [--seeds 5] [--epochs 100] [--mnist-seeds 3]
"""

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean, median
from time import process_time, sleep
from typing import Any

import numpy as np
from numpy import ndarray
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import digitnn
from benchmarks.measuring import load_data, parse_arguments, print_result, spread, timed
from benchmarks.timing.speedrun import interval_of_mean

FOLDS = 5
MNIST_EPOCHS = 5
PAUSE_SECONDS = 0.1
"""Before each fit: the matrix library's idle threads keep spinning for a while."""

Fold = tuple[ndarray, ndarray, ndarray, ndarray]
"""Training samples and labels, test samples and labels."""


@dataclass(frozen=True)
class Comparison:
    """One of our estimators and `MLPClassifier`, with equal settings.

    scaled: whether each feature is standardised, by ours itself and by a `StandardScaler`.
    """

    ours: str
    solver: str
    learning_rate_init: float
    scaled: bool
    alpha: float = 0.0001

    def estimators(self, epochs: int, seed: int) -> tuple[Any, Any]:
        """Return ours and theirs."""
        equal: dict[str, Any] = {
            "hidden_layer_sizes": (100,),
            "solver": self.solver,
            "learning_rate_init": self.learning_rate_init,
            "alpha": self.alpha,
            "batch_size": "auto",
            "max_iter": epochs,
            "tol": 0.0,
            "n_iter_no_change": epochs,
            "random_state": seed,
        }
        scaling = "features" if self.scaled else "none"
        ours = getattr(digitnn, self.ours)(**equal, scaling=scaling)
        theirs = MLPClassifier(**equal)
        return ours, make_pipeline(StandardScaler(), theirs) if self.scaled else theirs


COMPARISONS = (
    Comparison("ScratchClassifier", "adam", 0.001, scaled=False),
    Comparison("ScratchClassifier", "adam", 0.001, scaled=True),
    Comparison("ScratchClassifier", "sgd", 0.01, scaled=True),
    Comparison("ScratchClassifier", "lbfgs", 0.001, scaled=True),
    Comparison("TorchClassifier", "adam", 0.001, scaled=True),
)


def digits_folds(seed: int) -> Iterator[Fold]:
    """Yield the folds of scikit-learn's 1,797 digits of 8 x 8 pixels."""
    x, y = load_digits(return_X_y=True)
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, y):
        yield x[train], y[train], x[test], y[test]


def mnist_fold() -> Fold:
    """Return MNIST's training and validation split as rows of numbers from 0 to 1."""
    data = load_data()
    train, valid = (
        np.divide(part.images.reshape(len(part), -1), 255, dtype=np.float32)
        for part in (data.train, data.valid)
    )
    return train, data.train.labels, valid, data.valid.labels


def compare(
    comparison: Comparison,
    folds: Callable[[int], Iterator[Fold]],
    seeds: Sequence[int],
    epochs: int,
    data: str,
) -> dict[str, Any]:
    """Fit both in turns on every fold of every seed; return the result as plain builtins."""
    wall: list[list[float]] = [[], []]
    cpu: list[list[float]] = [[], []]
    means: list[list[float]] = [[], []]
    for seed in seeds:
        accuracies: list[list[float]] = [[], []]
        for x, y, test_x, test_y in folds(seed):
            for which, estimator in enumerate(comparison.estimators(epochs, seed)):
                sleep(PAUSE_SECONDS)
                begin = process_time()
                wall[which].append(timed(partial(estimator.fit, x, y))[0])
                cpu[which].append(process_time() - begin)
                accuracies[which].append(float(estimator.score(test_x, test_y)))
        for which in (0, 1):
            means[which].append(fmean(accuracies[which]))
        print(
            f"{data}, {comparison.ours}, {comparison.solver}, seed {seed}: "
            f"{means[0][-1]:.4f} and {means[1][-1]:.4f}, "
            f"{median(wall[0]):.2f} s and {median(wall[1]):.2f} s",
            file=sys.stderr,
        )
    differences = [ours - theirs for ours, theirs in zip(*means, strict=True)]
    return {
        "data": data,
        "estimator": comparison.ours,
        "solver": comparison.solver,
        "learning_rate_init": comparison.learning_rate_init,
        "alpha": comparison.alpha,
        "standardised": comparison.scaled,
        "epochs": epochs,
        "seeds": list(seeds),
        "fits": len(wall[0]),
        "accuracy": {"ours": fmean(means[0]), "theirs": fmean(means[1])},
        "accuracies": {"ours": means[0], "theirs": means[1]},
        "accuracy_difference": fmean(differences),
        "accuracy_difference_interval": interval_of_mean(differences),
        "seconds": {"ours": spread(wall[0]), "theirs": spread(wall[1])},
        "theirs_over_ours": ratios(wall),
        "cpu_seconds": {"ours": spread(cpu[0]), "theirs": spread(cpu[1])},
        "cpu_theirs_over_ours": ratios(cpu),
    }


def ratios(seconds: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return the spread of their time over ours, fit by fit."""
    return spread([theirs / ours for ours, theirs in zip(*seconds, strict=True)])


def measure(seeds: int, epochs: int, mnist_seeds: int) -> dict[str, Any]:
    """Return all comparisons as plain builtins."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # all epochs are wanted, no more
    rows = []
    for comparison in COMPARISONS:
        x, y, _, _ = next(digits_folds(0))
        for estimator in comparison.estimators(2, 0):
            estimator.fit(x, y)  # imports what it needs
        rows.append(compare(comparison, digits_folds, range(seeds), epochs, "digits"))
    if mnist_seeds:
        fold = mnist_fold()
        for comparison in COMPARISONS[:1]:
            rows.append(
                compare(
                    comparison, lambda _: iter([fold]), range(mnist_seeds), MNIST_EPOCHS, "mnist"
                )
            )
    return {"schema": 1, "folds": FOLDS, "hidden_layer_sizes": [100], "comparisons": rows}


if __name__ == "__main__":
    arguments = parse_arguments(__doc__.splitlines()[0], seeds=5, epochs=100, mnist_seeds=3)
    print_result(measure(arguments.seeds, arguments.epochs, arguments.mnist_seeds), arguments.json)
