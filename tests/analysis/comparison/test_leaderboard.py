"""Recipes in order: what is ranked, by which figure, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from commands import CommandLine, assert_one_error_line
from scipy.stats import ttest_1samp

from digitnn.analysis.comparison.leaderboard import MeasuredAccuracy, RunSummary, rank
from digitnn.analysis.comparison.tables import leaderboard_to_text
from digitnn.errors import RunError


def entry(
    recipe: str, seed: int, valid: float, test: float | None = None, data: str | None = "t"
) -> RunSummary:
    return RunSummary(
        path=Path(f"{recipe}-{seed}"),
        recipe=recipe,
        engine="scratch",
        settings=f"{recipe} settings",
        seeds=(seed,),
        complete=True,
        holds_out_valid=True,
        chosen_on=None,
        test_reads=0 if test is None else 1,
        valid=MeasuredAccuracy(valid, "v"),
        test=None if test is None else MeasuredAccuracy(test, data),
    )


LUCKY = [entry("lucky", s, v, t) for s, v, t in ((0, 0.95, 0.91), (1, 0.94, 0.97), (2, 0.9, 0.92))]
STEADY = [entry("steady", s, 0.95, t) for s, t in ((0, 0.95), (1, 0.94), (2, 0.96))]


def test_recipes_are_ranked_by_the_mean_not_the_best_seed() -> None:
    first, second = rank([*LUCKY, *STEADY], "test").standings
    assert (first.recipe, first.mean) == ("steady", pytest.approx(0.95))
    assert (second.recipe, second.best) == ("lucky", 0.97)
    assert second.excess == pytest.approx(0.97 - (0.91 + 0.97 + 0.92) / 3)
    low, high = ttest_1samp([0.91, 0.97, 0.92], 0).confidence_interval(0.95)
    assert high > 1  # no share is
    assert second.interval == pytest.approx((low, 1))
    assert (second.seeds, second.n, second.test_reads) == ((0, 1, 2), 3, 3)


def test_by_validation_is_the_test_accuracy_of_the_best_validated_run() -> None:
    (row,) = rank(LUCKY, "test").standings
    assert row.by_validation == 0.91
    assert rank(LUCKY, "valid").standings[0].by_validation is None


def test_one_run_has_no_interval_and_the_page_says_so() -> None:
    board = rank(LUCKY[:1], "valid")
    assert (board.standings[0].interval, board.standings[0].spread) == (None, None)
    assert "One seed has no interval" in leaderboard_to_text(board)


def test_runs_of_different_test_data_are_not_ranked() -> None:
    other = entry("other", 0, 0.9, 0.99, data="u")
    with pytest.raises(RunError, match="lucky-0 and other-0 were measured on different test data"):
        rank([*LUCKY, other], "test")
    assert len(rank([*LUCKY, other], "valid").standings) == 2


def test_unranked_runs_are_listed_with_the_reason() -> None:
    never, unknown = entry("never", 0, 0.9), entry("old", 0, 0.9, 0.99, data=None)
    again = replace(LUCKY[0], path=Path("again"))
    cut = replace(LUCKY[0], path=Path("cut"), complete=False)
    board = rank([*LUCKY, never, unknown, again, cut], "test")
    reasons = dict(board.unranked)
    assert "never evaluated on test" in reasons["never-0"]
    assert "did not record which test data" in reasons["old-0"]
    assert reasons["again"] == "same recipe and seed 0 as lucky-0: only one counts"
    assert "not trained to the end" in reasons["cut"]
    assert [(row.recipe, row.n) for row in board.standings] == [("lucky", 3)]


def test_repeated_test_evaluations_are_a_caution() -> None:
    board = rank([replace(one, test_reads=4) for one in LUCKY], "test")
    assert "Evaluated more than once per run on test: lucky (scratch)" in leaderboard_to_text(board)


def test_recipes_of_one_name_with_other_settings_are_separate() -> None:
    other = replace(STEADY[0], recipe="lucky", settings="others")
    board = rank([*LUCKY, other], "test")
    assert [row.n for row in board.standings] == [1, 3]
    assert "lucky (scratch) others" in leaderboard_to_text(board)


def test_the_command_ranks_the_runs_in_a_folder(digitnn: CommandLine) -> None:
    for seed in "01":
        digitnn("train", "classic", "--epochs", "4", "--seed", seed, "--out", f"runs/a{seed}")
    digitnn("train", "classic", "--epochs", "1", "--out", "runs/b")
    found = digitnn("leaderboard", "--json").json()
    assert (found["schema"], found["split"]) == (1, "valid")
    assert sorted(row["n"] for row in found["standings"]) == [1, 2]  # other epochs, other recipe
    accuracies = [
        json.loads(Path(f"runs/a{seed}/history.jsonl").read_text().splitlines()[-1])
        for seed in "01"
    ]
    (row,) = [row for row in found["standings"] if row["n"] == 2]
    assert row["mean"] == pytest.approx(sum(a["valid_accuracy"] for a in accuracies) / 2)
    none = digitnn("leaderboard", "runs", "--split", "test")
    assert_one_error_line(
        none, 1, "nothing to rank on test", "(and 2 more)", "never evaluated on test"
    )
    digitnn("evaluate", "runs/b", "--split", "test")
    some = digitnn("leaderboard", "runs", "--split", "test")
    assert "classic (scratch)" in some.out
    assert "1 time" in some.out
    assert "not ranked: runs/a0: never evaluated on test" in some.out


def test_evaluations_without_a_fingerprint_are_not_ranked(
    digitnn: CommandLine,
) -> None:
    digitnn("train", "classic", "--epochs", "1", "--out", "runs/a")
    digitnn("evaluate", "runs/a", "--split", "test")
    noted = json.loads(Path("runs/a/report.json").read_text())
    del noted["readings"][0]["data"]
    Path("runs/a/report.json").write_text(json.dumps(noted))
    old = digitnn("leaderboard", "runs/a", "--split", "test")
    assert_one_error_line(old, 1, "an older digitnn did not record which test data")
    digitnn("evaluate", "runs/a", "--split", "test")
    (row,) = digitnn("leaderboard", "runs/a", "--split", "test", "--json").json()["standings"]
    assert row["test_reads"] == 2


def test_folders_without_runs_are_an_error_of_one_line(digitnn: CommandLine) -> None:
    assert_one_error_line(digitnn("leaderboard"), 1, "runs is neither a run nor a folder")
    assert_one_error_line(digitnn("leaderboard", "data"), 1, "no runs in data", "digitnn train")
