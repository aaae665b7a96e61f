"""Write the small networks that `digitnn serve` shows, from trained runs, into the package.

    python -m tools.ship_served runs/served-classic runs/served-cnn

Quantises the weights to eight bits; the results are ordinary runs, named by their recipes.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from digitnn.evaluation.evaluation import evaluate
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import NETWORK, PARAMS, load_network, quantise
from digitnn.runs.evaluate_run import load_split_of
from digitnn.runs.run import HISTORY, RECIPE, load_single_run
from digitnn.serving.models import SHIPPED_FOLDER, ServedModel, Source

MAX_BYTES = 300_000
"""Of all of them together."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Ship the runs; print their size and validation accuracy as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=SHIPPED_FOLDER)
    options = parser.parse_args(arguments)
    shipped = {}
    for path in options.runs:
        run = load_single_run(path)
        folder = options.out / run.recipe
        folder.mkdir(parents=True, exist_ok=True)
        for name in (NETWORK, RECIPE, HISTORY):
            shutil.copyfile(path / name, folder / name)
        save_safetensors(folder / PARAMS, quantise(run.params))
        load_network(folder)
        model = ServedModel.load(Source(run.recipe, folder, ""))
        valid = load_split_of(run, "valid")
        shipped[run.recipe] = {
            "bytes": sum(file.stat().st_size for file in folder.iterdir()),
            "accuracy": evaluate(run.classifier("scratch"), valid).accuracy,
            "accuracy_rounded": evaluate(model.classifiers["scratch"], valid).accuracy,
        }
    size = sum(file.stat().st_size for file in options.out.rglob("*") if file.is_file())
    if size > MAX_BYTES:
        sys.exit(f"{size:,} bytes to ship; at most {MAX_BYTES:,}")
    sys.stdout.write(json.dumps({"bytes": size, **shipped}, indent=2) + "\n")


if __name__ == "__main__":
    main()
