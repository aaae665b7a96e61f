"""How weights came to be: the values by their definition, the figure of them, the command."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line
from PIL import Image
from small_trainings import CLASSIC, CNN

from digitnn.analysis.explain.first_layer import first_layer
from digitnn.analysis.explain.over_epochs import (
    describe_weights_over_epochs,
    weights_over_epochs,
)
from digitnn.analysis.explain.over_epochs_figure import draw_weights_over_epochs
from digitnn.errors import RunError
from digitnn.network.layers import Dense, Flatten, MaxPool2d
from digitnn.network.storage.safetensors import load_safetensors, save_safetensors
from digitnn.runs.experiment import TrainingData, run_experiment
from digitnn.runs.resume import Checkpointing
from digitnn.runs.run import Run, load_single_run
from digitnn.runs.snapshots import saved_snapshots, snapshot_path
from digitnn.training.records import Stopping

pytestmark = pytest.mark.slow


def train(digits, path, recipe, watch=iter, stopping=None) -> Run:
    data = TrainingData("mnist", None, digits[:400], digits[400:])
    keeping = Checkpointing("again", lambda line: None, snapshots=True)
    return run_experiment(recipe, "scratch", 0, data, path, watch, keeping, stopping)


@pytest.fixture(scope="module")
def classic(digits, tmp_path_factory) -> Run:
    return train(digits, tmp_path_factory.mktemp("runs") / "classic", replace(CLASSIC, epochs=15))


@pytest.fixture(scope="module")
def cnn(digits, tmp_path_factory) -> Run:
    return train(digits, tmp_path_factory.mktemp("runs") / "cnn", CNN)


def test_norms_and_distances_have_the_values_known_by_hand(classic: Run) -> None:
    found = weights_over_epochs(classic)
    moments = {e: load_safetensors(path) for e, path in saved_snapshots(classic.path).items()}
    assert found.epochs == tuple(moments)
    assert (found.epochs[0], found.epochs[-1], len(found.epochs)) == (0, 15, 13)
    assert [path.name for path in found.layers] == ["12 units", "10 units"]
    for path in found.layers:
        weights = [np.ravel(params[f"{path.index}.weight"]) for params in moments.values()]
        start = np.linalg.norm(weights[0])
        for t, (epoch, w) in enumerate(zip(moments, weights, strict=True)):
            assert path.norm[t] == pytest.approx(np.linalg.norm(w), rel=1e-5)
            distance = np.linalg.norm(w - weights[0])
            assert path.from_start[t] == pytest.approx(distance / start, rel=1e-4)
            if t:
                step = np.linalg.norm(w - weights[t - 1]) / (epoch - found.epochs[t - 1])
                expected = step / np.linalg.norm(weights[t - 1])
                assert path.an_epoch[t] == pytest.approx(expected, rel=1e-4)
        assert path.an_epoch[0] is None
    assert found.history[-1] == (15, *(pytest.approx(1 - a) for a in accuracies(classic)))
    assert found.unit == "iteration"


def accuracies(run: Run) -> tuple[float, float]:
    return run.history[-1].accuracy, run.history[-1].valid_accuracy


@pytest.mark.parametrize("name", ["classic", "cnn"])
def test_every_row_has_the_same_units_in_their_final_order(
    name: str, request: pytest.FixtureRequest
) -> None:
    run = request.getfixturevalue(name)
    found = weights_over_epochs(run)
    last = first_layer(run.network, run.params)
    assert found.kind == last.kind
    np.testing.assert_array_equal(found.weights[-1], last.weights)
    start = load_safetensors(snapshot_path(run.path, 0))
    index = found.layers[0].index
    raw = start[f"{index}.weight"].reshape(len(last.order), *last.weights.shape[1:])
    scale = 255 / run.network.standardise.std
    np.testing.assert_allclose(found.weights[0], scale * raw[list(last.order)], rtol=1e-5)


def test_the_figure_has_a_row_per_snapshot_and_the_curves(classic: Run) -> None:
    found = weights_over_epochs(classic)
    figure = draw_weights_over_epochs(found)
    left, right = figure.subfigs
    rows = left.axes[0]
    whole = rows.get_images()[0].get_array()
    assert whole.shape == (13 * 30 - 2, 10 * 30 - 2)
    np.testing.assert_array_equal(whole[:28, 30:58], found.weights[0, 1])
    np.testing.assert_array_equal(whole[-28:, -28:], found.weights[-1, 9])
    names = [label.get_text() for label in rows.get_yticklabels()]
    assert (names[0], names[1], names[-1]) == ("start", "iteration 1", "iteration 15")
    assert list(rows.get_yticks()[:2]) == [13.5, 43.5]
    norm, from_start, an_epoch, error = right.axes
    for axes, field in ((norm, "norm"), (from_start, "from_start"), (an_epoch, "an_epoch")):
        for line, path in zip(axes.get_lines(), found.layers, strict=True):
            assert list(line.get_xdata()) == list(found.epochs)
            np.testing.assert_array_equal(line.get_ydata(), np.array(getattr(path, field), float))
    training, valid = error.get_lines()
    assert list(valid.get_ydata()) == [100 * record[2] for record in found.history]
    assert list(training.get_ydata()) == [100 * record[1] for record in found.history]
    legend = [text.get_text() for text in from_start.get_legend().get_texts()]
    assert legend == ["12 units", "10 units"]


def test_the_description_names_units_epochs_and_errors(classic: Run, cnn: Run) -> None:
    words = describe_weights_over_epochs(weights_over_epochs(classic))
    assert "each column is one of the 10 units" in words
    assert "of 15" in words
    wrong = 100 * (1 - classic.history[-1].valid_accuracy)
    assert words.endswith(f"after iteration 15, it was {wrong:.2f} %.")
    assert "the 4 filters" in describe_weights_over_epochs(weights_over_epochs(cnn))
    assert draw_weights_over_epochs(weights_over_epochs(cnn)).subfigs[0].axes


def test_without_weights_on_pixels_only_the_curves_are_drawn(digits, tmp_path) -> None:
    pooled = replace(CNN, layers=(MaxPool2d(4), Flatten(), Dense(10)), epochs=2)
    found = weights_over_epochs(train(digits, tmp_path / "run", pooled))
    assert found.weights is None
    assert len(draw_weights_over_epochs(found).axes) == 4
    assert describe_weights_over_epochs(found).startswith("The curves")


def test_an_unfinished_training_shows_its_snapshots_so_far(digits, tmp_path) -> None:
    best = train(digits, tmp_path / "best", CNN, stopping=Stopping(keep="best", patience=1))
    kept = best.about["kept_epoch"]
    assert weights_over_epochs(best).epochs == tuple(range(kept + 1))

    def interrupted(training):
        for number, record in enumerate(training, start=1):
            yield record
            if number == 20:  # of eight an epoch
                return

    left = train(digits, tmp_path / "left", CNN, watch=interrupted)
    assert weights_over_epochs(left).epochs == (0, 1, 2)


def test_a_time_limit_within_an_epoch_counts_a_part_of_it(cnn: Run) -> None:
    early = replace(cnn.history[1], done=1.5 / 4)
    cut = replace(
        cnn, history=(cnn.history[0], early), about={**cnn.about, "kept_epoch": early.epoch}
    )
    assert weights_over_epochs(cut).epochs == (0, 1, 1.5)


def test_missing_and_damaged_snapshots_are_errors_of_one_line(
    cnn: Run, classic: Run, tmp_path
) -> None:
    shutil.copytree(cnn.path, tmp_path / "run")
    run = load_single_run(tmp_path / "run")
    save_safetensors(snapshot_path(run.path, 1), classic.params)
    with pytest.raises(RunError, match=r"epoch-001\.safetensors is not a snapshot of"):
        weights_over_epochs(run)
    snapshot_path(run.path, 1).write_bytes(b"x")
    with pytest.raises(RunError, match=r"epoch-001\.safetensors is not a snapshot of"):
        weights_over_epochs(run)
    shutil.rmtree(run.path / "snapshots")
    with pytest.raises(RunError, match="train with --snapshots"):
        weights_over_epochs(run)


def test_the_command_draws_snapshots_or_names_the_option(digitnn: CommandLine) -> None:
    digitnn("train", "cnn-98.7", "--engine", "scratch", "--snapshots", "--out", "run")
    done = digitnn("understand", "run", "--no-map", "--json")
    assert done.code == 0, done.err
    (plate,) = [one for one in done.json()["plates"] if one["name"] == "over-epochs"]
    assert plate["values"]["epochs"] == [0, 1]
    with Image.open(plate["path"]) as image:
        assert image.format == "PNG"
    assert "--snapshots" not in done.err
    snapshot_path(digitnn.folder / "run", 0).write_bytes(b"x")
    done = digitnn("understand", "run", "--no-map", "--json")
    assert_one_error_line(done, 1, "epoch-000.safetensors is not a snapshot")
    shutil.rmtree("run/snapshots")
    done = digitnn("understand", "run", "--no-map")
    assert done.code == 0
    assert "digitnn train --snapshots" in done.err
    assert "over-epochs" not in done.out
