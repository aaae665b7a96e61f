"""Scores that cannot be computed are refused in one line; none is written as NaN."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line

from digitnn.data.dataset import Dataset
from digitnn.data.formats.idx import idx_name, write_idx, write_idx_folder
from digitnn.data.formats.storage import read_part
from digitnn.errors import DataError, FormatError
from digitnn.evaluation.evaluation import MAX_LOGIT, evaluate
from digitnn.evaluation.summary import describe_summary, summarise_evaluation
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import load_network


@pytest.fixture
def run(digitnn: CommandLine) -> Path:
    assert digitnn("train", "classic", "--epochs", "2", "--out", "run").code == 0
    return Path("run")


def strictly(text: str) -> Any:
    """JSON as the standard has it: no NaN, no Infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


class Fixed:
    """A classifier that gives these logits."""

    def __init__(self, logits: np.ndarray) -> None:
        self._logits = logits.astype(np.float32)

    def logits(self, images: np.ndarray) -> np.ndarray:
        return self._logits


def with_biases(run: Path, biases: np.ndarray) -> None:
    """Let the network of `run` give these logits, whatever it is shown."""
    _, params = load_network(run)
    params = {name: np.zeros_like(p) for name, p in params.items()}
    last = [name for name in params if name.endswith("bias")][-1]
    save_safetensors(run / "params.safetensors", params | {last: biases.astype(np.float32)})


@pytest.mark.parametrize("right", [0.0, 0.5, 1.0])
def test_the_largest_accepted_logits_give_finite_scores(right, digits):
    part = digits[:200]
    labels = part.labels.astype(int)
    read = np.where(np.arange(200) < 200 * right, labels, (labels + 1) % 10)
    logits = np.where(np.eye(10, dtype=bool)[read], MAX_LOGIT, -MAX_LOGIT)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = summarise_evaluation(evaluate(Fixed(logits), part), part)
    assert found.evaluation.accuracy == right
    strictly(json.dumps(found.to_json()))
    assert not any("nan" in line or "inf" in line for line in describe_summary(found))
    with pytest.raises(DataError, match=r"^it gives logits up to 2e\+36 for images of digits"):
        evaluate(Fixed(2 * logits), part, "it")


@pytest.mark.parametrize("engine", ["scratch", "pytorch"])
def test_finite_logits_too_large_for_a_loss_are_refused(
    engine: str, digitnn: CommandLine, run: Path
) -> None:
    with_biases(run, np.where(np.arange(10) == 3, 3e38, -3e38))
    done = digitnn("evaluate", "run", "--engine", engine)
    assert_one_error_line(done, 1, "error: run gives logits up to 3e+38", "train it again")
    assert "Warning" not in done.err
    assert not (run / "report.json").exists()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_nan_parameter_is_named_with_its_run(
    value: float, digitnn: CommandLine, run: Path
) -> None:
    with_biases(run, np.where(np.arange(10) == 3, value, 0))
    for command in (
        ["evaluate", "run"],
        ["evaluate", "run", "--engine", "pytorch", "--robustness", "--json"],
        ["compare", "run", "classic"],
        ["leaderboard", "run"],
    ):
        assert_one_error_line(digitnn(*command), 1, "run: parameter ", "holds NaN or infinity")
    assert not (run / "report.json").exists()


def test_a_digit_neither_shown_nor_predicted_has_no_f1(
    digitnn: CommandLine, run: Path, digits: Dataset
) -> None:
    without = digits[digits.labels != 3]
    write_idx_folder(Path("data"), digits[:480], without[440:])
    with_biases(run, np.where(np.arange(10) == 3, -9.0, np.arange(10)))  # all are read as 9
    done = digitnn("evaluate", "run", "--split", "test", "--json", "--corruptions", "--robustness")
    scores = strictly(done.out)["per_class"]
    for name in ("recall", "precision", "f1"):
        assert scores[3][name] is scores[3][f"{name}_interval"] is None
    assert scores[2]["recall"] == scores[2]["f1"] == 0.0  # shown, and never read
    assert (scores[2]["precision"], scores[9]["recall"]) == (None, 1.0)
    strictly((run / "report.json").read_text())
    told = digitnn("evaluate", "run", "--split", "test")
    assert "there is no image of 3, and so no score for these digits" in told.out
    assert "nan" not in told.out


