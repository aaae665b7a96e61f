"""How accurate is every recipe, over several seeds, on the test split?

Each training has a fresh process, and its result is saved in benchmarks/results/accuracy/ at once,
so that an interrupted benchmark continues. A changed recipe is trained again. The report contains
all saved results, those of recipes outside --recipes too. Each training reads the test split once.

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

from benchmarks import RESULTS
from benchmarks.measuring import print_result
from benchmarks.timing.one_training import in_fresh_process
from benchmarks.timing.speedrun import interval_of_mean
from digitnn.atomic_files import write_text
from digitnn.machine.resources import threads
from digitnn.recipes.builtin import RECIPES, find_recipe

SAVED = RESULTS / "accuracy"


def saved_at(recipe: str, seed: int) -> Path:
    """Return where the result of `recipe` is saved; a hash of the recipe is part of the name."""
    content = json.dumps(find_recipe(recipe).to_json(), sort_keys=True)
    return SAVED / f"{recipe}-seed{seed}-{sha256(content.encode()).hexdigest()[:12]}.json"


def train(recipe: str, seed: int, runs: Path | None) -> None:
    """Train `recipe` with `seed` and save the result, unless it is there already."""
    path = saved_at(recipe, seed)
    if path.exists():
        return
    keep = () if runs is None else ("--keep", str(runs / f"{recipe}-seed{seed}"))
    found = in_fresh_process(recipe, seed, "--split", "test", "--validate", *keep)
    SAVED.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(found) + "\n")
    print(
        f"{recipe}, seed {seed}: {found['accuracy']:.4f} in {found['seconds']:.1f} s",
        file=sys.stderr,
    )


def report(recipe: str) -> dict[str, Any] | None:
    """Return mean, spread and interval over all saved seeds of `recipe`; None without any."""
    paths = takewhile(Path.exists, (saved_at(recipe, seed) for seed in count()))
    found = [json.loads(path.read_text()) for path in paths]
    if not found:
        return None
    accuracies = [one["accuracy"] for one in found]
    return {
        "recipe": recipe,
        "engine": RECIPES[recipe].engines[0],
        "n": len(found),
        "seeds": [one["seed"] for one in found],
        "accuracy_mean": fmean(accuracies),
        "accuracy_sd": stdev(accuracies) if len(found) > 1 else 0.0,
        "accuracy_interval": interval_of_mean(accuracies),
        "accuracies": accuracies,
        "seconds_mean": fmean(one["seconds"] for one in found),
        "parameters": found[0]["parameters"],
    }


def measure(recipes: Sequence[str], seeds: int, runs: Path | None) -> dict[str, Any]:
    """Train what is missing of `recipes`; return all saved results as plain builtins."""
    for seed in range(seeds):
        for recipe in recipes:
            train(recipe, seed, runs)
    rows = [row for recipe in RECIPES if (row := report(recipe))]
    return {"schema": 1, "recipes": rows, "split": "test", "threads": threads()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--recipes", default=",".join(RECIPES), help="default: all")
    parser.add_argument("--runs", type=Path, metavar="DIR", help="save the runs in this folder")
    given = parser.parse_args()
    print_result(measure(given.recipes.split(","), given.seeds, given.runs), given.json)
