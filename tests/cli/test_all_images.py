"""`digitnn train --all-images`, and what a run without validation images can and cannot do."""

import json
import re
from pathlib import Path

import pytest
from commands import CommandLine, assert_one_error_line

from digitnn.runs.run import load_single_run

TRAIN = (
    "train",
    "mlp",
    "--epochs",
    "2",
    "--all-images",
    "--data-dir",
    "data",
    "--engine",
    "scratch",
)


@pytest.fixture
def run(digitnn: CommandLine) -> Path:
    done = digitnn(*TRAIN, "--out", "run", "--snapshots")
    assert done.code == 0, done.err
    assert "learned from all 480 images" in done.err
    assert "valid " not in done.err
    return Path("run")


def test_it_learns_from_both_splits_and_records_no_validation(
    digitnn: CommandLine, run: Path
) -> None:
    made = load_single_run(run)
    assert (made.about["data"]["train"]["n"], made.about["data"]["valid"]) == (480, None)
    assert [(r.valid_loss, r.valid_accuracy) for r in made.history] == [(None, None)] * 2
    assert digitnn("train", "mlp", "--epochs", "2", "--data-dir", "data", "--out", "held").code == 0
    held = load_single_run(Path("held"))
    assert held.about["data"]["train"]["n"] == 400
    assert any((made.params[name] != array).any() for name, array in held.params.items())


def test_json_has_null_for_the_validation_accuracy(digitnn: CommandLine) -> None:
    done = digitnn(*TRAIN, "--out", "run", "--json")
    assert done.json()["valid_accuracy"] is None


@pytest.mark.parametrize("command", ["evaluate", "report"])
def test_it_is_not_evaluated_on_images_that_it_has_seen(
    digitnn: CommandLine, run: Path, command: str
) -> None:
    out = ("--out", "page.html") if command == "report" else ()
    done = digitnn(command, "run", "--split", "valid", *out, "--data-dir", "data")
    assert_one_error_line(done, 1, "run has learned from the validation images too", "--split test")
    assert not Path("run/report.json").exists()
    assert not Path("page.html").exists()


def test_it_is_evaluated_on_test_and_says_where_the_temperature_comes_from(
    digitnn: CommandLine, run: Path
) -> None:
    done = digitnn("evaluate", "run", "--split", "test", "--data-dir", "data")
    assert done.code == 0, done.err
    assert "fitted on the same images (in sample)" in done.out
    value = digitnn("evaluate", "run", "--split", "test", "--data-dir", "data", "--json").json()
    assert (value["n"], value["tempered"]["in_sample"]) == (120, True)
    assert value["tempered"]["fitted_on"] == "evaluated images"


def test_its_own_images_are_not_external(digitnn: CommandLine, run: Path) -> None:
    done = digitnn("evaluate", "run", "--on", "data/train-images-idx3-ubyte", "--data-dir", "data")
    assert_one_error_line(done, 2, "the run was trained on")


@pytest.mark.parametrize("option", [("--patience", "1"), ("--keep", "best")])
def test_what_needs_validation_is_refused(digitnn: CommandLine, option: tuple[str, str]) -> None:
    done = digitnn(*TRAIN, *option, "--out", "run")
    assert_one_error_line(done, 2, "only the validation split can tell", "--patience")
    assert not Path("run").exists()


def test_resuming_is_the_same_training_only_with_all_images(
    digitnn: CommandLine, run: Path
) -> None:
    done = digitnn(*TRAIN, "--out", "run", "--resume")
    assert done.code == 0
    assert "already finished" in done.err
    without = [word for word in TRAIN if word != "--all-images"]
    assert_one_error_line(digitnn(*without, "--out", "run", "--resume"), 1, "another training")


def test_an_interrupted_training_goes_on_bit_for_bit(digitnn: CommandLine, run: Path) -> None:
    parts = (*TRAIN, "--out", "parts", "--checkpoint-every", "0")
    stopped = digitnn(*parts, "--max-seconds", "1e-9")
    assert "--all-images" in stopped.err  # in the command that continues
    assert digitnn(*parts, "--resume").code == 0
    one, other = load_single_run(run), load_single_run(Path("parts"))
    assert all((one.params[name] == array).all() for name, array in other.params.items())
    assert [r.loss for r in one.history] == [r.loss for r in other.history]


def test_the_leaderboard_ranks_it_on_test_only(digitnn: CommandLine, run: Path) -> None:
    refused = digitnn("leaderboard", "run")
    assert_one_error_line(refused, 1, "run: it learned from the validation images too")
    assert digitnn("evaluate", "run", "--split", "test", "--data-dir", "data").code == 0
    assert digitnn("leaderboard", "run", "--split", "test").code == 0


def test_pages_and_curves_show_the_training_alone(digitnn: CommandLine, run: Path) -> None:
    done = digitnn("report", "run", "--split", "test", "--out", "page.html", "--data-dir", "data",
                   "--robustness-images", "10")  # fmt: skip
    assert done.code == 0, done.err
    page = Path("page.html").read_text()
    assert "learned from the validation images too" in " ".join(page.split())
    assert not re.search(r"\bnan\b|>None<", page)
    done = digitnn("curves", "run", "--out", "curves.png")
    assert done.code == 0, done.err


def test_an_export_is_verified_without_scoring(digitnn: CommandLine, run: Path) -> None:
    done = digitnn("export", "run", "net.npz", "--data-dir", "data")
    assert done.code == 0, done.err
    assert "verifying over 80 validation images" in done.err


def test_an_ensemble_of_such_runs_is_evaluated_on_test(digitnn: CommandLine, run: Path) -> None:
    assert digitnn(*TRAIN, "--seed", "1", "--out", "run1").code == 0
    assert digitnn("ensemble", "run", "run1", "--out", "both").code == 0
    assert json.loads(Path("both/recipe.json").read_text())["data"]["valid"] is None
    done = digitnn("evaluate", "both", "--split", "test", "--data-dir", "data")
    assert done.code == 0, done.err
    mixed = digitnn("train", "mlp", "--epochs", "1", "--data-dir", "data", "--out", "held")
    assert mixed.code == 0
    assert_one_error_line(
        digitnn("ensemble", "run", "held", "--out", "mixed"), 1, "different data (train"
    )
