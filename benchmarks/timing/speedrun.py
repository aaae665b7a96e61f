"""How fast can a network be trained to a test accuracy of 98.7, 99.0, 99.3 and 99.5 %?

Each target has a recipe that was chosen for it on the validation split; its mean over all seeds has
to reach the target, on each engine, and with PyTorch's products in bfloat16 too. Every seed has a
fresh process and the clock of `one_training`: from arrays in memory to a network ready to predict;
numba's passes were compiled and cached on disk before. The plain PyTorch script of `plain_cnn` runs
in turns with the first seeds; its time is that of the first epoch whose mean over the seeds reaches
99.0 %. Each training reads the test split once, the plain script after every epoch, to its
advantage.

    python -m benchmarks.timing.speedrun --json [--seeds 10] [--plain-seeds 3] [--plain-epochs 8]
"""

import sys
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

from scipy import stats

from benchmarks.measuring import parse_arguments, print_result
from benchmarks.timing.one_training import PLAIN, in_fresh_process
from digitnn.machine.resources import threads

TARGETS: Mapping[str, str] = {
    "98.7": "cnn-98.7",
    "99.0": "cnn-fast",
    "99.3": "cnn-99.3",
    "99.5": "cnn-99.5",
}
"""The recipe for each target, in percent."""
WAYS = {"marks": ("pytorch", "float32"), "bfloat16": ("pytorch", "bfloat16"),
        "other_engine": ("scratch", "float32")}  # fmt: skip
"""Engine and precision, by their key in the result."""
PLAIN_TARGET = "99.0"
"""The target to which the plain script is timed."""


def interval_of_mean(values: Sequence[float]) -> list[float]:
    """Return the 95 % interval of the mean over seeds, by Student's t."""
    if len(values) < 2:
        return [values[0], values[0]]
    margin = float(stats.t.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return [fmean(values) - margin, fmean(values) + margin]


def summarise_target(target: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return means over the seeds of one target on one engine."""
    seconds = [one["seconds"] for one in found]
    accuracies = [one["accuracy"] for one in found]
    return {
        "recipe": TARGETS[target],
        "engine": found[0]["engine"],
        "reached": 100 * fmean(accuracies) >= float(target),
        "seconds_mean": fmean(seconds),
        "seconds_sd": stdev(seconds) if len(seconds) > 1 else 0.0,
        "accuracy_mean": fmean(accuracies),
        "accuracy_interval": interval_of_mean(accuracies),
        "n": len(found),
        "seconds": seconds,
        "accuracies": accuracies,
        "evaluation_seconds_mean": fmean(one["evaluation_seconds"] for one in found),
        "import_seconds_mean": fmean(one["import_seconds"] for one in found),
        "reading_seconds_mean": fmean(one["reading_seconds"] for one in found),
    }


def summarise_plain(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return means over the seeds after each epoch, and the time of the first to reach 99.0 %."""
    epochs = [
        {
            "seconds_mean": fmean(one["seconds"] for one in after),
            "accuracy_mean": fmean(one["accuracy"] for one in after),
        }
        for after in zip(*(one["epochs"] for one in found), strict=True)
    ]
    reached = [e for e in epochs if 100 * e["accuracy_mean"] >= float(PLAIN_TARGET)]
    return {
        "epochs": epochs,
        "reached": bool(reached),
        "seconds": (reached or epochs[-1:])[0]["seconds_mean"],
        "n": len(found),
    }


def measure(seeds: int, plain_seeds: int, plain_epochs: int) -> dict[str, Any]:
    """Train for all targets and the plain script; return the result as plain builtins.

    The result has each recipe by each of the `WAYS`.
    """
    rows = [(mark, way) for mark in TARGETS for way in WAYS]
    compiling = ("--engine", "scratch", "--precision", "float32")
    in_fresh_process(TARGETS[PLAIN_TARGET], 0, *compiling)  # which is not timed
    found: dict[tuple[str, str], list[dict[str, Any]]] = {row: [] for row in rows}
    found_plain: list[dict[str, Any]] = []
    for seed in range(max(seeds, plain_seeds)):
        for mark, way in rows if seed < seeds else []:
            engine, precision = WAYS[way]
            how = ("--engine", engine, "--precision", precision, "--split", "test")
            one = in_fresh_process(TARGETS[mark], seed, *how)
            found[mark, way].append(one)
            print(
                f"{TARGETS[mark]} on {engine} in {precision}, seed {seed}: "
                f"{one['seconds']:.2f} s, {one['accuracy']:.4f}",
                file=sys.stderr,
            )
        if seed < plain_seeds:
            options = ("--split", "test", "--epochs", str(plain_epochs))
            found_plain.append(in_fresh_process(PLAIN, seed, *options))
            print(f"plain script, seed {seed}: {found_plain[-1]['epochs']}", file=sys.stderr)
    summaries = {row: summarise_target(row[0], trained) for row, trained in found.items()}
    plain = summarise_plain(found_plain)
    by_way = {way: {mark: summaries[mark, way] for mark in TARGETS} for way in WAYS}
    usual = by_way["marks"]
    return {
        "schema": 3,
        **by_way,
        "scratch_over_pytorch": {
            mark: one["seconds_mean"] / usual[mark]["seconds_mean"]
            for mark, one in by_way["other_engine"].items()
        },
        "plain": plain,
        "plain_script_over_ours": plain["seconds"] / usual[PLAIN_TARGET]["seconds_mean"],
        "plain_script_over_ours_is_a_lower_bound": not plain["reached"],
        "split": "test",
        "threads": threads(),
        "seeds": list(range(seeds)),
    }


if __name__ == "__main__":
    arguments = parse_arguments(__doc__.splitlines()[0], seeds=10, plain_seeds=3, plain_epochs=8)
    print_result(
        measure(arguments.seeds, arguments.plain_seeds, arguments.plain_epochs), arguments.json
    )
