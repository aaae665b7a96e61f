"""Measure the reference: the error of the `cnn` recipe on each corruption.

    python -m tools.measure_reference RUN ... [--split valid]

measures runs of one recipe and writes their mean to `reference.json` of `analysis.robustness`, with
its source. Each run records its evaluations, as always.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from digitnn.analysis.robustness.corrupted import (
    CORRUPTION_SEED,
    REFERENCE_FILE,
    corrupted_splits,
)
from digitnn.atomic_files import write_text
from digitnn.errors import DigitnnError, UsageError


def measure_reference(
    paths: Sequence[Path], splits: Sequence[str], data_dir: Path | None
) -> dict[str, Any]:
    """Return the mean errors of the runs at `paths` on each of `splits`, and their source.

    The data of the first run are used for all. Raises `UsageError` for runs of several recipes, or
    two runs of one seed.
    """
    from digitnn.evaluation.evaluation import evaluate
    from digitnn.machine.describe import describe_machine
    from digitnn.runs.evaluate_run import evaluate_and_record, load_split_of
    from digitnn.runs.run import load_single_run

    runs = [load_single_run(path) for path in paths]
    recipes, seeds = {run.recipe for run in runs}, [int(run.about["seed"]) for run in runs]
    if len(recipes) > 1:
        raise UsageError(f"a reference needs runs of one recipe, got {', '.join(sorted(recipes))}")
    if len(set(seeds)) < len(seeds):
        raise UsageError(f"a reference needs runs of different seeds, got {sorted(seeds)}")
    measured = []
    for split in splits:
        dataset = load_split_of(runs[0], split, data_dir)
        classifiers = [run.classifier() for run in runs]
        for run, classifier in zip(runs, classifiers, strict=True):
            evaluate_and_record(run, split, dataset, classifier)
        errors = {}
        for name, corrupted in corrupted_splits(dataset):
            right = [evaluate(classifier, corrupted).accuracy for classifier in classifiers]
            errors[name] = round(1 - sum(right) / len(right), 8)
        measured.append(
            {"split": split, "sha256": dataset.fingerprint(), "n": len(dataset), "errors": errors}
        )
    source = {
        "recipe": recipes.pop(),
        "seeds": seeds,
        "corruption_seed": CORRUPTION_SEED,
        "command": "python -m tools.measure_reference RUN ...",
        "machine": describe_machine(),
    }
    return {"schema": 1, "source": source, "splits": measured}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write a reference; print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--split", action="append", choices=("valid", "test"))
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--out", type=Path, default=REFERENCE_FILE)
    options = parser.parse_args(arguments)
    try:
        reference = measure_reference(options.runs, options.split or ["valid"], options.data_dir)
    except DigitnnError as error:
        parser.exit(error.exit_code, f"error: {error}\n")
    text = json.dumps(reference, indent=2) + "\n"
    write_text(options.out, text)
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
