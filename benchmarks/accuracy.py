"""How accurate is every recipe, over several seeds, on the test split?

Each training has a fresh process and is kept in benchmarks/results/accuracy/ as soon as it is
done; called again, the benchmark goes on where it was stopped. What is kept was trained by the
recipe as it stands: a changed recipe is trained anew. Test is read once a training.

    python -m benchmarks.accuracy --json [--seeds 5] [--recipes classic,cnn,...]
"""

import argparse
import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch

from benchmarks.measuring import print_result
from benchmarks.one_training import in_fresh_process
from benchmarks.speedrun import interval_of_mean
from digitnn.atomic import write_text
from digitnn.machine import describe_machine
from digitnn.recipes import RECIPES, find_recipe

KEPT = Path(__file__).parent / "results" / "accuracy"


def train_or_find(recipe: str, seed: int) -> dict[str, Any]:
    """The training of `recipe` with `seed`, from the kept ones if it is there."""
    content = json.dumps(find_recipe(recipe).to_json(), sort_keys=True)
    path = KEPT / f"{recipe}-seed{seed}-{sha256(content.encode()).hexdigest()[:12]}.json"
    if path.exists():
        kept: dict[str, Any] = json.loads(path.read_text())
        return kept
    found = in_fresh_process(recipe, seed, "--split", "test", "--validate")
    found["machine"] = describe_machine()
    KEPT.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(found) + "\n")
    print(
        f"{recipe}, seed {seed}: {found['accuracy']:.4f} in {found['seconds']:.1f} s",
        file=sys.stderr,
    )
    return found


def measure(recipes: Sequence[str], seeds: int) -> dict[str, Any]:
    """Mean, spread and interval for each recipe; the result as plain builtins."""
    rows = []
    for recipe in recipes:
        found = [train_or_find(recipe, seed) for seed in range(seeds)]
        accuracies = [one["accuracy"] for one in found]
        rows.append(
            {
                "recipe": recipe,
                "engine": RECIPES[recipe].engines[0],
                "n": seeds,
                "accuracy_mean": fmean(accuracies),
                "accuracy_sd": stdev(accuracies) if seeds > 1 else 0.0,
                "accuracy_interval": interval_of_mean(accuracies),
                "accuracies": accuracies,
                "seconds_mean": fmean(one["seconds"] for one in found),
                "parameters": found[0]["parameters"],
            }
        )
    return {
        "schema": 1,
        "recipes": rows,
        "split": "test",
        "threads": torch.get_num_threads(),
        "seeds": list(range(seeds)),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--recipes", default=",".join(RECIPES))
    given = parser.parse_args()
    print_result(measure(given.recipes.split(","), given.seeds), given.json)
