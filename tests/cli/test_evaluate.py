"""`digitnn evaluate`: its scores and its errors."""

import json
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line

from digitnn.data.dataset import Dataset
from digitnn.data.formats.idx import write_idx_folder
from digitnn.evaluation import disputed_labels as disputed
from digitnn.evaluation.disputed_labels import DisputedLabel
from digitnn.evaluation.evaluation import Evaluation, evaluate
from digitnn.evaluation.summary import describe_summary, summarise_evaluation
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import load_network
from digitnn.runs.run import load_single_run

KEYS = (
    "schema run split reads test_reads n accuracy interval errors loss_nats brier "
    "calibration_error bins temperature tempered per_class confusion risk_coverage most_wrong "
    "seconds disputed"
)


class Guess:
    """A classifier that gives these logits."""

    def __init__(self, logits: np.ndarray) -> None:
        self._logits = logits

    def logits(self, images: np.ndarray) -> np.ndarray:
        return self._logits


def read(logits: np.ndarray, dataset: Dataset) -> Evaluation:
    return evaluate(Guess(logits), dataset)


@pytest.fixture
def run(digitnn: CommandLine) -> Path:
    digitnn("train", "classic", "--epochs", "4", "--out", "run")
    return Path("run")


def test_the_json_object_has_all_documented_keys(digitnn: CommandLine, run: Path) -> None:
    found = digitnn("evaluate", "run", "--split", "test", "--json").json()
    assert list(found) == KEYS.split()
    assert (found["reads"], found["test_reads"], found["n"]) == (1, 1, 120)
    assert found["errors"] == 120 - sum(found["confusion"][i][i] for i in range(10))
    assert [score["label"] for score in found["per_class"]] == list(range(10))
    assert sum(score["images"] for score in found["per_class"]) == 120
    assert sum(one["n"] for one in found["bins"]) == 120
    assert [p["coverage"] for p in found["risk_coverage"]["points"]] == [0.5, 0.8, 0.9, 0.95, 0.99]
    assert (found["tempered"]["fitted_on"], found["tempered"]["in_sample"]) == ("valid", False)
    assert found["disputed"] is None
    assert len(found["most_wrong"]) == min(20, found["errors"])
    for mistake in found["most_wrong"]:
        assert mistake["label"] != mistake["read"]


def test_the_temperature_on_test_is_fitted_on_validation(digitnn: CommandLine, run: Path) -> None:
    valid = digitnn("evaluate", "run", "--json").json()
    test = digitnn("evaluate", "run", "--split", "test", "--json").json()
    assert valid["temperature"] == test["temperature"] != 1
    assert valid["tempered"]["in_sample"]
    assert valid["tempered"]["loss_nats"] < valid["loss_nats"]
    assert valid["test_reads"] == 0
    readings = json.loads((run / "report.json").read_text())["readings"]
    assert [reading["split"] for reading in readings] == ["valid", "test"]
    assert "(in sample)" in digitnn("evaluate", "run").out
    assert "(in sample)" not in digitnn("evaluate", "run", "--split", "test").out


def test_disputed_labels_are_listed_for_their_own_data_only(
    digits: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = int(digits.labels[3])
    labels = (DisputedLabel(3, given, 1, (given + 1) % 10, 4),)
    monkeypatch.setattr(disputed, "MNIST_TEST", digits.fingerprint())
    monkeypatch.setattr(disputed, "DISPUTED", labels)
    logits = 4 * np.eye(10, dtype=np.float32)[digits.labels]
    logits[3] = np.roll(logits[3], 1)
    found = summarise_evaluation(read(logits, digits), digits)
    assert found.disputed is not None
    assert found.evaluation.accuracy == 599 / 600
    assert (found.disputed.without.accuracy, found.disputed.corrected.accuracy) == (1, 1)
    assert (
        "without these images 100.00 %, with corrected labels 100.00 %; of these images 0 of 1"
        in describe_summary(found)[-1]
    )


def test_a_digit_that_no_image_shows_is_named(digits: Dataset) -> None:
    some = digits[(digits.labels != 4) & (digits.labels != 7)]
    found = summarise_evaluation(read(np.zeros((len(some), 10), np.float32), some), some)
    assert found.absent == ("4", "7")
    assert describe_summary(found)[-1].startswith("there is no image of 4, 7,")
    assert found.to_json()["per_class"][4]["recall"] is None


def test_a_network_without_errors_is_described_too(digits: Dataset) -> None:
    found = summarise_evaluation(
        read(50 * np.eye(10, dtype=np.float32)[digits.labels], digits), digits
    )
    assert found.most_wrong == ()
    assert found.risk_coverage.area == 0
    assert "99 %: 0.00 %" in describe_summary(found)[1]
    json.dumps(found.to_json(), allow_nan=False)


def test_an_empty_test_split_is_refused_in_a_line(
    digitnn: CommandLine, run: Path, digits: Dataset
) -> None:
    write_idx_folder(Path("data"), digits[:480], digits[:0])
    assert_one_error_line(digitnn("evaluate", "run", "--split", "test"), 1, "test", "no images")
    assert not (run / "report.json").exists()


@pytest.mark.parametrize("engine", ["scratch", "pytorch"])
def test_logits_that_overflow_are_refused_in_a_line(
    engine: str, digitnn: CommandLine, run: Path
) -> None:
    _, params = load_network(run)
    huge = {name: np.full_like(p, 3e38) for name, p in params.items()}
    save_safetensors(run / "params.safetensors", huge)
    done = digitnn("evaluate", "run", "--engine", engine, "--threads", "2")
    assert_one_error_line(done, 1, "NaN or infinite for", "of 80 images")
    assert "Warning" not in done.err


def test_a_run_of_other_labels_or_shapes_is_refused_in_a_line(
    digitnn: CommandLine, run: Path
) -> None:
    description = json.loads((run / "network.json").read_text())
    for change, words in (
        ({"labels": list("abcdefghij")}, "has classes that run lacks: '0, 1, 2"),
        ({"input": [1, 28, 32]}, "parameter"),
    ):
        (run / "network.json").write_text(json.dumps(description | change))
        assert_one_error_line(digitnn("evaluate", "run"), 1, "run", words)


def test_a_comparison_of_runs_tested_on_different_data_is_refused_in_a_line(
    digitnn: CommandLine, run: Path, digits: Dataset
) -> None:
    write_idx_folder(Path("data"), digits[:480], digits[500:])
    assert digitnn("evaluate", "run", "--split", "test").code == 0
    write_idx_folder(Path("data"), digits[:480], digits[480:])
    assert digitnn("train", "classic", "--epochs", "1", "--out", "second").code == 0
    done = digitnn("compare", "run", "second")
    assert_one_error_line(done, 1, "run was last tested on other images", "--data-dir")
    assert load_single_run(run).about["seed"] == 0
    assert not Path("results/comparison.json").exists()
