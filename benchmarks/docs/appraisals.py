"""What `digitnn evaluate` says of runs on a split: how good, how sure, how robust; a process each.

Each run's figures are kept in benchmarks/results/appraisals/ as soon as they are there; called
again, it goes on with the runs that are missing. Every call of `evaluate` on test counts as one
reading of that split, and is noted in the run. `--robustness` also shifts, turns and attacks the
images, which takes longer than all else.

    python -m benchmarks.docs.appraisals RUN... [--split test] [--robustness]
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import PIPE, run
from typing import Any

from digitnn.atomic_files import write_text
from digitnn.errors import DigitnnError
from digitnn.machine.describe import describe_machine
from digitnn.runs.ensembles import load_run

KEPT = Path(__file__).parents[1] / "results" / "appraisals"

SAID = (
    *("split", "n", "accuracy", "errors", "loss_nats", "brier", "calibration_error", "temperature"),
    *("tempered", "risk_coverage", "test_reads", "corruptions", "curves", "adversarial"),
)
"""What is kept of the object that `evaluate --json` prints; lists by digit and by image are not."""


def kept_at(recipe: str, engine: str, seed: int, split: str) -> Path:
    """The file of one run's figures."""
    return KEPT / f"{recipe}-{engine}-seed{seed}-{split}.json"


def appraise(path: Path, split: str, robustness: bool) -> None:
    """Keep what `evaluate` says of the run at `path`, unless that is there already."""
    try:
        about = load_run(path).about
    except DigitnnError as error:
        raise SystemExit(f"error: {error}") from None
    name, engine, seed = about["recipe"]["name"], about["engine"], about["seed"]
    kept = kept_at(name, engine, seed, split)
    if kept.exists() and (not robustness or "curves" in json.loads(kept.read_text())):
        return
    options = ["--corruptions", *(["--robustness"] if robustness else [])]
    command = ["digitnn", "evaluate", str(path), "--split", split, "--json", *options]
    done = run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]], stdout=PIPE, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed with exit code {done.returncode}")
    found = select(json.loads(done.stdout))
    how = " ".join([*command[:2], "RUN", *command[3:]])
    told = {"recipe": name, "engine": engine, "seed": seed, "command": how, **found}
    told |= {"machine": describe_machine(), "training": {"commit": about["machine"]["commit"]}}
    KEPT.mkdir(parents=True, exist_ok=True)
    write_text(kept, json.dumps(told, indent=1) + "\n")
    mean = told["corruptions"]["mean"]
    print(f"{name}, seed {seed}: {told['accuracy']:.4f}, MNIST-C {mean:.4f}", file=sys.stderr)


def select(said: Mapping[str, Any]) -> dict[str, Any]:
    """`SAID` of what was said; of disputed labels the counts alone."""
    found = {key: said[key] for key in SAID if key in said}
    if disputed := said.get("disputed"):
        found["disputed"] = {key: disputed[key] for key in ("among", "without", "corrected")}
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Appraise every run that is named."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--robustness", action="store_true")
    given = parser.parse_args(arguments)
    for path in given.runs:
        appraise(path, given.split, given.robustness)


if __name__ == "__main__":
    main()
