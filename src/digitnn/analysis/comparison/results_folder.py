"""Write the folder `results/` of a comparison: tables, figures and two artefacts.

comparison.json        what `digitnn compare --json` prints
comparison.md          the same as Markdown
overview.png, time_accuracy.png, learning_curves.png, confusion.png, disagreements.png
digitnn_results.json   name, training time, test accuracy and origin of each model
params.pickle          the from-scratch network as NumPy arrays and built-in types
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import numpy as np

from digitnn.analysis.comparison.comparison import EvaluatedRun, group_seeds
from digitnn.analysis.comparison.figures import (
    draw_confusions,
    draw_disagreements,
    draw_learning_curves,
    draw_overview,
    draw_time_and_accuracy,
)
from digitnn.analysis.comparison.tables import comparison_to_markdown
from digitnn.atomic_files import write_text
from digitnn.data.dataset import Dataset
from digitnn.errors import RunError
from digitnn.network.layers import Dense, Flatten, Sigmoid
from digitnn.pickles.loading import save_pickle
from digitnn.plotting import write_figure
from digitnn.runs.run import Run

RESULT_FILES = (
    "comparison.json",
    "comparison.md",
    "overview.png",
    "time_accuracy.png",
    "learning_curves.png",
    "confusion.png",
    "disagreements.png",
    "digitnn_results.json",
    "params.pickle",
)
CLASSIC_LAYERS = (Flatten, Dense, Sigmoid, Dense)


def check_writable(folder: Path, option: str = "--results") -> None:
    """Raise `RunError` unless files can be written to `folder`; call it before training.

    option: the name of the option that selects another folder, for the message.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RunError(
            f"cannot write results to {folder}: {error.strerror or error}; choose another {option}"
        ) from None


def write_results(
    folder: Path, comparison: Mapping[str, Any], evaluated: Sequence[EvaluatedRun], test: Dataset
) -> list[Path]:
    """Write all files, or leave the folder unchanged; return the paths in the order above.

    The files are written to a folder inside and then moved. Files of an earlier comparison that
    this one does not write are removed, so that the folder is consistent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".", dir=folder) as staging:
        names = _write_all(Path(staging), comparison, evaluated, test)
        for name in names:
            (Path(staging) / name).replace(folder / name)
    for name in RESULT_FILES:
        if name not in names:
            (folder / name).unlink(missing_ok=True)
    return [folder / name for name in names]


def _write_all(
    folder: Path, comparison: Mapping[str, Any], evaluated: Sequence[EvaluatedRun], test: Dataset
) -> list[str]:
    """Write the files and return their names."""
    firsts = [group[0] for group in group_seeds(evaluated)]
    write_text(folder / "comparison.json", json.dumps(comparison, indent=2) + "\n")
    write_text(folder / "comparison.md", "# Comparison\n\n" + comparison_to_markdown(comparison))
    figures = {
        "overview.png": draw_overview(comparison),
        "time_accuracy.png": draw_time_and_accuracy(comparison["rows"]),
        "confusion.png": draw_confusions(firsts),
    }
    if learned := [one.run for one in firsts if one.run.history]:
        figures["learning_curves.png"] = draw_learning_curves(learned)
    if len(firsts) > 1:
        figures["disagreements.png"] = draw_disagreements(firsts[0], firsts[-1], test)
    for name, figure in figures.items():
        write_figure(folder / name, figure)
    write_text(
        folder / "digitnn_results.json",
        json.dumps({"schema": 1, "models": [_model(one) for one in evaluated]}, indent=2) + "\n",
    )
    written = ["comparison.json", "comparison.md", *figures, "digitnn_results.json"]
    runs = [one.run for one in firsts if isinstance(one.run, Run)]
    scratch = [run for run in runs if run.engine == "scratch"]
    if scratch:
        save_pickle(folder / "params.pickle", run_to_plain(scratch[0]))
        written.append("params.pickle")
    return written


def run_to_plain(run: Run) -> dict[str, Any]:
    """Return a run as a dictionary of NumPy arrays and built-in types.

    A network with one hidden layer of sigmoid units also gets the names that courses use:
    w1 (n_hidden, features + 1) and w2 (10, n_hidden + 1) with biases in the last column,
    selected_features (indices of the pixels that w1 sees), lambda.
    """
    value: dict[str, Any] = {
        "recipe": run.recipe,
        "seed": run.about["seed"],
        "standardise": {
            "mean": run.network.standardise.mean,
            "std": run.network.standardise.std,
        },
        "parameters": dict(run.params),
    }
    if tuple(type(layer) for layer in run.network.layers) == CLASSIC_LAYERS:
        first, second = run.params["1.weight"], run.params["3.weight"]
        selected = np.flatnonzero(np.any(first != 0, axis=0))
        value |= {
            "selected_features": selected,
            "n_hidden": len(first),
            "w1": np.column_stack([first[:, selected], run.params["1.bias"]]),
            "w2": np.column_stack([second, run.params["3.bias"]]),
            "lambda": run.about["recipe"]["l2"],
        }
    return value


def _model(one: EvaluatedRun) -> dict[str, Any]:
    about = one.run.about
    return {
        "model": one.run.recipe,
        "engine": one.run.engine,
        "training_seconds": about["seconds"],
        "test_accuracy": one.evaluation.accuracy,
        "test_interval": list(one.evaluation.interval),
        "seed": about["seed"],
        "epochs": about["epochs"],
        "recipe": about["recipe"],
        "data": about["data"],
        "machine": about["machine"],
        "when": about["when"],
        "run": str(one.run.path),
    }