def test_a_fashion_run_is_not_evaluated_on_digits(digitnn: CommandLine, digits: Dataset) -> None:
    write_idx_folder(_made("data/fashion-mnist"), _mirrored(digits)[:480], digits[480:])
    write_idx_folder(_made("digits"), digits[:480], digits[480:])
    trained = digitnn(
        "train", "classic", "--epochs", "1", "--data", "fashion-mnist", "--out", "run"
    )
    assert trained.code == 0
    for split in ("valid", "test"):
        done = digitnn("evaluate", "run", "--split", split, "--data-dir", "digits")
        assert_one_error_line(done, 1, "not those of run", "--data-dir")
    assert not Path("run/report.json").exists()
    assert digitnn("evaluate", "run", "--split", "test").code == 0


def test_images_of_another_shape_are_reported_with_both_sizes(
    digitnn: CommandLine, run: Path, digits: Dataset
) -> None:
    write_idx_folder(_made("wide"), digits[:480], digits[480:])
    images = Path("wide") / idx_name("test", "images")
    write_idx(images, np.zeros((120, 32, 32), np.uint8))
    done = digitnn("evaluate", "run", "--split", "test", "--data-dir", "wide")
    sizes = "images of 32 x 32 pixels, but run takes images of 28 x 28 pixels"
    assert_one_error_line(done, 1, "mnist test", sizes)
    assert "IDX files in wide" in done.err
    write_idx(images, digits.images[480:])
    write_idx(Path("wide") / idx_name("test", "labels"), digits.labels[:7])
    with pytest.raises(FormatError, match=r"t10k-labels-idx1-ubyte: 7 labels for 120 images"):
        read_part(Path("wide"), "test", "wide")


def test_an_evaluation_that_cannot_be_recorded_is_not_shown(
    digitnn: CommandLine, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr("digitnn.runs.evaluate_run.write_text", full)
        done = digitnn("evaluate", "run", "--split", "test")
    assert_one_error_line(done, 1, "run/report.json", "Read-only file system", "not shown")
    (run / "report.json").mkdir()
    assert_one_error_line(digitnn("evaluate", "run"), 1, "run/report.json", "directory")


def test_unwritable_results_are_refused_before_evaluation(digitnn: CommandLine, run: Path) -> None:
    Path("file").write_text("in the way")
    for command in (
        ["compare", "run", "--results", "file"],
        ["compare", "run", "--results", "file/below"],
        ["curves", "run", "--out", "file/x.png"],
        ["understand", "run", "--out", "file"],
    ):
        assert_one_error_line(digitnn(*command), 1, "cannot write", "file")
    assert not (run / "report.json").exists()
    assert Path("file").read_text() == "in the way"


def test_runs_tested_on_different_data_are_neither_ranked_nor_compared(
    digitnn: CommandLine, run: Path, digits: Dataset
) -> None:
    assert digitnn("evaluate", "run", "--split", "test").code == 0
    write_idx_folder(Path("data"), digits[:480], digits[500:])
    digitnn("train", "classic", "--epochs", "2", "--seed", "1", "--out", "second")
    assert digitnn("evaluate", "second", "--split", "test").code == 0
    done = digitnn("leaderboard", "run", "second", "--split", "test")
    assert_one_error_line(done, 1, "run and second were measured on different test data")
    assert digitnn("leaderboard", "run", "second", "--split", "valid").code == 0
    done = digitnn("compare", "run", "second")
    assert_one_error_line(done, 1, "run was last tested on other images")
    assert len(strictly(Path("second/report.json").read_text())["readings"]) == 1


def _made(folder: str) -> Path:
    Path(folder).mkdir(parents=True)
    return Path(folder)


def _mirrored(digits: Dataset) -> Dataset:
    return Dataset(digits.images[:, :, ::-1].copy(), digits.labels)
