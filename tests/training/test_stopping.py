"""Trainings that end early, and the epoch that they leave; resumed or not, to the same bits."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line
from small_trainings import BY_ROTE, CLASSIC, CNN, RoteEngine, bits, training_of

from digitnn.errors import CheckpointError, TrainingError, UsageError
from digitnn.runs.checkpoints import load_checkpoint, save_checkpoint, saved_checkpoints
from digitnn.runs.experiment import TrainingData, run_experiment
from digitnn.runs.resume import Checkpointing
from digitnn.runs.run import load_single_run
from digitnn.training import training as training_module
from digitnn.training.records import Clock, EpochRecord, Stopping, best_epoch

pytestmark = pytest.mark.slow

SMALL = replace(CNN, epochs=4, batch_size=60)
BEST = Stopping(keep="best")


def history(*accuracies, loss=1.0):
    return [
        EpochRecord(0.5, epoch, 1.0, 0.5, loss, accuracy, 1.0, 1.0)
        for epoch, accuracy in enumerate(accuracies, start=1)
    ]


def no_times(records):
    return [{**asdict(record), "seconds": 0, "images_per_second": 0} for record in records]


@pytest.fixture(autouse=True)
def _no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@pytest.fixture
def validates(monkeypatch):
    """Let the epochs from now on validate at these accuracies, whatever was learned."""

    evaluate = training_module.evaluate

    def validates(*accuracies):
        left = list(accuracies)

        def scripted(classifier, dataset):
            return replace(evaluate(classifier, dataset), accuracy=left.pop(0), loss_nats=1.0)

        monkeypatch.setattr(training_module, "evaluate", scripted)

    return validates


@pytest.fixture
def clock(monkeypatch):
    """A clock of which each look costs a second."""

    class Ticking(Clock):
        now = 0.0

        def seconds(self):
            self.now += 1.0
            return self.now

        def advance_to(self, seconds):
            self.now = max(self.now, seconds)

    monkeypatch.setattr(training_module, "Clock", Ticking)


def test_the_best_epoch_reads_most_or_as_many_at_a_smaller_loss_and_is_the_first_of_equals():
    assert best_epoch(history(0.3, 0.9, 0.8, 0.9)).epoch == 2
    later = replace(history(0.9)[0], epoch=9, valid_loss=0.5)
    assert best_epoch([*history(0.3, 0.9, 0.95), later]).epoch == 3
    assert best_epoch([*history(0.3, 0.9), later]).epoch == 9


@pytest.mark.parametrize(
    ("accuracies", "over"),
    [
        ([], False),
        ([0.9], False),
        ([0.9, 0.8], False),
        ([0.9, 0.8, 0.9], True),
        ([0.9, 0.8, 0.91], False),
        ([0.9, 0.8, 0.91, 0.9, 0.9], True),
    ],
)
def test_patience_ends_after_so_many_epochs_without_a_better_one(accuracies, over):
    assert Stopping(patience=2).is_out_of_patience(history(*accuracies)) is over
    assert not Stopping().is_out_of_patience(history(*accuracies))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"patience": 0}, "patience must be a whole number .* 1, got 0"),
        ({"patience": True}, "patience must be"),
        ({"keep": "first"}, "keep must be best or last, got 'first'"),
        ({"max_seconds": 0}, "max_seconds must be a finite number above 0, got 0"),
        ({"max_seconds": float("nan")}, "max_seconds must be"),
    ],
)
def test_what_cannot_be_is_refused(wrong, words):
    with pytest.raises(UsageError, match=words):
        Stopping(**wrong)


def test_a_training_out_of_patience_is_complete_and_says_why(digits, validates):
    validates(0.5, 0.6, 0.6, 0.5, 0.9)
    recipe = replace(BY_ROTE, epochs=5)
    training = training_of(recipe, RoteEngine(), digits, n=100, stopping=Stopping(patience=2))
    list(training)
    assert len(training.history) == 4
    assert (training.complete, training.stopped) == (True, "patience")


def test_patience_that_ends_with_the_last_epoch_is_no_stop(digits, validates):
    validates(0.5, 0.5)
    training = training_of(BY_ROTE, RoteEngine(), digits, n=100, stopping=Stopping(patience=1))
    list(training)
    assert (training.complete, training.stopped) == (True, None)


def test_the_best_epoch_is_what_is_left(digits, validates):
    validates(0.5, 0.9, 0.8, 0.9)
    engine = RoteEngine()
    training = training_of(replace(BY_ROTE, epochs=4), engine, digits, n=100, stopping=BEST)
    list(training)
    assert training.kept.epoch == 2
    after_two_epochs = {name: p + np.float32(6) for name, p in engine.start.items()}
    assert bits(training.params()) == bits(after_two_epochs)


def test_a_training_that_diverges_leaves_the_best_epoch_too(digits, validates):
    validates(0.9, 0.8)
    engine = RoteEngine(bad_step=8)
    training = training_of(replace(BY_ROTE, epochs=4), engine, digits, n=100, stopping=BEST)
    with pytest.raises(TrainingError, match="became nan"):
        list(training)
    after_one_epoch = {name: p + np.float32(3) for name, p in engine.start.items()}
    assert bits(training.params()) == bits(after_one_epoch)


def test_in_full_batch_the_best_iteration_is_left_too(digits, validates):
    validates(0.5, 0.9, 0.8)
    training = training_of(CLASSIC, "scratch", digits, stopping=Stopping(patience=1, keep="best"))
    records = iter(training)
    next(records)
    next(records)
    second = bits(training.params())
    assert [record.epoch for record in records] == [3]
    assert training.stopped == "patience"
    assert bits(training.params()) == second


@pytest.mark.parametrize("engine", ["scratch", "pytorch"])
@pytest.mark.parametrize("count", [2, 3, 5, 6, 8, 11])
def test_resumed_anywhere_the_same_epoch_is_left(engine, count, digits, validates, tmp_path):
    """Epochs of three records; the second is the best, the fourth never comes."""
    accuracies, stopping = [0.5, 0.9, 0.8, 0.9, 0.9], Stopping(patience=2, keep="best")
    recipe = replace(SMALL, epochs=5)
    validates(*accuracies)
    whole = training_of(recipe, engine, digits, n=150, stopping=stopping)
    list(whole)
    validates(*accuracies)
    left = training_of(recipe, engine, digits, n=150, stopping=stopping)
    records = iter(left)
    for _ in range(count):
        next(records)
    save_checkpoint(tmp_path, left.checkpoint(), "training")
    resumed = training_of(recipe, engine, digits, n=150, stopping=stopping)
    resumed.resume(load_checkpoint(saved_checkpoints(tmp_path)[0], "training"))
    validates(*accuracies[count // 3 :])
    list(resumed)
    assert len(whole.history) == 4
    assert no_times(resumed.history) == no_times(whole.history)
    assert (resumed.kept.epoch, resumed.stopped, resumed.complete) == (2, "patience", True)
    assert bits(resumed.params()) == bits(whole.params())


def test_killed_just_before_the_end_it_takes_no_further_step(digits, validates):
    stopping = Stopping(patience=1)
    validates(0.9, 0.8)
    left = training_of(replace(BY_ROTE, epochs=4), RoteEngine(), digits, n=100, stopping=stopping)
    records = iter(left)
    for _ in range(6):
        next(records)
    engine = RoteEngine()
    resumed = training_of(replace(BY_ROTE, epochs=4), engine, digits, n=100, stopping=stopping)
    resumed.resume(left.checkpoint())
    assert list(resumed) == []
    assert len(engine.steps) == 6
    assert (resumed.complete, resumed.stopped) == (True, "patience")


def test_a_checkpoint_without_the_best_epoch_is_refused_where_that_is_wanted(digits):
    left = training_of(BY_ROTE, RoteEngine(), digits, n=100)
    records = iter(left)
    for _ in range(3):
        next(records)
    resumed = training_of(BY_ROTE, RoteEngine(), digits, n=100, stopping=BEST)
    with pytest.raises(CheckpointError, match="best"):
        resumed.resume(left.checkpoint())


@pytest.mark.usefixtures("clock")
def test_after_its_time_a_training_is_validated_where_it_is(digits):
    """Two looks at the clock a step, three with validation: it stops in the second epoch."""
    engine = RoteEngine()
    training = training_of(BY_ROTE, engine, digits, n=100, stopping=Stopping(max_seconds=8.5))
    records = list(training)
    assert len(engine.steps) == 4
    assert [record.epoch for record in training.history] == [1, 2]
    assert records[-1] is training.history[-1]
    assert training.history[-1].done == pytest.approx(4 / 6)
    assert training.history[-1].loss == pytest.approx(4)
    assert (training.complete, training.stopped) == (False, "max_seconds")
    after_four_steps = {name: p + np.float32(4) for name, p in engine.start.items()}
    assert bits(training.params()) == bits(after_four_steps)


@pytest.fixture
def train(digits, tmp_path):
    """Train SMALL into tmp_path/run and resume whatever is there; the run, what was told."""

    def train(stopping=None, out="run", recipe=SMALL, engine="scratch"):
        told = []
        parts = TrainingData("mnist", None, digits[:150], digits[400:])
        keeping = Checkpointing("digitnn train", told.append, every=0.0, resume=True)
        path = tmp_path / out
        return run_experiment(recipe, engine, 0, parts, path, iter, keeping, stopping), told

    return train


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("keep", ["last", "best"])
def test_a_stopped_run_goes_on_to_the_bits_of_one_that_was_not(keep, train):
    whole, _ = train(Stopping(keep=keep), out="whole")
    stopped, _ = train(Stopping(keep=keep, max_seconds=13.5))
    assert stopped.about["complete"] is False
    assert stopped.about["stopped"] == "max_seconds"
    assert stopped.about["stopping"]["max_seconds"] == 13.5
    assert 0 < stopped.history[-1].done * 4 % 1 < 1
    again, told = train(Stopping(keep=keep, max_seconds=13))
    assert bits(again.params) == bits(load_single_run(stopped.path).params)
    assert any("has used its --max-seconds" in line for line in told)
    longer, _ = train(Stopping(keep=keep, max_seconds=20))
    assert longer.history[-1].done > stopped.history[-1].done
    finished, _ = train(Stopping(keep=keep))
    assert finished.about["complete"] is True
    assert finished.about["stopped"] is None
    assert bits(finished.params) == bits(whole.params)
    assert no_times(finished.history) == no_times(whole.history)
    assert not (finished.path / "checkpoint").exists()


@pytest.mark.usefixtures("clock")
def test_in_full_batch_a_stopped_run_goes_on_too(train):
    recipe = replace(CLASSIC, epochs=6)
    whole, _ = train(out="whole", recipe=recipe)
    stopped, _ = train(Stopping(max_seconds=12.5), recipe=recipe)
    assert 1 <= len(stopped.history) < 6
    assert stopped.about["stopped"] == "max_seconds"
    finished, _ = train(recipe=recipe)
    assert finished.about["complete"] is True
    assert bits(finished.params) == bits(whole.params)


def test_a_resumed_training_cannot_keep_another_epoch_than_it_began_with(train):
    train(Stopping(max_seconds=1e-9))
    with pytest.raises(CheckpointError, match=r'stopping.keep was "last" and is "best"'):
        train(BEST)
    with pytest.raises(CheckpointError, match=r"stopping.patience was null and is 3"):
        train(Stopping(patience=3))


def test_the_command_line_says_which_epoch_is_kept_and_why_it_ended(digitnn: CommandLine):
    options = ("train", "classic", "--epochs", "60", "--patience", "2", "--keep", "best")
    done = digitnn(*options, "--json")
    assert done.code == 0, done.err
    found = done.json()
    records = [
        json.loads(line) for line in Path(found["run"], "history.jsonl").read_text().splitlines()
    ]
    assert found["stopped"] == "patience"
    assert found["complete"] is True
    assert found["kept_epoch"] == len(records) - 2
    assert found["valid_accuracy"] == max(record["valid_accuracy"] for record in records)
    assert f"stopped after epoch {len(records)}: no improvement in 2 epochs" in done.err
    assert f"the best of {len(records)} epochs: {len(records) - 2}" in done.err
    evaluated = digitnn("evaluate", found["run"], "--json").json()
    assert evaluated["accuracy"] == found["valid_accuracy"]


def test_max_seconds_ends_with_success_and_says_how_to_go_on(digitnn: CommandLine):
    options = ("train", "classic", "--epochs", "3", "--out", "run")
    done = digitnn(*options, "--max-seconds", "0.000001")
    assert (done.code, done.out) == (0, "run\n")
    command = "digitnn train classic --epochs 3 --out run --resume"
    assert f"stopped by --max-seconds in epoch 1 of 3; continue with `{command}`" in done.err
    assert digitnn("evaluate", "run").code == 0
    assert digitnn(*command.split()[1:]).code == 0
    assert load_single_run("run").about["complete"] is True


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--max-seconds", "0"], ["--max-seconds", "above 0, got 0"]),
        (["--max-seconds", "nan"], ["above 0, got nan"]),
        (["--max-seconds", "soon"], ["above 0, got soon"]),
        (["--patience", "0"], ["--patience", "at least 1"]),
        (["--keep", "first"], ["--keep", "first"]),
    ],
)
def test_bad_values_are_one_line(options, words, digitnn: CommandLine):
    assert_one_error_line(digitnn("train", "classic", *options), 2, *words)
