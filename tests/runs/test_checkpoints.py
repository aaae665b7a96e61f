"""Checkpoints on disk: damage of every kind, full disks, other trainings."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from small_trainings import CLASSIC, CNN, bits

from digitnn.engines.protocols import Outcome
from digitnn.errors import CheckpointError, RunError, TrainingError
from digitnn.recipes.optimisers import Adam
from digitnn.runs.checkpoints import (
    EvaluationLog,
    load_checkpoint,
    save_checkpoint,
    saved_checkpoints,
)
from digitnn.runs.experiment import TrainingData, run_experiment
from digitnn.runs.resume import Checkpointing, lock_checkpoint
from digitnn.runs.run import check_free, load_single_run
from digitnn.training.fullbatch import EvaluatedPoint
from digitnn.training.training import Checkpoint

pytestmark = pytest.mark.slow

SMALL = replace(CNN, epochs=3, batch_size=60)
COMMAND = "digitnn train small --out run --resume"


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    """No power cut is tested here, and on a busy disk each of a thousand flushes takes its time."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def train(digits, tmp_path):
    """Train into tmp_path/run; (the run, what was told). stop: leave after so many records."""

    def train(recipe=SMALL, stop=None, seed=0, out="run", engine="scratch", resume=True):
        told = []

        def watch(training):
            for count, record in enumerate(training, start=1):
                yield record
                if count == stop:
                    return

        parts = TrainingData("mnist", None, digits[:150], digits[400:])
        keeping = Checkpointing(COMMAND, told.append, every=0.0, resume=resume)
        run = run_experiment(recipe, engine, seed, parts, tmp_path / out, watch, keeping)
        return run, told

    return train


@pytest.fixture
def checkpoint(rng):
    arrays = {"trainer": {"a": rng.normal(size=(3, 2)).astype(np.float32), "steps": np.array(7)}}
    return Checkpoint(arrays, {"position": {"step": 7}, "seconds": 0.1 + 0.2, "history": []})


def newest(tmp_path):
    return saved_checkpoints(tmp_path / "run" / "checkpoint")[0]


def test_a_checkpoint_is_read_back_as_it_was_written(checkpoint, tmp_path):
    save_checkpoint(tmp_path, checkpoint, "training")
    (path,) = saved_checkpoints(tmp_path)
    found = load_checkpoint(path, "training")
    assert found.progress == checkpoint.progress
    assert found.arrays.keys() == checkpoint.arrays.keys()
    assert bits(found.arrays["trainer"]) == bits(checkpoint.arrays["trainer"])


def test_the_newest_two_are_kept(checkpoint, tmp_path):
    for step in (1, 20, 300, 3):
        progress = {**checkpoint.progress, "position": {"step": step}}
        save_checkpoint(tmp_path, replace(checkpoint, progress=progress), "training")
    assert [path.name for path in saved_checkpoints(tmp_path)] == ["step-00000300", "step-00000020"]


@pytest.mark.parametrize("name", ["arrays.safetensors", "progress.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "longer", "empty", "missing"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(name, damage, train, tmp_path):
    whole, _ = train(out="whole")
    train(stop=5)
    path = newest(tmp_path) / name
    content = path.read_bytes()
    damaged = {
        "flip": content[:-30] + bytes([content[-30] ^ 4]) + content[-29:],
        "cut": content[: len(content) // 2],
        "longer": content + content[-5:],
        "empty": b"",
    }
    path.unlink()
    if damage != "missing":
        path.write_bytes(damaged[damage])
    run, told = train()
    assert [line for line in told if str(path.parent) in line]
    assert any("resumes from step 4, after 1 of 3 epochs" in line for line in told)
    assert all("\n" not in line for line in told)
    assert bits(run.params) == bits(whole.params)


def test_every_flipped_bit_of_a_checkpoint_that_matters_is_found(checkpoint, tmp_path, rng):
    save_checkpoint(tmp_path, checkpoint, "training")
    (path,) = saved_checkpoints(tmp_path)
    for file in path.iterdir():
        content = file.read_bytes()
        for at in rng.integers(len(content), size=60):
            file.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            try:
                found = load_checkpoint(path, "training")
            except CheckpointError as error:
                assert str(path) in str(error)
            else:  # a space between two values of the JSON became another one
                assert file.name == "progress.json"
                assert found.progress == checkpoint.progress
        file.write_bytes(content)
    load_checkpoint(path, "training")


def test_no_usable_checkpoint_is_an_error_and_nothing_is_lost(train, tmp_path):
    train(stop=5)
    for path in saved_checkpoints(tmp_path / "run" / "checkpoint"):
        (path / "progress.json").write_text("{}")
    with pytest.raises(CheckpointError, match="no usable checkpoint: remove"):
        train()
    assert len(saved_checkpoints(tmp_path / "run" / "checkpoint")) == 2
    assert not load_single_run(tmp_path / "run").about["complete"]


def test_a_damaged_description_is_named_and_the_checkpoints_are_used(train, tmp_path):
    train(stop=5)
    about = tmp_path / "run" / "checkpoint" / "training.json"
    about.write_text(about.read_text().replace("scratch", "scrotch"))
    (tmp_path / "run" / "recipe.json").unlink()
    with pytest.raises(CheckpointError, match="no usable checkpoint"):
        train(seed=1)
    run, told = train()
    assert "training.json is damaged" in told[0]
    assert run.about["complete"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"engine": "pytorch"}, 'engine was "scratch" and is "pytorch"'),
        ({"recipe": replace(SMALL, epochs=4)}, "recipe.epochs was 3 and is 4"),
        (
            {"recipe": replace(SMALL, optimiser=Adam(0.01, beta2=0.9))},
            "recipe.optimiser.beta2 was 0.999 and is 0.9",
        ),
    ],
)
@pytest.mark.parametrize("stop", [5, None], ids=["unfinished", "finished"])
def test_another_training_is_refused_with_its_differences(change, words, stop, train, tmp_path):
    before, _ = train(stop=stop)
    with pytest.raises(CheckpointError, match=words):
        train(**change)
    assert bits(load_single_run(before.path).params) == bits(before.params)
    run, _ = train(recipe=replace(SMALL, summary="the same in other words"))
    assert run.about["complete"]


