"""How accurate is the most accurate recipe, trained on all 60,000 images, and an ensemble of it?

Each training is a run under --runs, and continues where it was interrupted. After each epoch its
accuracy on the test split is recorded, so as to show what choosing the best epoch or the best seed
on that split would add; the figures that count are those of the last epoch and the mean over all
seeds. The recipe was chosen on the validation split before. Disjoint groups of seeds, in their
order, make the ensembles. The clock leaves out the evaluations.

    python -m benchmarks.timing.records --json [--seeds 5] [--members 5] [--workers 2] [--runs DIR]
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean, stdev
from subprocess import run
from time import perf_counter
from typing import Any

from benchmarks.measuring import print_result
from benchmarks.timing.speedrun import interval_of_mean
from digitnn.data.fetch.sources import load
from digitnn.evaluation.evaluation import evaluate
from digitnn.machine.resources import use_resources
from digitnn.recipes.toml_reader import choose_recipe
from digitnn.runs.ensembles import AveragedClassifier
from digitnn.runs.experiment import load_training_data, run_experiment
from digitnn.runs.resume import Checkpointing
from digitnn.runs.run import load_single_run
from digitnn.training.records import EpochRecord, Record
from digitnn.training.training import Training

RECIPE = "cnn-best"


def folder_of(runs: Path, recipe: str, seed: int) -> Path:
    """Return the folder of a run."""
    return runs / f"{recipe}-all-seed{seed}"


def train(recipe_name: str, seed: int, threads: int, precision: str, runs: Path) -> None:
    """Train a run on all images, and evaluate it on the test split after each epoch."""
    use_resources(threads, "auto", precision)
    path, recipe = folder_of(runs, recipe_name, seed), choose_recipe(recipe_name)
    test = load("mnist", "test")
    log = path.with_suffix(".jsonl")

    def watch(training: Training) -> Iterator[Record]:
        for record in training:
            if isinstance(record, EpochRecord):
                begin = perf_counter()
                params = training.last_params()
                found = evaluate(training.engine.classifier(training.network, params), test)
                line = {"epoch": record.epoch, "accuracy": found.accuracy}
                line["seconds"] = perf_counter() - begin
                with log.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(f"{path.name}: {line}, {record.seconds:.0f} s", file=sys.stderr, flush=True)
            yield record

    keeping = Checkpointing("", lambda text: print(text, file=sys.stderr), 60, resume=True)
    data = load_training_data("mnist", all_images=True)
    run_experiment(recipe, recipe.engines[0], seed, data, path, watch, keeping)


def train_all(
    recipe: str, seeds: int, workers: int, threads: int, precision: str, runs: Path
) -> None:
    """Train what is missing, `workers` at once, each in a process with `threads` threads."""
    runs.mkdir(parents=True, exist_ok=True)

    def one(seed: int) -> None:
        command = [sys.executable, "-m", "benchmarks.timing.records", "--train", str(seed)]
        command += ["--recipe", recipe, "--threads", str(threads), "--runs", str(runs)]
        command += ["--precision", precision]
        run(command, check=True)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, range(seeds)))


def read_log(path: Path) -> dict[int, dict[str, float]]:
    """Return what was measured after each epoch; of an epoch trained twice the last."""
    lines = path.with_suffix(".jsonl").read_text().splitlines()
    return {line["epoch"]: line for line in map(json.loads, lines)}


def summarise(accuracies: Sequence[float]) -> dict[str, Any]:
    """Return mean, standard deviation and the mean's 95 % interval of some accuracies."""
    return {
        "mean": fmean(accuracies),
        "sd": stdev(accuracies) if len(accuracies) > 1 else 0.0,
        "interval": interval_of_mean(accuracies) if len(accuracies) > 1 else None,
        "n": len(accuracies),
        "each": list(accuracies),
    }


def chosen_by_test(
    last: Sequence[float], logs: Sequence[Mapping[int, Mapping[str, float]]]
) -> dict[str, float]:
    """Return what choosing among epochs and seeds by their test accuracy would claim.

    last: the accuracy after the last epoch of each training; logs: see `read_log`.
    """
    best_epochs = [max(line["accuracy"] for line in log.values()) for log in logs]
    return {
        "best_epoch_mean": fmean(best_epochs),
        "best_seed": max(last),
        "best_epoch_of_the_best_seed": max(best_epochs),
    }


def report(recipe: str, seeds: int, members: int, runs: Path) -> dict[str, Any]:
    """Return all figures of the runs as plain builtins."""
    test = load("mnist", "test")
    paths = [folder_of(runs, recipe, seed) for seed in range(seeds)]
    made = [load_single_run(path) for path in paths]
    assert all(one.about["complete"] and one.about["data"]["train"]["n"] == 60_000 for one in made)
    logs = [read_log(path) for path in paths]
    last = [evaluate(one.classifier(), test).accuracy for one in made]
    for log, accuracy in zip(logs, last, strict=True):
        assert abs(log[max(log)]["accuracy"] - accuracy) < 1.5e-4  # on other threads: a last bit
    groups = [made[i : i + members] for i in range(0, seeds - members + 1, members)]
    ensembles = [
        evaluate(AveragedClassifier(tuple(one.classifier() for one in group)), test).accuracy
        for group in groups
    ]
    seconds = [
        one.history[-1].seconds - sum(line["seconds"] for line in log.values())
        for one, log in zip(made, logs, strict=True)
    ]
    return {
        "schema": 1,
        "recipe": recipe,
        "engine": made[0].engine,
        "parameters": made[0].parameter_count(),
        "epochs": choose_recipe(recipe).epochs,
        "last_epoch": summarise(last),
        "ensembles": {"members": members, **summarise(ensembles)} if ensembles else None,
        "chosen_on_test": chosen_by_test(last, logs),
        "seconds": {"mean": fmean(seconds), "each": seconds},
        "trained_on": made[0].about["machine"],
        "test_reads_of_a_run": len(logs[0]) + 1,
        "seeds": list(range(seeds)),
    }


def main() -> None:
    """Train what is missing, evaluate, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--recipe", default=RECIPE)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--members", type=int, default=5, help="of an ensemble")
    parser.add_argument("--workers", type=int, default=1, help="trainings at once")
    parser.add_argument("--threads", type=int, default=2, help="of each training")
    parser.add_argument("--precision", default="float32", help="of PyTorch's products")
    parser.add_argument("--runs", type=Path, default=Path("runs"), metavar="DIR")
    parser.add_argument("--train", type=int, metavar="SEED", help="train this seed only")
    given = parser.parse_args()
    if given.train is not None:
        train(given.recipe, given.train, given.threads, given.precision, given.runs)
        return
    how_much = (given.workers, given.threads, given.precision)
    train_all(given.recipe, given.seeds, *how_much, given.runs)
    how = {"workers": given.workers, "threads_each": given.threads}
    print_result(report(given.recipe, given.seeds, given.members, given.runs) | how, given.json)


if __name__ == "__main__":
    main()
