"""A run that digitnn 0.1.0 wrote (commit 8d6f618) still loads, and every command takes it.

It was trained on the data of the fixture `digits`, from a recipe with a synthetic mix, which 0.1.0
called `beside`: tiny, 2 epochs, then evaluated once on each split.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line

from digitnn.data.dataset import Dataset
from digitnn.recipes.recipe import Recipe
from digitnn.runs.checkpoints import write_checked_json
from digitnn.runs.ensembles import load_run
from digitnn.runs.identity import settings_of
from digitnn.runs.resume import CHECKPOINT, TRAINING
from digitnn.runs.run import load_single_run, read_evaluations

pytestmark = pytest.mark.slow

FIXTURE = Path(__file__).parent / "fixtures" / "run-0.1.0"


@pytest.fixture
def run(digitnn: CommandLine) -> Path:
    """A copy in the working folder: evaluating a run writes to it."""
    return Path(shutil.copytree(FIXTURE, "old"))


@pytest.mark.parametrize("engine", ["scratch", "pytorch"])
def test_an_old_run_classifies_as_it_did_on_both_engines(engine: str, digits: Dataset) -> None:
    run = load_single_run(FIXTURE)
    valid, test = digits[400:480], digits[480:]
    found = {"valid": valid, "test": test}
    for reading in read_evaluations(FIXTURE):
        split = found[reading["split"]]
        assert reading["data"]["sha256"] == split.fingerprint()
        predictions = run.classifier(engine).logits(split.images).argmax(axis=1)
        assert int(np.sum(predictions != split.labels)) == reading["errors"] > 0


def test_an_old_run_keeps_its_history_and_its_recipe() -> None:
    run = load_single_run(FIXTURE)
    assert [record.epoch for record in run.history] == [1, 2]
    assert run.kept == run.history[-1]
    mix = Recipe.from_json(run.about["recipe"]).synthetic_mix
    assert mix is not None
    assert (mix.hands, mix.clothes) == (20, 0)


def test_the_commands_take_an_old_run(digitnn: CommandLine, run: Path) -> None:
    shown = digitnn("recipes", "show", "old")
    assert shown.code == 0
    assert "synthetic_mix" in shown.out
    assert digitnn("inspect", "old", "--json").json()["recipe"] == "tiny"
    evaluated = digitnn("evaluate", "old", "--split", "test", "--json").json()
    assert (evaluated["reads"], evaluated["test_reads"]) == (2, 2)
    (standing,) = digitnn("leaderboard", "old", "--json").json()["standings"]
    assert (standing["recipe"], standing["mean"]) == ("tiny", 0.6875)
    assert len(digitnn("curves", "old", "--json").json()["runs"][0]["history"]) == 2
    compared = digitnn("compare", "old", "classic", "--epochs", "1", "--json").json()
    assert {row["recipe"] for row in compared["rows"]} == {"tiny", "classic"}


def test_an_old_run_has_the_settings_of_a_new_one_trained_alike() -> None:
    old = json.loads((FIXTURE / "recipe.json").read_text())
    new = old | {"recipe": {**old["recipe"], "synthetic_mix": old["recipe"]["beside"]}}
    del new["recipe"]["beside"]
    assert settings_of(load_single_run(FIXTURE).about) == settings_of(new)


def test_an_old_run_can_be_a_member_of_an_ensemble(digitnn: CommandLine, run: Path) -> None:
    other = Path(shutil.copytree(run, "other"))
    params = bytearray((other / "params.safetensors").read_bytes())
    params[-1] ^= 1
    (other / "params.safetensors").write_bytes(params)
    assert digitnn("ensemble", "old", "other", "--out", "both").code == 0
    about = json.loads(Path("both/recipe.json").read_text())
    Path("both/recipe.json").write_text(json.dumps(about | {"format": 1}))
    both = load_run("both")
    assert both.about["recipe"] == {"name": "2 x tiny"}
    assert digitnn("evaluate", "both").code == 0


def test_an_old_unfinished_training_is_refused_in_one_clear_line(
    digitnn: CommandLine, run: Path
) -> None:
    about = json.loads((run / "recipe.json").read_text())
    unfinished = Path("unfinished") / CHECKPOINT
    unfinished.mkdir(parents=True)
    training = {key: about[key] for key in ("recipe", "engine", "seed", "stopping", "data")}
    content = {"format": 1, "training": training, "conditions": {}, "command": "digitnn train"}
    write_checked_json(unfinished / TRAINING, content)
    words = ("digitnn 0.1.0", "finish the training with that version", "remove")
    assert_one_error_line(digitnn("curves", "unfinished", "--json"), 1, *words)
    resumed = digitnn("train", "classic", "--out", "unfinished", "--resume")
    assert_one_error_line(resumed, 1, *words)
