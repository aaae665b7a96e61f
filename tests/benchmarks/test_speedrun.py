"""What the speedrun trains, and what it makes of the results."""

import pytest

from benchmarks.docs.benchmarks_page import speedrun as section
from benchmarks.timing import speedrun
from digitnn.recipes.builtin import find_recipe

SECONDS = {"pytorch": 1.0, "scratch": 0.75}


@pytest.fixture
def trained(monkeypatch):
    """The trainings that a speedrun of two seeds starts, and its result."""
    calls = []

    def train(recipe, seed, *options):
        calls.append((recipe, seed, *options))
        if recipe == speedrun.PLAIN:
            after = [(9.0, 0.985), (18.0, 0.991)]
            return {"epochs": [{"seconds": s, "accuracy": accuracy} for s, accuracy in after]}
        engine, precision = (options[options.index(f"--{o}") + 1] for o in ("engine", "precision"))
        times = dict.fromkeys(("evaluation_seconds", "import_seconds", "reading_seconds"), 0.1)
        return {
            "engine": engine,
            "seconds": SECONDS[engine] / (2 if precision == "bfloat16" else 1),
            "accuracy": 0.991 + seed / 500,
        } | times

    monkeypatch.setattr(speedrun, "in_fresh_process", train)
    return calls, speedrun.measure(seeds=2, plain_seeds=1, plain_epochs=2)


def test_each_recipe_reads_the_test_split_once_per_engine_precision_and_seed(trained):
    calls, _ = trained
    judged = [
        (*call[:2], call[3], call[5]) for call in calls if "test" in call and call[0] != "plain"
    ]
    ways = {("pytorch", "float32"), ("pytorch", "bfloat16"), ("scratch", "float32")}
    expected = {
        (recipe, seed, *way)
        for recipe in speedrun.TARGETS.values()
        for seed in (0, 1)
        for way in ways
    }
    assert len(judged) == len(expected) == 24
    assert set(judged) == expected


def test_marks_are_those_of_the_default_engine_and_need_the_mean(trained):
    _, found = trained
    reached = {mark: row["reached"] for mark, row in found["marks"].items()}
    assert reached == {"98.7": True, "99.0": True, "99.3": False, "99.5": False}
    default, other = find_recipe("cnn-fast").engines
    assert found["marks"]["99.0"]["engine"] == default
    assert found["other_engine"]["99.0"]["engine"] == other
    assert found["bfloat16"]["99.0"]["seconds_mean"] == 0.5
    assert found["scratch_over_pytorch"]["99.0"] == pytest.approx(0.75)
    assert found["plain_script_over_ours"] == pytest.approx(18 / SECONDS[default])


def test_the_page_has_a_row_for_each_engine_and_precision(trained):
    _, found = trained
    rows = [line for line in section(found).splitlines() if line.startswith("| 99.0 %")]
    assert [row.split(" | ")[2] for row in rows] == ["pytorch", "pytorch, bfloat16", "scratch"]