def test_other_data_are_refused(train, digits, tmp_path):
    train(stop=5)
    parts = TrainingData("mnist", 3, digits[1:151], digits[400:])
    keeping = Checkpointing(COMMAND, print, resume=True)
    with pytest.raises(CheckpointError, match=r"data\.split_seed was null and is 3; data\.train"):
        run_experiment(SMALL, "scratch", 0, parts, tmp_path / "run", iter, keeping)


def test_a_finished_run_is_left_as_it_is(train):
    run, told = train()
    assert told == [f"{run.path} has no checkpoint: starting from the beginning"]
    when = {path: path.stat().st_mtime_ns for path in run.path.iterdir()}
    again, told = train()
    assert told == [f"{run.path} is already finished: nothing to do"]
    assert bits(again.params) == bits(run.params)
    assert {path: path.stat().st_mtime_ns for path in run.path.iterdir()} == when
    assert not (run.path / "checkpoint").exists()


def test_a_training_killed_after_writing_its_run_is_finished(train):
    run, _ = train()
    (run.path / "checkpoint").mkdir()
    (run.path / "checkpoint" / "evaluations.log").touch()
    _, told = train()
    assert told == [f"{run.path} is already finished: nothing to do"]
    assert not (run.path / "checkpoint").exists()


def test_an_interrupted_training_leaves_a_run_that_can_be_resumed(train, tmp_path):
    whole, _ = train(out="whole")
    left, _ = train(stop=5)
    assert left.about["complete"] is False
    assert load_single_run(left.path).classifier()
    (left.path / "report.json").write_text('{"readings": []}')
    (left.path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match=f"unfinished training: continue with `{COMMAND}`"):
        check_free(left.path)
    done, _ = train()
    assert bits(done.params) == bits(whole.params)
    assert (done.path / "notes.txt").read_text() == "mine"
    assert (done.path / "report.json").exists()


def test_a_training_killed_before_its_run_says_how_to_resume(train, tmp_path):
    train(stop=5)
    (tmp_path / "run" / "recipe.json").unlink()
    with pytest.raises(RunError, match=f"run is unfinished: continue with `{COMMAND}`"):
        load_single_run(tmp_path / "run")
    (tmp_path / "run" / "checkpoint" / "training.json").unlink()
    with pytest.raises(RunError, match="continue with the command that started it and --resume"):
        load_single_run(tmp_path / "run")


def test_a_run_without_a_checkpoint_cannot_be_resumed(train, tmp_path):
    wild = replace(SMALL, optimiser=Adam(1e30))
    with pytest.raises(TrainingError, match="saved in"):
        train(wild, engine="pytorch")
    assert not (tmp_path / "run" / "checkpoint").exists()
    with pytest.raises(RunError, match="ended after 0 epochs without a checkpoint"):
        train(wild, engine="pytorch")


def test_changed_conditions_are_reported(train, tmp_path, monkeypatch):
    train(stop=5)
    monkeypatch.setattr("digitnn.machine.describe.threads", lambda: 1000)
    _, told = train()
    assert any(line.startswith("results may differ in the last bits: threads was") for line in told)


def full_disk(*_):
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_reported_once_and_training_continues(train, tmp_path, monkeypatch):
    whole, _ = train(out="whole")
    train(stop=5)
    kept = [path.name for path in saved_checkpoints(tmp_path / "run" / "checkpoint")]
    with monkeypatch.context() as patch:
        patch.setattr("digitnn.runs.checkpoints.save_safetensors", full_disk)
        patch.setattr("digitnn.runs.run.save_safetensors", full_disk)
        with pytest.raises(RunError, match=f"No space left .* its checkpoint stays.*{COMMAND}"):
            train()
    assert [path.name for path in saved_checkpoints(tmp_path / "run" / "checkpoint")] == kept
    with monkeypatch.context() as patch:
        patch.setattr("digitnn.runs.checkpoints.save_safetensors", full_disk)
        run, told = train()
    assert sum("No space left" in line for line in told) == 1
    assert bits(run.params) == bits(whole.params)


