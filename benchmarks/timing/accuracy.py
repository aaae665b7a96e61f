"""How accurate is every recipe, over several seeds, on the test split?

Each training has a fresh process and is kept in benchmarks/results/accuracy/ as soon as it is
done; called again, the benchmark goes on where it was stopped. What is kept was trained by the
recipe as it stands: a changed recipe is trained anew. All that is kept is reported, also of recipes
that were not asked for. Test is read once a training. With --runs the runs are saved there.

    python -m benchmarks.timing.accuracy --json [--seeds N] [--recipes A,B] [--runs DIR]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from itertools import count, takewhile
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from benchmarks.measuring import print_result
from benchmarks.timing.one_training import in_fresh_process
from benchmarks.timing.speedrun import interval_of_mean
from digitnn.atomic_files import write_text
from digitnn.machine.describe import describe_machine
from digitnn.recipes.builtin import RECIPES, find_recipe

KEPT = Path(__file__).parents[1] / "results" / "accuracy"


def kept_at(recipe: str, seed: int) -> Path:
    """Where the training of `recipe` as it stands is kept."""
    content = json.dumps(find_recipe(recipe).to_json(), sort_keys=True)
    return KEPT / f"{recipe}-seed{seed}-{sha256(content.encode()).hexdigest()[:12]}.json"


def train(recipe: str, seed: int, runs: Path | None) -> None:
    """Train `recipe` with `seed` and keep what came of it, unless that is there already."""
    path = kept_at(recipe, seed)
    if path.exists():
        return
    keep = () if runs is None else ("--keep", str(runs / f"{recipe}-seed{seed}"))
    found = in_fresh_process(recipe, seed, "--split", "test", "--validate", *keep)
    found["machine"] = describe_machine()
    KEPT.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(found) + "\n")
    print(
        f"{recipe}, seed {seed}: {found['accuracy']:.4f} in {found['seconds']:.1f} s",
        file=sys.stderr,
    )


def report(recipe: str) -> dict[str, Any] | None:
    """Mean, spread and interval over all seeds of `recipe` that are kept; None without any."""
    paths = takewhile(Path.exists, (kept_at(recipe, seed) for seed in count()))
    found = [json.loads(path.read_text()) for path in paths]
    if not found:
        return None
    accuracies = [one["accuracy"] for one in found]
    return {
        "recipe": recipe,
        "engine": RECIPES[recipe].engines[0],
        "n": len(found),
        "accuracy_mean": fmean(accuracies),
        "accuracy_sd": stdev(accuracies) if len(found) > 1 else 0.0,
        "accuracy_interval": interval_of_mean(accuracies),
        "accuracies": accuracies,
        "seconds_mean": fmean(one["seconds"] for one in found),
        "parameters": found[0]["parameters"],
    }


def measure(recipes: Sequence[str], seeds: int, runs: Path | None) -> dict[str, Any]:
    """Train what is missing of `recipes`; everything that is kept as plain builtins."""
    for seed in range(seeds):
        for recipe in recipes:
            train(recipe, seed, runs)
    rows = [row for recipe in RECIPES if (row := report(recipe))]
    return {"schema": 1, "recipes": rows, "split": "test", "threads": torch.get_num_threads()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--recipes", default=",".join(RECIPES))
    parser.add_argument("--runs", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    print_result(measure(given.recipes.split(","), given.seeds, given.runs), given.json)
