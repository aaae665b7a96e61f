"""What all benchmarks share: the data, timing in turns, the machine's matrix rate, the output."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from digitnn.machine.describe import describe_machine
from digitnn.runs.experiment import TrainingData, load_training_data

Result = TypeVar("Result")


def load_data() -> TrainingData:
    """MNIST's 50,000 training and 10,000 validation images; the test split is not read."""
    return load_training_data("mnist")


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds on the wall, and what `work` returned."""
    start = perf_counter()
    result = work()
    return perf_counter() - start, result


def in_turns(
    works: Sequence[Callable[[], Result]], repeats: int
) -> list[list[tuple[float, Result]]]:
    """Run all of `works` one after the other, `repeats` times over: A B A B ...

    A machine whose speed drifts then slows both alike. One list of (seconds, result) a work.
    """
    found: list[list[tuple[float, Result]]] = [[] for _ in works]
    for repeat in range(repeats):
        for which, work in enumerate(works):
            found[which].append(timed(work))
            print(
                f"repeat {repeat + 1} of {repeats}, {which + 1}: {found[which][-1][0]:.2f} s",
                file=sys.stderr,
            )
    return found


def spread(seconds: Sequence[float]) -> dict[str, Any]:
    """Median, least and most of some times."""
    return {
        "median": median(seconds),
        "min": min(seconds),
        "max": max(seconds),
        "n": len(seconds),
    }


def sgemm_gflops(size: int = 2048, repeats: int = 7) -> float:
    """The rate of NumPy's single-precision matrix product on all cores, in 1e9 operations/s."""
    rng = np.random.default_rng(0)
    a, b = rng.random((2, size, size), np.float32)
    seconds = [timed(lambda: a @ b)[0] for _ in range(repeats)]
    return 2 * size**3 / median(seconds) / 1e9


def parse_arguments(description: str, **numbers: int) -> argparse.Namespace:
    """The options of a benchmark: --json, and a whole number for each keyword."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    for name, default in numbers.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    return parser.parse_args()


def print_result(result: Mapping[str, Any], compact: bool) -> None:
    """The result with the machine it was measured on, as JSON on stdout."""
    print(
        json.dumps({**result, "machine": describe_machine()}, indent=None if compact else 2),
        flush=True,
    )
