"""Shared by all benchmarks: data, timing in turns, the machine's matrix rate, and output."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter, sleep
from typing import Any, TypeVar

import numpy as np

from digitnn.machine.describe import describe_machine
from digitnn.runs.experiment import TrainingData, load_training_data

Result = TypeVar("Result")


def load_data() -> TrainingData:
    """Return MNIST's 50,000 training and 10,000 validation images; the test split is not read."""
    return load_training_data("mnist")


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Return the wall-clock seconds and the result of `work`."""
    start = perf_counter()
    result = work()
    return perf_counter() - start, result


def results_in_turns(
    works: Sequence[Callable[[], Result]], repeats: int
) -> list[list[tuple[float, Result]]]:
    """Run long works in turns, A B A B ..., so that a drift of the machine's speed hits all alike.

    Returns a list of (seconds, result) for each work. See `seconds_in_turns` for short works.
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


def seconds_in_turns(
    works: Mapping[str, Callable[[], object]], repeats: int, calls: int
) -> dict[str, list[float]]:
    """Time short works in turns, A B C A B C ...; each time is the mean of `calls` calls.

    A pause and an untimed call precede each turn: the idle threads of the matrix library that ran
    last keep spinning for a while, on the cores that the next work needs. A first round warms up.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for repeat in range(repeats + 1):
        for name, work in works.items():
            sleep(0.1)
            work()
            begin = perf_counter()
            for _ in range(calls):
                work()
            if repeat:
                seconds[name].append((perf_counter() - begin) / calls)
    return seconds


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Return the median and the range of some values."""
    return {"median": median(values), "min": min(values), "max": max(values), "n": len(values)}


def sgemm_gflops(size: int = 2048, repeats: int = 7) -> float:
    """Return the rate of NumPy's single-precision matrix product on all cores, in GFLOP/s."""
    rng = np.random.default_rng(0)
    a, b = rng.random((2, size, size), np.float32)
    seconds = [timed(lambda: a @ b)[0] for _ in range(repeats)]
    return 2 * size**3 / median(seconds) / 1e9


def parse_arguments(description: str, **numbers: int) -> argparse.Namespace:
    """Parse the options of a benchmark: --json, and an integer for each keyword."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    for name, default in numbers.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=int, default=default, help="default: %(default)s"
        )
    return parser.parse_args()


def print_result(result: Mapping[str, Any], compact: bool) -> None:
    """Print the result and the machine it was measured on (with versions, threads) as JSON."""
    print(
        json.dumps({**result, "machine": describe_machine()}, indent=None if compact else 2),
        flush=True,
    )
