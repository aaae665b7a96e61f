"""Evaluate runs with `digitnn evaluate`, one process each: accuracy, calibration, robustness.

Each run's figures are saved in benchmarks/results/evaluations/ at once, so that an interrupted call
can be repeated. Every `evaluate` on the test split counts as one reading of it and is recorded in
the run. `--robustness` also shifts, rotates and attacks the images, which takes longest.

    python -m benchmarks.docs.evaluations RUN... [--split test] [--robustness]
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import PIPE, run
from typing import Any

from benchmarks import RESULTS
from digitnn.atomic_files import write_text
from digitnn.errors import DigitnnError
from digitnn.machine.describe import describe_machine
from digitnn.runs.ensembles import load_run

SAVED = RESULTS / "evaluations"

KEYS = (
    *("split", "n", "accuracy", "errors", "loss_nats", "brier", "calibration_error", "temperature"),
    *("tempered", "risk_coverage", "test_reads", "corruptions", "curves", "adversarial"),
)
"""The keys of `evaluate --json` that are saved; lists by digit and by image are not."""


def saved_at(recipe: str, engine: str, seed: int, split: str) -> Path:
    """Return the file of one run's figures."""
    return SAVED / f"{recipe}-{engine}-seed{seed}-{split}.json"


def evaluate_run(path: Path, split: str, robustness: bool) -> None:
    """Evaluate the run at `path` and save its figures, unless they are there already."""
    try:
        about = load_run(path).about
    except DigitnnError as error:
        raise SystemExit(f"error: {error}") from None
    name, engine, seed = about["recipe"]["name"], about["engine"], about["seed"]
    file = saved_at(name, engine, seed, split)
    if file.exists() and (not robustness or "curves" in json.loads(file.read_text())):
        return
    options = ["--corruptions", *(["--robustness"] if robustness else [])]
    command = ["digitnn", "evaluate", str(path), "--split", split, "--json", *options]
    done = run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]], stdout=PIPE, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed with exit code {done.returncode}")
    found = select(json.loads(done.stdout))
    shown = " ".join([*command[:2], "RUN", *command[3:]])
    figures = {"recipe": name, "engine": engine, "seed": seed, "command": shown, **found}
    figures |= {"machine": describe_machine(), "training": {"commit": about["machine"]["commit"]}}
    SAVED.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(figures, indent=1) + "\n")
    mean = figures["corruptions"]["mean"]
    print(f"{name}, seed {seed}: {figures['accuracy']:.4f}, MNIST-C {mean:.4f}", file=sys.stderr)


def select(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an evaluation that is saved; of disputed labels only the counts."""
    found = {key: evaluation[key] for key in KEYS if key in evaluation}
    if disputed := evaluation.get("disputed"):
        found["disputed"] = {key: disputed[key] for key in ("among", "without", "corrected")}
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Evaluate the given runs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--robustness", action="store_true")
    given = parser.parse_args(arguments)
    for path in given.runs:
        evaluate_run(path, given.split, given.robustness)


if __name__ == "__main__":
    main()
