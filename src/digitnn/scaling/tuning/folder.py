"""The folder of a search, and the runs of its winner.

search.json          what the search is: ranges, data, seed, rules
trials.db            the trials, unless --storage names another place
recipe.toml          the winner: `digitnn train recipe.toml` trains it
trial-17/seed-1/     the winner trained with a seed that no trial has used: a run
result.json          what `digitnn tune --json` prints
report.html          the page about the search
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, TypeAlias

from digitnn.atomic_files import write_text
from digitnn.errors import RunError, TrainingError
from digitnn.network.storage.saved_network import read_json
from digitnn.recipes.recipe import Recipe
from digitnn.recipes.toml_writer import recipe_to_toml
from digitnn.runs.experiment import TrainingData, Watch, run_experiment
from digitnn.runs.identity import differences
from digitnn.runs.resume import Checkpointing, is_unfinished
from digitnn.runs.run import is_run, load_single_run
from digitnn.scaling.tuning.results import FinalRun, SearchResult
from digitnn.wording import silent

if TYPE_CHECKING:
    from digitnn.runs.run import Run

SEARCH, STORAGE, RECIPE = "search.json", "trials.db", "recipe.toml"
RESULT, PAGE = "result.json", "report.html"

TitledWatch: TypeAlias = Callable[[str], Watch]
"""Returns the `Watch` of a training with this title."""


def default_folder(name: str) -> Path:
    """Return tuning/NAME."""
    return Path("tuning") / name


def check_folder(folder: Path, identity: Mapping[str, Any]) -> None:
    """Raise `RunError` if the folder holds something other than this search."""
    if (folder / SEARCH).is_file():
        found = read_json(folder / SEARCH).get("identity")
        known = found if isinstance(found, dict) else {}
        if different := differences(known, json.loads(json.dumps(identity))):
            raise RunError(
                f"{folder} is of another search: {'; '.join(different[:3])}"
                f"{' ...' if len(different) > 3 else ''}: choose another --out or remove it"
            )
    elif folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} exists and is not of a search: choose another --out")


def make_folder(folder: Path, identity: Mapping[str, Any]) -> None:
    """Make the folder of a search if it is not there. Raises `RunError` if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
        if not (folder / SEARCH).is_file():
            content = {"schema": 1, "identity": dict(identity)}
            write_text(folder / SEARCH, json.dumps(content, indent=2) + "\n")
    except OSError as error:
        raise RunError(
            f"cannot write the search to {folder}: {error.strerror or error}; choose another --out"
        ) from None


def train_winner(
    recipe: Recipe,
    engine: str | None,
    seeds: Sequence[int],
    data: TrainingData,
    folder: Path,
    watch: TitledWatch,
    command: str,
) -> Iterator[FinalRun | None]:
    """Yield the final run of each seed; what is in `folder` already is not trained again.

    None, and nothing more, if `watch` ended a training early: the same command continues.
    """
    for seed in seeds:
        path = folder / f"seed-{seed}"
        run = _known(path)
        if run is None:
            try:
                checkpointing = Checkpointing(command, silent, resume=True)
                run = run_experiment(
                    recipe,
                    recipe.engine(engine),
                    seed,
                    data,
                    path,
                    watch(f"seed {seed}"),
                    checkpointing,
                )
            except TrainingError:
                run = load_single_run(path)
        if is_unfinished(path):
            yield None
            return
        kept = run.kept if run.about["complete"] else None
        yield FinalRun(seed, kept.valid_accuracy if kept else None, run.about["seconds"], str(path))


def _known(path: Path) -> "Run | None":
    """Return the run at `path` if there is one that needs no more training."""
    return load_single_run(path) if is_run(path) and not is_unfinished(path) else None


def write_recipe(folder: Path, result: SearchResult) -> Path:
    """Write the winner as commented TOML and return its path."""
    path = folder / RECIPE
    write_text(path, recipe_to_toml(result.recipe))
    return path


def write_result(folder: Path, value: Mapping[str, Any]) -> None:
    """Write what `digitnn tune --json` prints."""
    write_text(folder / RESULT, json.dumps(value, indent=2, allow_nan=False) + "\n")