@pytest.mark.parametrize(
    ("every", "expected"),
    [(1e9, [3, 6, 9]), (25.0, [3, 6, 9]), (20.0, [2, 3, 5, 6, 8, 9]), (0.0, [*range(1, 10)])],
)
def test_a_checkpoint_is_written_after_each_epoch_and_interval(
    every, expected, digits, tmp_path, monkeypatch
):
    seconds = iter(range(0, 10**6, 10))  # ten between any two looks at the clock
    now = [0]
    monkeypatch.setattr("digitnn.runs.resume.monotonic", lambda: now[0])
    saved = []
    monkeypatch.setattr(
        "digitnn.runs.resume.save_checkpoint", lambda folder, found, _: saved.append(found.step)
    )

    def watch(training):
        for record in training:
            now[0] = next(seconds) + 10
            yield record

    parts = TrainingData("mnist", None, digits[:150], digits[400:])
    keeping = Checkpointing(COMMAND, print, every)
    run_experiment(SMALL, "scratch", 0, parts, tmp_path / "run", watch, keeping)
    assert saved == expected


def test_a_folder_that_cannot_be_written_is_refused(train, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot write a run to"):
        train(out="file/run")


def test_half_written_files_of_a_killed_process_are_removed(train, tmp_path):
    train(stop=5)
    for place in (tmp_path / "run", tmp_path / "run" / "checkpoint"):
        (place / ".step-00000009.123-0a1b2c3d.part").mkdir()
        (place / ".params.safetensors.123-0a1b2c3d.part").touch()
        (place / ".mine.part").touch()
    train(stop=1)
    for place in (tmp_path / "run", tmp_path / "run" / "checkpoint"):
        assert [path.name for path in place.glob(".*")] == [".mine.part"]


def test_a_second_process_is_refused(train, tmp_path):
    train(stop=5)
    with (
        lock_checkpoint(tmp_path / "run"),
        pytest.raises(RunError, match=r"another process is training in .*run"),
    ):
        train()
    run, _ = train()
    assert run.about["complete"]


def test_a_training_without_a_step_leaves_no_files(train, tmp_path):
    with pytest.raises(ZeroDivisionError), lock_checkpoint(tmp_path / "run"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


# Full batch


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_damaged_evaluations_are_computed_again(damage, train, tmp_path):
    recipe = CLASSIC.with_epochs(6)
    whole, _ = train(recipe, out="whole")
    train(recipe, stop=4)
    log = tmp_path / "run" / "checkpoint" / "evaluations.log"
    content = log.read_bytes()
    third = len(content) // 3
    log.write_bytes(
        {
            "flip": content[:third] + bytes([content[third] ^ 1]) + content[third + 1 :],
            "cut": content[: third + 5],
            "empty": b"",
        }[damage]
    )
    run, told = train(recipe)
    assert any(", computed again" in line for line in told) == (damage != "empty")
    assert bits(run.params) == bits(whole.params)
    assert not (run.path / "checkpoint").exists()


def evaluation(value):
    return EvaluatedPoint(Outcome(value, 3), np.full(4, value, np.float32), seconds=2 * value)


def test_an_evaluation_is_found_at_its_point_and_for_its_training_only(tmp_path):
    point = np.arange(4, dtype=np.float32)
    log = EvaluationLog(tmp_path / "log", "one", pytest.fail)
    assert log.find(point) is None
    log.add(point, evaluation(0.1))
    log.add(-point, evaluation(0.7))
    for reader in (log, EvaluationLog(tmp_path / "log", "one", pytest.fail)):
        found = reader.find(-point)
        assert (found.outcome, found.seconds) == (Outcome(0.7, 3), 1.4)
        np.testing.assert_array_equal(found.gradient, np.full(4, 0.7, np.float32))
        assert reader.find(2 * point) is None
    assert EvaluationLog(tmp_path / "log", "other", pytest.fail).find(point) is None


def test_a_full_disk_is_reported_once_and_the_log_stays_sound(tmp_path, monkeypatch):
    told = []
    points = np.arange(16, dtype=np.float32).reshape(4, 4)
    log = EvaluationLog(tmp_path / "log", "one", told.append)
    assert log.find(points[0]) is None
    log.add(points[0], evaluation(0.1))
    write = os.write

    def half(descriptor, content):
        if len(content) < 60:
            full_disk()
        return write(descriptor, content[: len(content) // 2])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        log.add(points[1], evaluation(0.2))
        log.add(points[2], evaluation(0.3))
    assert len(told) == 1
    assert "No space left" in told[0]
    log.add(points[3], evaluation(0.4))
    again = EvaluationLog(tmp_path / "log", "one", pytest.fail)
    assert [again.find(point) is not None for point in points] == [True, False, False, True]


def test_the_description_names_the_training_and_the_command(train, tmp_path):
    train(stop=5)
    about = json.loads((tmp_path / "run" / "checkpoint" / "training.json").read_text())
    assert about["command"] == COMMAND
    assert about["training"]["recipe"]["name"] == "cnn"
    assert about["conditions"]["threads"] >= 1
