"""`digitnn train --tensorboard`: the event files hold what the training told."""

import json
import os
import signal
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from commands import CommandLine, assert_one_error_line
from small_trainings import CLASSIC, CNN, training_of

from digitnn.cli import progress
from digitnn.recipes import builtin as recipes
from digitnn.training.records import EpochRecord
from digitnn.training.tensorboard import log_scalars

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def small_recipes(monkeypatch):
    """Four epochs of eight steps on 400 images; ten iterations."""
    monkeypatch.setattr(recipes, "RECIPES", {"classic": CLASSIC, "cnn": CNN})
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def read_events(folder: Path) -> list[list[Any]]:
    """The events of each file, the oldest file first."""
    from tensorboardX.proto.event_pb2 import Event

    files = []
    for path in sorted(folder.iterdir()):
        content, found = path.read_bytes(), []
        while content:  # length (8 bytes), its checksum (4), the event, its checksum (4)
            length = int.from_bytes(content[:8], "little")
            found.append(Event.FromString(content[12 : 12 + length]))
            content = content[16 + length :]
        files.append(found)
    return files


def events(folder: Path) -> list[list[tuple[int, str, float]]]:
    """For each event file, the oldest first, its scalars as (step, name, value)."""
    return [
        [(event.step, v.tag, v.simple_value) for event in found for v in event.summary.value]
        for found in read_events(folder)
    ]


def begins(folder: Path) -> list[int]:
    """For each event file the step from which on TensorBoard forgets the files before it."""
    return [
        event.step
        for found in read_events(folder)
        for event in found
        if event.HasField("session_log")
    ]


def test_scalars_are_those_of_the_records(digits, tmp_path):
    training = training_of(CNN, "scratch", digits)
    records = list(log_scalars(training, training, tmp_path))
    (found,) = events(tmp_path)
    at = {(step, name): value for step, name, value in found}
    steps = sorted({step for step, _ in at})
    assert steps == [8, 10, 16, 20, 24, 30, 32]
    epochs = [record for record in records if isinstance(record, EpochRecord)]
    for number, record in enumerate(epochs, start=1):
        for name in ("loss", "accuracy", "valid_loss", "valid_accuracy", "images_per_second"):
            assert at[8 * number, name] == pytest.approx(getattr(record, name))
    assert at[10, "loss"] == pytest.approx(records[9].loss)
    assert (10, "valid_loss") not in at
    # the one-cycle rate of 0.01, in the middle of steps 8 (still rising, to 0.3) and 32
    assert at[8, "learning_rate"] == pytest.approx(0.01 * (7.5 / 32) / 0.3)
    assert at[32, "learning_rate"] == pytest.approx(0.01 * (0.5 / 32) / 0.7)


def test_full_batch_stands_over_iterations(digits, tmp_path):
    training = training_of(CLASSIC, "scratch", digits)
    list(log_scalars(training, training, tmp_path))
    (found,) = events(tmp_path)
    assert [(step, value) for step, name, value in found if name == "valid_loss"] == [
        (record.epoch, pytest.approx(record.valid_loss)) for record in training.history
    ]
    assert "learning_rate" not in {name for _, name, _ in found}


def test_the_file_is_whole_when_the_training_is_left(digits, tmp_path):
    training = training_of(CNN, "scratch", digits)
    logged = log_scalars(training, training, tmp_path)
    list(islice(logged, 10))
    logged.close()
    assert {step for step, _, _ in events(tmp_path)[0]} == {8, 10}


def test_ctrl_c_closes_the_file_and_resume_goes_on_at_the_next_step(
    digitnn: CommandLine, monkeypatch
) -> None:
    follow = progress.follow

    def interrupted(training, title):
        for number, record in enumerate(follow(training, title), start=1):
            if number == 10:
                signal.raise_signal(signal.SIGINT)
            yield record

    words = ["train", "cnn", "--engine", "scratch", "--seed", "2", "--out", "run"]
    words += ["--tensorboard", "logs"]
    monkeypatch.setattr("digitnn.cli.train_job.follow", interrupted)
    done = digitnn(*words)
    assert done.code == 130, done.err
    assert "--tensorboard logs --out run --resume" in done.err
    folder = Path("logs/cnn-scratch-seed2")
    assert {step for step, _, _ in events(folder)[0]} == {8, 10}
    monkeypatch.setattr("digitnn.cli.train_job.follow", follow)
    assert digitnn(*words, "--resume").code == 0
    first, second = events(folder)
    assert min(step for step, _, _ in second) == 16
    assert begins(folder) == [1, 11]
    history = [json.loads(line) for line in Path("run/history.jsonl").read_text().splitlines()]
    assert [value for _, name, value in first + second if name == "valid_loss"] == pytest.approx(
        [record["valid_loss"] for record in history]
    )


def test_scalars_are_no_part_of_what_is_trained(digitnn: CommandLine) -> None:
    for out, more in (("a", []), ("b", ["--tensorboard", "logs"])):
        words = ["train", "cnn", "--engine", "scratch", "--epochs", "1", "--out", out, *more]
        assert digitnn(*words).code == 0
    assert Path("a/params.safetensors").read_bytes() == Path("b/params.safetensors").read_bytes()
    again = digitnn(*words[:-2], "--resume")
    assert (again.code, "already finished" in again.err) == (0, True)


def test_what_prevents_it_is_said_before_training(digitnn: CommandLine, monkeypatch) -> None:
    Path("file").write_text("")
    words = ["train", "cnn", "--engine", "scratch", "--out", "run", "--tensorboard"]
    assert_one_error_line(digitnn(*words, "file"), 1, "cannot write scalars to file")
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    done = digitnn(*words, "logs")
    assert_one_error_line(done, 1, "tensorboardX", "pip install 'digitnn[tensorboard]'")
    assert not Path("run").exists()
