"""Run directories: written whole, loaded exactly, refused if damaged."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.errors import RunError
from digitnn.evaluation.evaluation import evaluate
from digitnn.network.storage.safetensors import load_safetensors, save_safetensors
from digitnn.recipes.builtin import find_recipe
from digitnn.runs.evaluate_run import record_evaluation
from digitnn.runs.experiment import TrainingData, run_experiment
from digitnn.runs.run import Run, check_free, load_single_run, save_run
from digitnn.training.records import Record
from digitnn.training.training import Training


@pytest.fixture(scope="module")
def training(digits: Dataset) -> Training:
    """`classic` after three iterations of three."""
    recipe = find_recipe("classic").with_epochs(3)
    training = Training(recipe, find_engine("scratch"), digits[:400], digits[400:], seed=5)
    for _ in training:
        pass
    return training


@pytest.fixture
def run(training: Training, tmp_path: Path) -> Run:
    return save_run(tmp_path / "run", training, "scratch", "mnist")


def test_a_run_is_read_back_as_it_was_written(run: Run, digits: Dataset) -> None:
    found = load_single_run(run.path)
    assert found.network == run.network
    assert found.history == run.history
    assert (found.recipe, found.engine) == ("classic", "scratch")
    assert found.about["seed"] == 5
    assert found.about["complete"] is True
    np.testing.assert_array_equal(
        found.classifier().logits(digits.images), run.classifier().logits(digits.images)
    )


def test_a_run_holds_its_files_and_nothing_else_is_left(run: Run) -> None:
    names = {path.name for path in run.path.iterdir()}
    assert names == {"network.json", "params.safetensors", "recipe.json", "history.jsonl"}
    assert [path.name for path in run.path.parent.iterdir()] == ["run"]


def test_a_run_records_its_training_data(run: Run, digits: Dataset) -> None:
    data = run.about["data"]
    assert data["train"] == {
        "name": "digits",
        "n": 400,
        "sha256": digits[:400].fingerprint(),
    }
    assert data["valid"]["sha256"] == digits[400:].fingerprint()


def test_evaluations_are_counted_per_split(run: Run, digits: Dataset) -> None:
    evaluation = evaluate(run.classifier(), digits)
    splits = ("valid", "test", "test")
    assert [record_evaluation(run, split, evaluation, digits) for split in splits] == [1, 1, 2]
    readings = json.loads((run.path / "report.json").read_text())["readings"]
    assert [reading["split"] for reading in readings] == ["valid", "test", "test"]
    assert readings[0]["accuracy"] == evaluation.accuracy
    assert readings[0]["data"] == {"name": "digits", "sha256": digits.fingerprint()}


def _drop(name: str) -> Callable[[Path], None]:
    return lambda path: (path / name).unlink()


def _set(name: str, key: str, value: object) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        content = json.loads((path / name).read_text())
        content[key] = value
        (path / name).write_text(json.dumps(content))

    return change


def _write(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda path: (path / name).write_bytes(content) and None


def _reshape(path: Path) -> None:
    params = load_safetensors(path / "params.safetensors")
    params["1.weight"] = params["1.weight"].T.copy()
    save_safetensors(path / "params.safetensors", params)


def _poison(path: Path) -> None:
    params = load_safetensors(path / "params.safetensors")
    params["3.bias"][2] = np.nan
    save_safetensors(path / "params.safetensors", params)


def _rename(path: Path) -> None:
    params = load_safetensors(path / "params.safetensors")
    params["9.weight"] = params.pop("1.weight")
    save_safetensors(path / "params.safetensors", params)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_drop("network.json"), "lacks network.json"),
        (_drop("params.safetensors"), "lacks params.safetensors"),
        (_drop("recipe.json"), "lacks recipe.json"),
        (_set("recipe.json", "format", 99), "format 99.*newer digitnn"),
        (_set("network.json", "format", 99), "format is 99.*newer digitnn"),
        (_set("network.json", "layers", [{"layer": "Warp"}]), "unknown layer 'Warp'"),
        (_set("network.json", "layers", []), "10 logits"),
        (_set("network.json", "temperature", "hot"), "temperature"),
        (_write("network.json", b"{"), "network.json is damaged"),
        (_write("recipe.json", b"[1]"), "recipe.json is damaged"),
        (_write("recipe.json", b"\xff\xfe"), "recipe.json is damaged"),
        (_write("history.jsonl", b'{"epoch": 1}\n'), "history.jsonl is damaged"),
        (_write("params.safetensors", b"\xff" * 7 + b"\x7f" + b"{}"), "header"),
        (_set("recipe.json", "engine", "abacus"), "recipe.json is damaged.*abacus"),
        (_set("recipe.json", "engine", 5), "recipe.json is damaged: engine cannot be 5"),
        (_set("recipe.json", "seed", "x"), "seed cannot be 'x'"),
        (_set("recipe.json", "data", [1]), "data cannot be"),
        (_set("recipe.json", "data", {"collection": "mnist", "split_seed": None}), "data.valid"),
        (_set("recipe.json", "recipe", {}), "recipe.name cannot be None"),
        (_set("network.json", "labels", list("0123456788")), "labels must differ"),
        (_write("report.json", b'{"readings": [1]}'), "readings must be a list of evaluations"),
        (_reshape, r"1.weight must be floats of shape \(100, 784\)"),
        (_poison, "3.bias holds NaN"),
        (_rename, "missing .*1.weight.*unexpected .*9.weight"),
    ],
)
def test_a_damaged_run_is_refused_in_one_line(
    run: Run, damage: Callable[[Path], None], message: str
) -> None:
    damage(run.path)
    with pytest.raises(RunError, match=message) as caught:
        load_single_run(run.path)
    assert str(run.path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such folder"):
        load_single_run(tmp_path / "nowhere")
    with pytest.raises(RunError, match="lacks"):
        load_single_run(tmp_path)


def test_the_output_folder_is_checked_before_training(run: Run, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious").touch()
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="holds a run already"):
        check_free(run.path)
    for taken in ("other", "file"):
        with pytest.raises(RunError, match="exists and is not a run"):
            check_free(tmp_path / taken)
    with pytest.raises(RunError, match="cannot write a run"):
        check_free(tmp_path / "file" / "below")
    check_free(tmp_path / "new" / "deeper")
    assert not (tmp_path / "new" / "deeper").exists()


def test_a_failure_while_saving_leaves_nothing(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("digitnn.runs.run.save_safetensors", full_disk)
    with pytest.raises(OSError, match="No space left"):
        save_run(tmp_path / "run", training, "scratch", "mnist")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_taken_during_training_loses_no_run(digits: Dataset, tmp_path: Path) -> None:
    out = tmp_path / "run"
    data = TrainingData("mnist", None, digits[:400], digits[400:])

    def watch(training: Training) -> Iterator[Record]:
        for record in training:
            out.mkdir(exist_ok=True)
            (out / "somebody's").touch()
            yield record

    recipe = find_recipe("classic").with_epochs(2)
    run = run_experiment(recipe, "scratch", 0, data, out, watch)
    assert [path.name for path in out.iterdir()] == ["somebody's"]
    assert run.path.parent == tmp_path
    assert run.path != out
    assert load_single_run(run.path).about["complete"] is True
