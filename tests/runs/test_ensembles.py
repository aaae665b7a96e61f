"""Ensembles: several runs as one classifier."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line
from small_trainings import CLASSIC, CNN

import digitnn as package
from digitnn.data.dataset import Dataset
from digitnn.errors import RunError, UsageError
from digitnn.runs.ensembles import AveragedClassifier, Ensemble, load_run, make_ensemble
from digitnn.runs.experiment import TrainingData, run_experiment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """classic from two seeds, and cnn on the other engine, a little trained."""
    folder = tmp_path_factory.mktemp("runs")
    data = TrainingData("mnist", None, digits[:400], digits[400:480])
    made = [(CLASSIC, "scratch", 0), (CLASSIC, "scratch", 1), (CNN, "pytorch", 0)]
    for number, (recipe, engine, seed) in enumerate(made):
        run_experiment(recipe.with_epochs(2), engine, seed, data, folder / str(number), iter)
    return [folder / str(number) for number in range(len(made))]


def softmax(logits):
    exponentials = np.exp(logits.astype(float))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.mark.engines
def test_an_ensemble_averages_the_probabilities_of_its_members(runs, digits, tmp_path):
    ensemble = make_ensemble(runs, tmp_path / "e")
    expected = np.mean(
        [softmax(load_run(run).classifier().logits(digits.images)) for run in runs], 0
    )
    for found in (ensemble, package.load_run(tmp_path / "e")):
        logits = found.classifier().logits(digits.images)
        assert logits.dtype == np.float32
        np.testing.assert_allclose(np.exp(logits), expected, rtol=1e-4, atol=1e-7)
    on_scratch = ensemble.classifier("scratch").logits(digits.images)
    np.testing.assert_allclose(np.exp(on_scratch), expected, rtol=1e-3, atol=1e-6)


def test_a_mean_known_by_hand_and_huge_logits():
    class Fixed:
        def __init__(self, *logits):
            self._logits = np.array([logits], np.float32)

        def logits(self, images):
            return self._logits

    images = np.zeros((1, 28, 28), np.uint8)
    even, sure = Fixed(0, 0), Fixed(1000, 0)
    found = AveragedClassifier((even, sure)).logits(images)
    np.testing.assert_allclose(np.exp(found), [[0.75, 0.25]], rtol=1e-6)
    assert np.isfinite(AveragedClassifier((sure, sure)).logits(images)).all()


def test_an_ensemble_does_not_need_the_original_runs(runs, digits, tmp_path):
    for run in runs:
        shutil.copytree(run, tmp_path / run.name)
    ensemble = make_ensemble([tmp_path / run.name for run in runs], tmp_path / "e")
    logits = ensemble.classifier().logits(digits.images)
    for run in runs:
        shutil.rmtree(tmp_path / run.name)
    found = load_run(tmp_path / "e")
    assert isinstance(found, Ensemble)
    np.testing.assert_array_equal(found.classifier().logits(digits.images), logits)
    assert (found.recipe, found.engine) == ("3 x classic and cnn", "scratch and pytorch")
    members = [load_run(run) for run in runs]
    assert found.parameter_count() == sum(member.parameter_count() for member in members)
    assert found.about["seconds"] == sum(member.about["seconds"] for member in members)


def test_the_members_of_an_ensemble_join_another(runs, digits, tmp_path):
    make_ensemble(runs[:2], tmp_path / "two")
    nested = make_ensemble([tmp_path / "two", runs[2]], tmp_path / "nested")
    flat = make_ensemble(runs, tmp_path / "flat")
    assert len(nested.members) == 3
    np.testing.assert_array_equal(
        nested.classifier().logits(digits.images), flat.classifier().logits(digits.images)
    )


def test_runs_of_different_data_are_refused(runs, digits, tmp_path):
    data = TrainingData("mnist", None, digits[:400], digits[400:480])
    others = {
        "collection: mnist and fashion-mnist": replace(data, collection="fashion-mnist"),
        "train: fingerprints differ": replace(data, train=digits[:399]),
        "valid: fingerprints differ": replace(data, valid=digits[400:]),
    }
    for number, (words, other) in enumerate(others.items()):
        run_experiment(CLASSIC.with_epochs(1), "scratch", 7, other, tmp_path / str(number), iter)
        with pytest.raises(RunError, match=words):
            make_ensemble([runs[0], tmp_path / str(number)], tmp_path / "e")
    with pytest.raises(UsageError, match="at least 2 runs, got 1"):
        make_ensemble(runs[:1], tmp_path / "e")
    with pytest.raises(RunError, match="hold the same network"):
        make_ensemble([runs[0], runs[1], runs[0]], tmp_path / "e")
    with pytest.raises(RunError, match="no such folder"):
        make_ensemble([runs[0], tmp_path / "nowhere"], tmp_path / "e")
    with pytest.raises(RunError, match="holds a run already"):
        make_ensemble(runs, runs[0])
    assert not (tmp_path / "e").exists()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: shutil.rmtree(path / "members" / "1"), "no such folder"),
        (lambda path: (path / "members/0/params.safetensors").unlink(), "lacks params"),
        (lambda path: (path / "recipe.json").write_text("{"), "recipe.json is damaged"),
        (
            lambda path: (path / "recipe.json").write_text(
                json.dumps({**json.loads((path / "recipe.json").read_text()), "members": "2"})
            ),
            "members cannot be '2'",
        ),
    ],
)
def test_a_damaged_ensemble_is_refused(damage, words, runs, tmp_path):
    make_ensemble(runs[:2], tmp_path / "e")
    damage(tmp_path / "e")
    with pytest.raises(RunError, match=words):
        load_run(tmp_path / "e")


def test_the_commands_take_an_ensemble_like_any_run(digitnn: CommandLine) -> None:
    for seed in "01":
        digitnn("train", "classic", "--epochs", "4", "--seed", seed, "--out", f"r{seed}")
    made = digitnn("ensemble", "r0", "r1", "--out", "both")
    assert (made.code, made.out) == (0, "both\n"), made.err
    shutil.rmtree("r1")
    evaluated = digitnn("evaluate", "both", "--json").json()
    assert evaluated["reads"] == 1
    assert evaluated["accuracy"] > 0.3
    on_pytorch = digitnn("evaluate", "both", "--engine", "pytorch", "--json").json()
    assert (on_pytorch["reads"], on_pytorch["accuracy"]) == (2, evaluated["accuracy"])
    inspected = digitnn("inspect", "both", "--json").json()
    assert inspected["kind"] == "ensemble"
    assert "members/1/1.weight" in [array["name"] for array in inspected["arrays"]]
    compared = digitnn("compare", "r0", "both", "--json")
    assert compared.code == 0, compared.err
    one, two = compared.json()["rows"]
    assert (one["recipe"], two["recipe"]) == ("classic", "2 x classic")
    assert two["parameters"] == 2 * one["parameters"]
    (pair,) = compared.json()["paired"]["pairs"]
    assert {pair["first"], pair["second"]} == {"classic (scratch)", "2 x classic (scratch)"}
    assert digitnn("compare", "both").code == 0  # which has no learning curve
    assert not Path("results/learning_curves.png").exists()
    assert not Path("runs").exists()
    shown = digitnn("recipes", "show", "both")
    assert_one_error_line(shown, 1, "both is an ensemble", "members")
    alone = digitnn("ensemble", "r0", "--out", "alone")
    assert_one_error_line(alone, 2, "at least 2 runs, got 1")
