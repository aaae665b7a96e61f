"""`digitnn curves`: the histories of runs in any state, and the figure that is drawn of them."""

import json
import os
import shutil
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line
from small_trainings import CLASSIC, CNN

from digitnn.analysis.comparison.curves import draw_curves, run_labels
from digitnn.data.dataset import Dataset
from digitnn.errors import RunError
from digitnn.runs.ensembles import load_run, make_ensemble
from digitnn.runs.experiment import TrainingData, run_experiment
from digitnn.runs.histories import History, read_histories
from digitnn.runs.resume import Checkpointing
from digitnn.training.records import Clock, EpochRecord, Stopping

pytestmark = pytest.mark.slow

KEEPING = Checkpointing("digitnn train cnn --resume", notify=lambda line: None, every=0)


class Killed(BaseException):
    """What ends a process ends this test's training."""


@pytest.fixture(scope="module")
def data(digits: Dataset) -> TrainingData:
    return TrainingData("mnist", None, digits[:400], digits[400:480])


@pytest.fixture(scope="module")
def made(data, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs: two finished, one stopped amid its third epoch, one killed there, an ensemble."""
    folder = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        _make_runs(folder, data)
    return folder


def _make_runs(folder: Path, data: TrainingData) -> None:
    run_experiment(CLASSIC, "scratch", 3, data, folder / "classic", iter)
    run_experiment(CNN, "pytorch", 0, data, folder / "cnn", iter)

    now = [1.0]

    def killed_at(step):
        def watch(training):
            for number, record in enumerate(training, start=1):
                yield record
                if number == step:
                    raise Killed

        return watch

    def late_at(step):
        def watch(training):
            for number, record in enumerate(training, start=1):
                now[0] = 10.0 if number >= step else 1.0
                yield record

        return watch

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Clock, "seconds", lambda clock: now[0])
        in_time = Stopping(max_seconds=5)
        run_experiment(CNN, "scratch", 1, data, folder / "stopped", late_at(20), KEEPING, in_time)
    for recipe, name, most in ((CNN, "killed", 20), (CNN, "young", 3), (CLASSIC, "full", 2)):
        with pytest.raises(Killed):
            run_experiment(recipe, "scratch", 1, data, folder / name, killed_at(most), KEEPING)
    make_ensemble([folder / "classic", folder / "cnn"], folder / "both")


@pytest.fixture
def runs(made: Path, digitnn: CommandLine) -> Path:
    """A copy of them in the working folder."""
    shutil.copytree(made, "runs")
    return Path("runs")


def history(*errors, epochs=10, path="run", seed=0, recipe=CNN):
    """One that had these shares of errors; epoch e took until second 2 e."""
    records = tuple(
        EpochRecord(e / epochs, e, 2 * error, 1 - 2 * error, error, 1 - error, 2.0 * e, 1.0)
        for e, error in enumerate(errors, start=1)
    )
    return History(Path(path), replace(recipe, epochs=epochs), "scratch", seed, records)


def test_json_has_the_epochs_of_every_run_finished_or_not(digitnn, runs):
    names = ["classic", "stopped", "killed", "both"]
    found = digitnn("curves", *(f"runs/{name}" for name in names), "--json").json()
    assert found["schema"] == 1
    assert [(one["path"], one["recipe"], one["engine"], one["seed"]) for one in found["runs"]] == [
        ("runs/classic", "classic", "scratch", 3),
        ("runs/stopped", "cnn", "scratch", 1),
        ("runs/killed", "cnn", "scratch", 1),
        ("runs/both/members/0", "classic", "scratch", 3),
        ("runs/both/members/1", "cnn", "pytorch", 0),
    ]
    classic, stopped, killed, *members = (one["history"] for one in found["runs"])
    lines = Path("runs/classic/history.jsonl").read_text().splitlines()
    assert classic == members[0] == [json.loads(line) for line in lines]
    assert len(members[1]) == 4
    assert [record["done"] for record in stopped] == [0.25, 0.5, 20 / 32]
    assert [record["done"] for record in killed] == [0.25, 0.5]
    assert killed[0]["valid_accuracy"] == stopped[0]["valid_accuracy"]


def test_a_resumed_run_reaches_to_its_newest_checkpoint(digitnn, runs, data):
    def to_the_end_of_an_epoch(training):
        for record in training:
            yield record
            if isinstance(record, EpochRecord):
                raise Killed

    resume = replace(KEEPING, resume=True)
    with pytest.raises(Killed):
        run_experiment(CNN, "scratch", 1, data, runs / "stopped", to_the_end_of_an_epoch, resume)
    assert len(load_run(runs / "stopped").history) == 3
    (found,) = read_histories(runs / "stopped")
    assert found.epochs == (1, 2, 3)


def test_the_previous_checkpoint_counts_if_the_newest_is_damaged(runs):
    newest, before = sorted((runs / "killed/checkpoint").glob("step-*"), reverse=True)
    (newest / "progress.json").write_text("{")
    assert len(read_histories(runs / "killed")[0].records) == 2
    (before / "arrays.safetensors").write_bytes(b"")
    with pytest.raises(RunError, match=rf"the history of .*killed cannot be read: .*{newest.name}"):
        read_histories(runs / "killed")


def test_four_panels_show_error_and_loss_over_epochs_and_seconds():
    one, two = history(0.5, 0.1, 0.02), history(0.3, 0.2, seed=4)
    figure = draw_curves([one, two])
    error, error_by_second, loss, loss_by_second = figure.axes
    for axes, x, train, valid in (
        (error, [1, 2, 3], [100, 20, 4], [50, 10, 2]),
        (error_by_second, [2, 4, 6], [100, 20, 4], [50, 10, 2]),
        (loss, [1, 2, 3], [1, 0.2, 0.04], [0.5, 0.1, 0.02]),
        (loss_by_second, [2, 4, 6], [1, 0.2, 0.04], [0.5, 0.1, 0.02]),
    ):
        assert axes.get_yscale() == "log"
        for line, y in zip(axes.lines[:2], (train, valid), strict=True):
            np.testing.assert_allclose(line.get_xdata(), x)
            np.testing.assert_allclose(line.get_ydata(), y)
    assert error.get_ylabel() == "error rate (%)"
    assert (loss.get_xlabel(), loss_by_second.get_xlabel()) == ("epochs", "seconds of training")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "cnn (scratch), seed 0",
        "cnn (scratch), seed 4",
    ]


def test_each_run_has_its_own_style_in_all_panels():
    n = 12
    figure = draw_curves([history(0.5, 0.1, seed=seed) for seed in range(n)])
    looks = [
        [(line.get_color(), str(line._unscaled_dash_pattern)) for line in axes.lines]
        for axes in figure.axes
    ]
    assert all(look == looks[0] for look in looks)
    assert looks[0][0::2] == looks[0][1::2]  # training as validation
    assert len(set(looks[0])) == n
    handles = [handle.get_color() for handle in figure.legends[0].legend_handles]
    assert handles == [colour for colour, _ in looks[0][::2]]


def test_a_stopped_run_ends_within_its_last_epoch():
    whole = history(0.5, 0.1)
    cut = replace(whole, records=(*whole.records, replace(whole.records[-1], done=0.24, epoch=3)))
    assert draw_curves([cut]).axes[0].lines[0].get_xdata() == pytest.approx([1, 2, 2.4])


def test_an_error_of_zero_can_be_drawn():
    figure = draw_curves([history(0.0, 0.0), history(0.1, 0.0)])
    figure.canvas.draw()
    draw_curves([history(0.0)]).canvas.draw()


def test_the_axis_names_iterations_or_epochs():
    full = history(0.5, recipe=CLASSIC)
    assert draw_curves([full]).axes[2].get_xlabel() == "iterations"
    assert "iterations" in draw_curves([full, history(0.5)]).axes[2].get_xlabel()


def test_equal_names_get_their_paths():
    one, two, other = history(0.5, path="a"), history(0.5, path="$b$"), history(0.5, seed=1)
    named = run_labels([one, two, other])
    assert named == [
        "cnn (scratch), seed 0: a",
        "cnn (scratch), seed 0: $b$",
        run_labels([other])[0],
    ]
    draw_curves([one, two, other]).canvas.draw()


def test_the_figure_is_a_png_and_overwritten_only_by_force(digitnn, runs):
    done = digitnn("curves", "runs/classic", "runs/both", "runs/killed", "--out", "new/curves.png")
    assert (done.code, done.out) == (0, "new/curves.png\n"), done.err
    content = Path("new/curves.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    again = ["curves", "runs/classic", "--out", "new/curves.png"]
    assert_one_error_line(digitnn(*again), 2, "already exists", "--force")
    assert Path("new/curves.png").read_bytes() == content
    assert digitnn(*again, "--force").code == 0
    assert Path("new/curves.png").read_bytes() != content


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere", "--out", "a.png"], 1, ["nowhere", "no such folder"]),
        (["data", "--json"], 1, ["data", "lacks network.json"]),
        (["runs/classic", "nowhere", "--json"], 1, ["nowhere"]),
        (["runs/young", "--out", "a.png"], 1, ["runs/young", "no finished epoch"]),
        (["runs/full", "--out", "a.png"], 1, ["runs/full", "full-batch training"]),
        (["runs/classic"], 2, ["--out", "--json"]),
        (["runs/classic", "--json", "--out", "a.png"], 2, ["--out", "--json"]),
        (["runs/classic", "--out", "a.pdf"], 2, [".png", "a.pdf"]),
        (["runs/classic", "--out", "data"], 2, ["data", "is a folder"]),
        (["runs/classic", "--out", "file/a.png"], 1, ["cannot write file/a.png"]),
        (["--json"], 2, ["runs"]),
    ],
)
def test_runs_that_cannot_be_drawn_are_an_error_of_one_line(digitnn, runs, arguments, code, words):
    Path("file").write_text("")
    assert_one_error_line(digitnn("curves", *arguments), code, *words)
    assert not Path("a.png").exists()


@pytest.mark.parametrize("value", ['"many"', "NaN", "null"])
def test_a_history_without_numbers_is_damaged(digitnn, runs, value):
    path = Path("runs/cnn/history.jsonl")
    record = asdict(load_run("runs/cnn").history[0]) | {"seconds": 0}
    path.write_text(json.dumps(record).replace('"seconds": 0', f'"seconds": {value}') + "\n")
    assert_one_error_line(digitnn("curves", "runs/cnn", "--json"), 1, "runs/cnn", "damaged")


def test_without_matplotlib_the_extra_is_named_and_json_still_works(digitnn, runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    done = digitnn("curves", "runs/cnn", "--out", "a.png")
    assert_one_error_line(done, 1, "pip install 'digitnn[plots]'")
    assert digitnn("curves", "runs/cnn", "--json").code == 0
