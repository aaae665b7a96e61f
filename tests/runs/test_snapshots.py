"""`digitnn train --snapshots`: which epochs are kept, and that training does not change."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine
from small_trainings import BY_ROTE, CLASSIC, CNN, RoteEngine, bits, training_of

from digitnn.errors import TrainingError
from digitnn.network.initialisation import initial_parameters
from digitnn.network.storage.safetensors import load_safetensors
from digitnn.recipes import builtin as recipes
from digitnn.runs.ensembles import make_ensemble
from digitnn.runs.experiment import TrainingData, run_experiment
from digitnn.runs.resume import Checkpointing
from digitnn.runs.snapshots import saved_snapshots, snapshot_epochs, snapshot_path
from digitnn.training.minibatch import streams
from digitnn.training.records import Stopping

pytestmark = pytest.mark.slow

SMALL = {"cnn": CNN, "classic": CLASSIC}
every_loop = pytest.mark.parametrize(
    ("recipe", "engine"),
    [("cnn", "scratch"), ("cnn", "pytorch"), ("classic", "scratch"), ("classic", "pytorch")],
)


def train(digits, path, recipe, engine="scratch", watch=iter, told=None, stopping=None, **keeping):
    """A run of a small recipe at `path`, kept as `digitnn train` does."""
    data = TrainingData("mnist", None, digits[:400], digits[400:])
    keep = Checkpointing("again", (told if told is not None else []).append, **keeping)
    return run_experiment(recipe, engine, 0, data, path, watch, keep, stopping)


def files(run):
    return {epoch: path.read_bytes() for epoch, path in saved_snapshots(run).items()}


def leave_after(count):
    """A `watch` that is interrupted after so many records."""

    def watch(training):
        for number, record in enumerate(training, start=1):
            yield record
            if number == count:
                return

    return watch


@pytest.mark.parametrize("epochs", [1, 2, 11, 12, 13, 14, 30, 90, 1000, 10**6])
def test_at_most_twelve_epochs_are_kept_at_growing_distances(epochs: int) -> None:
    kept = snapshot_epochs(epochs)
    assert len(kept) == min(12, epochs)
    assert (kept[0], kept[-1]) == (1, epochs)
    gaps = np.diff(kept)
    assert (gaps >= 1).all()
    assert (np.diff(gaps) >= 0).all()


def test_ninety_iterations_are_thinned_as_documented() -> None:
    assert snapshot_epochs(90) == (1, 2, 3, 4, 6, 9, 13, 19, 28, 41, 61, 90)


@every_loop
def test_snapshots_change_no_bit_and_the_last_is_the_run(recipe, engine, digits, tmp_path):
    plain = train(digits, tmp_path / "plain", SMALL[recipe], engine)
    kept = train(digits, tmp_path / "kept", SMALL[recipe], engine, snapshots=True)
    assert bits(kept.params) == bits(plain.params)
    assert not saved_snapshots(plain.path)
    found = saved_snapshots(kept.path)
    epochs = SMALL[recipe].epochs
    assert list(found) == [0, *range(1, epochs + 1)]
    assert found[epochs].read_bytes() == (kept.path / "params.safetensors").read_bytes()
    assert files(kept.path)[1] != files(kept.path)[0]


@pytest.mark.parametrize("epoch", [1, 2, 3])
def test_a_snapshot_equals_a_training_of_that_many_epochs(epoch, digits, tmp_path):
    run = train(digits, tmp_path / "run", CNN, snapshots=True)
    training = training_of(CNN, "scratch", digits)
    for record in training:
        if record.done >= epoch / CNN.epochs:
            break
    assert bits(load_safetensors(snapshot_path(run.path, epoch))) == bits(training.params())


def test_the_first_snapshot_holds_the_initial_parameters(digits, tmp_path):
    cnn = train(digits, tmp_path / "cnn", CNN, snapshots=True)
    start = initial_parameters(CNN.network(), CNN.initialisation, streams(0).weights)
    assert bits(load_safetensors(snapshot_path(cnn.path, 0))) == bits(start)
    classic = train(digits, tmp_path / "classic", CLASSIC, snapshots=True)
    first = load_safetensors(snapshot_path(classic.path, 0))["1.weight"]
    out = ~classic.params["1.weight"].any(axis=0)  # pixels that full batch leaves out
    assert 0 < out.sum() < 784
    assert not first[:, out].any()
    assert first[:, ~out].any(axis=0).all()


@every_loop
@pytest.mark.parametrize("count", [3, 9])
def test_an_interrupted_training_ends_with_the_same_files(recipe, engine, count, digits, tmp_path):
    small, watch = SMALL[recipe], leave_after(count)
    whole = train(digits, tmp_path / "whole", small, engine, snapshots=True)
    left = train(digits, tmp_path / "run", small, engine, watch, snapshots=True)
    assert not left.about["complete"]
    assert files(left.path).items() < files(whole.path).items()
    again = train(digits, tmp_path / "run", small, engine, resume=True, snapshots=True)
    assert files(again.path) == files(whole.path)


def test_a_resumed_training_continues_its_snapshots(digits, tmp_path):
    train(digits, tmp_path / "run", CNN, watch=leave_after(9), snapshots=True)
    again = train(digits, tmp_path / "run", CNN, resume=True)
    assert list(saved_snapshots(again.path)) == [0, 1, 2, 3, 4]


def test_late_snapshots_hold_the_start_and_the_remaining_epochs(digits, tmp_path):
    train(digits, tmp_path / "run", CNN, watch=leave_after(9))
    late = train(digits, tmp_path / "run", CNN, resume=True, snapshots=True)
    whole = train(digits, tmp_path / "whole", CNN, snapshots=True)
    assert list(saved_snapshots(late.path)) == [0, 2, 3, 4]
    assert files(late.path).items() < files(whole.path).items()


def test_an_epoch_cut_short_gives_no_snapshot(digits, tmp_path):
    stopping = Stopping(max_seconds=1e-9)
    run = train(digits, tmp_path / "run", CNN, stopping=stopping, snapshots=True)
    assert run.about["stopped"] == "max_seconds"
    assert run.history[-1].epoch == 1
    assert saved_snapshots(run.path) == {}
    whole = train(digits, tmp_path / "run", CNN, resume=True, snapshots=True)
    other = train(digits, tmp_path / "other", CNN, snapshots=True)
    assert files(whole.path) == files(other.path)


def test_keeping_the_best_epoch_does_not_change_snapshots(digits, tmp_path, monkeypatch):
    monkeypatch.setattr("digitnn.runs.experiment.find_engine", lambda name: RoteEngine())
    best = Stopping(keep="best")
    run = train(digits, tmp_path / "run", BY_ROTE, stopping=best, snapshots=True)
    assert run.about["kept_epoch"] == 1  # the second reads no better
    first, last = (load_safetensors(snapshot_path(run.path, epoch)) for epoch in (1, 2))
    assert bits(first) == bits(run.params)
    np.testing.assert_allclose(last["0.bias"], first["0.bias"] + 10, rtol=1e-6)


def test_a_disk_full_of_snapshots_is_reported_once(digits, tmp_path, monkeypatch):
    def full(path, params):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("digitnn.runs.snapshots.save_safetensors", full)
    told = []
    run = train(digits, tmp_path / "run", CNN, told=told, snapshots=True)
    assert run.about["complete"]
    assert [line for line in told if "snapshots" in line] == [
        f"cannot write to {tmp_path / 'run' / 'snapshots'} (No space left on device): "
        "training continues"
    ]


def test_a_failed_training_keeps_the_snapshots_of_whole_epochs(digits, tmp_path, monkeypatch):
    engine = RoteEngine(bad_step=25)  # of ten an epoch
    monkeypatch.setattr("digitnn.runs.experiment.find_engine", lambda name: engine)
    with pytest.raises(TrainingError):
        train(digits, tmp_path / "run", replace(BY_ROTE, epochs=4), snapshots=True)
    found = saved_snapshots(tmp_path / "run")
    assert list(found) == [0, 1, 2]
    first, last = (load_safetensors(found[epoch]) for epoch in (0, 2))
    np.testing.assert_allclose(last["0.weight"], first["0.weight"] + 20, rtol=1e-6)


def test_other_files_in_the_folder_are_ignored(tmp_path):
    (tmp_path / "snapshots").mkdir()
    for name in ("epoch-007.safetensors", "epoch-x.safetensors", "epoch-².safetensors", "notes"):
        (tmp_path / "snapshots" / name).touch()
    assert list(saved_snapshots(tmp_path)) == [7]


def test_other_commands_accept_a_run_with_snapshots(
    digitnn: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "RECIPES", SMALL)
    done = digitnn("train", "classic", "--epochs", "20", "--snapshots", "--out", "run")
    assert done.code == 0, done.err
    assert list(saved_snapshots(Path("run"))) == [0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 16, 20]
    assert digitnn("inspect", "run").code == 0
    found = digitnn("inspect", "run/snapshots/epoch-005.safetensors", "--json").json()
    assert found["kind"] == "safetensors"
    assert digitnn("evaluate", "run").code == 0
    assert digitnn("leaderboard", "run", "--split", "valid").code == 0
    digitnn("train", "classic", "--seed", "1", "--out", "other")
    both = make_ensemble([Path("run"), Path("other")], Path("both"))
    assert len(both.members) == 2


def test_the_printed_resume_command_keeps_snapshots(
    digitnn: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipes, "RECIPES", SMALL)
    words = ("train", "cnn", "--engine", "scratch")
    done = digitnn(*words, "--snapshots", "--max-seconds", "1e-9", "--out", "run")
    assert "`digitnn train cnn --engine scratch --snapshots --out run --resume`" in done.err
