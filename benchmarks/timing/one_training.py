"""Time one training in a process of its own, for `speedrun` and `accuracy`.

The clock runs from uint8 arrays in memory to a network that is ready to predict. Construction, the
first use of every library, augmentation and training count. Imports, reading the files and
evaluation are timed separately.

    python -m benchmarks.timing.one_training RECIPE --seed 0 [--engine pytorch] [--split valid]
        [--precision bfloat16]
    python -m benchmarks.timing.one_training plain --seed 0 --epochs 8
"""

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from subprocess import PIPE, run
from time import perf_counter
from typing import Any

PLAIN = "plain"
"""The name of the plain script, in place of a recipe."""


def in_fresh_process(recipe: str, seed: int, *options: str) -> dict[str, Any]:
    """Run this module in a process of its own and return what it prints."""
    command = [sys.executable, "-m", "benchmarks.timing.one_training", recipe, "--seed", str(seed)]
    done = run([*command, *options], stdout=PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main(arguments: Sequence[str]) -> None:
    """Train once and print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", help=f'a recipe, or "{PLAIN}" for the plain PyTorch script')
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--engine")
    parser.add_argument("--precision", default="float32", help="of PyTorch's products")
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--epochs", type=int, default=8, help="of the plain script")
    parser.add_argument("--validate", action="store_true", help="validate after every epoch")
    parser.add_argument("--keep", type=Path, metavar="RUN", help="save the run there")
    given = parser.parse_args(arguments)
    start = perf_counter()
    clocked = import_module("benchmarks.timing.clocked_training")
    if given.recipe == PLAIN:
        import_module("torch._dynamo")
    else:
        clocked.import_engine(given.recipe, given.engine)
    imported = perf_counter()
    import_module("digitnn.machine.resources").use_resources(precision=given.precision)
    data, judge = clocked.read_data(given.split)
    read = perf_counter()
    if given.recipe == PLAIN:
        found = clocked.train_plainly(given.seed, given.epochs, data.train, judge)
    else:
        # training validates after every epoch: on one image, unless validation shall be timed
        valid = data.valid if given.validate else data.valid[:1]
        found = clocked.train_recipe(
            given.recipe, given.engine, given.seed, data.train, valid, judge, given.keep
        )
    times = {"import_seconds": imported - start, "reading_seconds": read - imported}
    about = {"recipe": given.recipe, "seed": given.seed, "split": given.split}
    describe = import_module("digitnn.machine.describe")  # its import is not timed
    print(json.dumps({**about, **found, **times, "machine": describe.describe_machine()}))


if __name__ == "__main__":
    main(sys.argv[1:])
