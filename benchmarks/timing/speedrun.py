"""How quickly is a network trained that reads 98.7, 99.0, 99.3, 99.5 % of the test digits?

For each mark a recipe that was chosen for it on the validation split; its mean over all seeds must
reach the mark. Every seed has a fresh process, and the clock is that of `one_training`:
from arrays in memory to a network ready to predict. In turns with them, for the first seeds, the
plain PyTorch script of `plain_cnn`, whose time is that of the first epoch after which
its mean over the seeds reaches 99.0 %. Test is read once a training, after every epoch by the
plain script only, which so has the choice of its best.

    python -m benchmarks.timing.speedrun --json [--seeds 10] [--plain-seeds 3] [--plain-epochs 8]
"""

import sys
from collections.abc import Mapping, Sequence
from statistics import fmean, stdev
from typing import Any

import torch
from scipy import stats

from benchmarks.measuring import parse_arguments, print_result
from benchmarks.timing.one_training import PLAIN, in_fresh_process

MARKS: Mapping[str, str] = {
    "98.7": "cnn-98.7",
    "99.0": "cnn-fast",
    "99.3": "cnn-99.3",
    "99.5": "cnn-99.5",
}
"""The recipe for each mark, in percent."""
RACE = "99.0"
"""The mark to which the plain script is timed."""


def interval_of_mean(values: Sequence[float]) -> list[float]:
    """The 95 % interval of the mean over seeds, by Student's t."""
    if len(values) < 2:
        return [values[0], values[0]]
    margin = float(stats.t.ppf(0.975, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return [fmean(values) - margin, fmean(values) + margin]


def summarise(mark: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Means over the seeds of one mark."""
    seconds = [one["seconds"] for one in found]
    accuracies = [one["accuracy"] for one in found]
    return {
        "recipe": MARKS[mark],
        "reached": 100 * fmean(accuracies) >= float(mark),
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
    """Means over the seeds after each epoch, and the first epoch whose mean reaches the mark."""
    epochs = [
        {
            "seconds_mean": fmean(one["seconds"] for one in after),
            "accuracy_mean": fmean(one["accuracy"] for one in after),
        }
        for after in zip(*(one["epochs"] for one in found), strict=True)
    ]
    reached = [e for e in epochs if 100 * e["accuracy_mean"] >= float(RACE)]
    return {
        "epochs": epochs,
        "reached": bool(reached),
        "seconds": (reached or epochs[-1:])[0]["seconds_mean"],
        "n": len(found),
    }


def measure(seeds: int, plain_seeds: int, plain_epochs: int) -> dict[str, Any]:
    """All marks and the plain script, seed by seed; the result as plain builtins."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in (*MARKS, PLAIN)}
    for seed in range(max(seeds, plain_seeds)):
        for mark, recipe in MARKS.items():
            if seed < seeds:
                one = in_fresh_process(recipe, seed, "--split", "test")
                found[mark].append(one)
                print(
                    f"{recipe}, seed {seed}: {one['seconds']:.2f} s, {one['accuracy']:.4f}",
                    file=sys.stderr,
                )
        if seed < plain_seeds:
            options = ("--split", "test", "--epochs", str(plain_epochs))
            found[PLAIN].append(in_fresh_process(PLAIN, seed, *options))
            print(f"plain script, seed {seed}: {found[PLAIN][-1]['epochs']}", file=sys.stderr)
    marks = {mark: summarise(mark, found[mark]) for mark in MARKS}
    plain = summarise_plain(found[PLAIN])
    return {
        "schema": 1,
        "marks": marks,
        "plain": plain,
        "plain_script_over_ours": plain["seconds"] / marks[RACE]["seconds_mean"],
        "plain_script_over_ours_is_a_lower_bound": not plain["reached"],
        "split": "test",
        "threads": torch.get_num_threads(),
        "seeds": list(range(seeds)),
    }


if __name__ == "__main__":
    arguments = parse_arguments(__doc__.splitlines()[0], seeds=10, plain_seeds=3, plain_epochs=8)
    print_result(
        measure(arguments.seeds, arguments.plain_seeds, arguments.plain_epochs), arguments.json
    )
