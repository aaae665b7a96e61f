"""The figures of docs/results.md are means over the saved evaluations."""

import json

import pytest
from commands import CommandLine

from benchmarks.docs import evaluations
from benchmarks.docs.evaluations import KEYS, select
from benchmarks.docs.results_page import (
    chosen_on_test,
    conditions,
    confidence,
    corruptions,
    groups,
)
from benchmarks.timing.records import chosen_by_test, summarise

pytestmark = pytest.mark.slow

MACHINE = {"processor": "a processor", "cores": 2, "versions": {"numpy": "2.0"}, "commit": "abc"}


def evaluated(recipe: str, seed: int, accuracy: float, mean: float) -> dict:
    points = [
        {"coverage": share, "n": 90, "errors": 1, "error": (1 - accuracy) * share}
        for share in (0.5, 0.9)
    ]
    rows = [
        {"corruption": "shot_noise", "severity": 5, "accuracy": mean + 0.1, "relative": 1.0},
        {"corruption": "fog", "severity": 5, "accuracy": mean - 0.1, "relative": 2.0},
    ]
    return {
        "recipe": recipe,
        "engine": "scratch",
        "seed": seed,
        "split": "test",
        "n": 10_000,
        "command": "digitnn evaluate RUN",
        "accuracy": accuracy,
        "brier": 0.0123,
        "calibration_error": 0.05,
        "tempered": {"calibration_error": 0.01},
        "risk_coverage": {"points": points, "area": 0.1},
        "disputed": {"among": {"right": 5 + seed}},
        "corruptions": {"rows": rows, "mean": mean, "relative": 0.5 + seed},
        "test_reads": 1 + seed,
        "machine": MACHINE,
    }


FOUND = [
    evaluated("better", 0, 0.99, 0.8),
    evaluated("worse", 0, 0.95, 0.6),
    evaluated("worse", 1, 0.97, 0.7),
]


def row(text: str, start: str) -> list[str]:
    (line,) = (line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_seeds_of_a_recipe_stand_together_and_the_worse_recipe_first():
    found = groups(FOUND)
    assert list(found) == ["`worse` (scratch)", "`better` (scratch)"]
    assert [one["seed"] for one in found["`worse` (scratch)"]] == [0, 1]


def test_confidence_is_the_mean_over_seeds_with_its_spread():
    text = confidence(groups(FOUND))
    assert row(text, "recipe")[5:7] == [
        "error of the most confident 50%",
        "error of the most confident 90%",
    ]
    assert row(text, "`worse`") == [
        *("`worse` (scratch)", "96.00 % ± 1.41", "5.00 %", "1.00 %", "0.0123"),
        *("2.00 %", "3.60 %", "5.5"),
    ]
    assert row(text, "`better`")[1] == "99.00 %"  # of one seed there is no spread


def test_corruptions_have_a_row_each_and_a_column_a_recipe():
    text = corruptions(groups(FOUND))
    assert row(text, "fog") == ["fog", "55.00 % ± 7.07", "70.00 %"]
    assert row(text, "shot noise")[2] == "90.00 %"
    assert row(text, "**mean")[1:] == ["**65.00 % ± 7.07**", "**80.00 %**"]
    assert row(text, "error relative")[1:] == ["1.00", "0.50"]


def test_the_conditions_name_machine_seeds_and_readings_of_the_test_split():
    text = conditions(FOUND)
    for said in ("seeds 0, 1;", "10,000 images of the test split", "2 times", "commit abc"):
        assert said in text


def test_a_run_is_evaluated_once_and_its_figures_are_saved(
    digitnn: CommandLine, tmp_path, monkeypatch, capsys
):
    assert digitnn("train", "classic", "--epochs", "3", "--out", "run").code == 0
    monkeypatch.setattr(evaluations, "SAVED", tmp_path / "saved")
    evaluations.main(["run"])
    (file,) = (tmp_path / "saved").iterdir()
    found = json.loads(file.read_text())
    assert file.name == "classic-scratch-seed0-valid.json"
    assert len(found["corruptions"]["rows"]) == 15
    # no local path
    assert found["command"].startswith("digitnn evaluate RUN --split valid")
    before = file.read_bytes()
    evaluations.main(["run"])
    assert file.read_bytes() == before
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert json.dumps(report).count('"valid"') == 1


def test_a_run_that_cannot_be_evaluated_ends_the_command(
    digitnn: CommandLine, tmp_path, monkeypatch
):
    assert digitnn("train", "classic", "--epochs", "1", "--out", "run").code == 0
    monkeypatch.setattr(evaluations, "SAVED", tmp_path / "saved")
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    with pytest.raises(SystemExit):
        evaluations.main(["run"])
    assert not (tmp_path / "saved").exists()


def test_a_path_that_is_not_a_run_is_reported_in_a_line(tmp_path):
    with pytest.raises(SystemExit, match=r"error: .* is not a run"):
        evaluations.main([str(tmp_path / "none")])


def test_lists_by_image_are_not_saved():
    evaluation = {
        "n": 3,
        "most_wrong": [1],
        "confusion": [[1]],
        "disputed": {"among": 1, "labels": [2]},
    }
    assert "most_wrong" not in KEYS
    assert select(
        evaluation | {"disputed": dict.fromkeys(("among", "without", "corrected", "labels"))}
    )["disputed"].keys() == {"among", "without", "corrected"}
    assert select({"n": 3, "most_wrong": [1]}) == {"n": 3}


def test_what_the_test_split_would_have_chosen_stands_beside_what_counts():
    logs = [
        {1: {"accuracy": 0.991}, 2: {"accuracy": 0.9971}, 3: {"accuracy": 0.9951}},
        {1: {"accuracy": 0.990}, 2: {"accuracy": 0.993}, 3: {"accuracy": 0.9965}},
    ]
    last = [0.9951, 0.9965]
    records = {
        "recipe": "best",
        "last_epoch": summarise(last),
        "chosen_on_test": chosen_by_test(last, logs),
        "ensembles": {"members": 2, **summarise([0.998])},
    }
    text = chosen_on_test(records)
    assert row(text, "last epoch")[1:] == ["**99.58 %**", "yes"]
    assert row(text, "best epoch of each")[1:] == ["99.68 %", ""]
    assert row(text, "best seed, last epoch")[1:] == ["99.65 %", ""]
    assert row(text, "best seed, best epoch")[1:] == ["99.71 %", ""]
    assert row(text, "ensembles of 2, mean over 1")[1:] == ["**99.80 %**", "yes"]
    assert summarise([0.998])["interval"] is None
