"""`digitnn tune`: from a search file to a recipe, a page and one JSON object."""

import json
import signal
from pathlib import Path

import pytest
from commands import CommandLine, assert_one_error_line
from page_reader import read_page
from small_searches import SEARCH

import digitnn.scaling.tuning.storage as storage_module
from digitnn.recipes.toml_reader import read_recipe
from digitnn.wording import percent

QUICK = SEARCH.replace("epochs = 3", "epochs = 2")


def write_search(folder: Path, text: str = QUICK) -> str:
    (folder / "s.toml").write_text(text)
    return "s.toml"


def assert_nothing_was_written(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["data", "s.toml"]


@pytest.mark.slow
def test_a_search_ends_with_a_recipe_a_page_and_json(digitnn: CommandLine) -> None:
    arguments = ("tune", write_search(digitnn.folder), "--trials", "4", "--final-seeds", "2")
    done = digitnn(*arguments, "--storage", "t.journal", "--json")
    assert done.code == 0, done.err
    found = done.json()
    assert found["schema"] == 1
    assert found["trials"]["finished"] == 4
    out = digitnn.folder / "tuning" / "little"
    assert json.loads((out / "result.json").read_text()) == found
    recipe = read_recipe(out / "recipe.toml")
    assert recipe.batch_size == found["best"]["draws"]["batch_size"]
    assert recipe.optimiser.learning_rate == found["best"]["draws"]["optimiser.learning_rate"]

    runs = found["final"]["runs"]
    assert [run["seed"] for run in runs] == [1, 2]  # the trials were trained with seed 0
    mean = sum(run["accuracy"] for run in runs) / 2
    assert found["final"]["mean"] == pytest.approx(mean)
    assert found["final"]["optimism"] == pytest.approx(found["best"]["claimed_accuracy"] - mean)
    low, high = found["final"]["interval"]
    assert low <= mean <= high
    evaluated = digitnn("evaluate", runs[0]["path"], "--json").json()
    assert evaluated["accuracy"] == runs[0]["accuracy"]
    report = json.loads(Path(runs[0]["path"], "report.json").read_text())
    assert [one["split"] for one in report["readings"]] == ["valid"]

    page = read_page((out / "report.html").read_text())
    figures = page.one("class", "figures").text
    assert percent(found["best"]["claimed_accuracy"]) in figures
    assert percent(mean) in figures
    text = (out / "report.html").read_text()
    assert "http" not in text.replace("http-equiv", "")
    assert "<script" not in text

    trained = digitnn("train", str(out / "recipe.toml"), "--seed", "1", "--json").json()
    assert trained["valid_accuracy"] == runs[0]["accuracy"]
    again = digitnn(*arguments, "--storage", "t.journal", "--json")
    assert again.json() == found
    assert "4 of 4 trials are finished already" in again.err


def test_an_interruption_keeps_what_is_finished_and_tells_how_to_go_on(
    digitnn: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import digitnn.scaling.tuning.worker as worker

    before = worker._line

    def interrupting(*arguments):
        signal.raise_signal(signal.SIGINT)
        return before(*arguments)

    arguments = ("tune", write_search(digitnn.folder), "--trials", "2", "--final-seeds", "0")
    with monkeypatch.context() as patch:
        patch.setattr(worker, "_line", interrupting)
        done = digitnn(*arguments)
    assert_one_error_line(done, 130, "1 of 2 trials", "trials.db", "the same command continues")
    done = digitnn(*arguments, "--json")
    assert done.code == 0, done.err
    assert done.json()["trials"]["finished"] == 2
    assert done.json()["final"] is None


def test_an_out_folder_of_another_search_is_left_alone(digitnn: CommandLine) -> None:
    arguments = ("tune", "s.toml", "--trials", "1", "--final-seeds", "0", "--out", "o")
    write_search(digitnn.folder)
    assert digitnn(*arguments, "--storage", "t.journal").code == 0
    kept = (digitnn.folder / "o" / "search.json").read_bytes()
    write_search(digitnn.folder, QUICK.replace("0.0001", "0.001"))
    done = digitnn(*arguments, "--storage", "u.journal")
    assert_one_error_line(done, 1, "o is of another search", "0.0001 and is 0.001", "--out")
    assert (digitnn.folder / "o" / "search.json").read_bytes() == kept
    assert not (digitnn.folder / "u.journal").exists()
    done = digitnn(*arguments[:-1], "p", "--storage", "t.journal")
    assert_one_error_line(done, 1, "t.journal has another search 'little'", "0.0001 and is 0.001")
    assert not (digitnn.folder / "p").exists()
    (digitnn.folder / "q").mkdir()
    (digitnn.folder / "q" / "letter.txt").write_text("keep me")
    done = digitnn(*arguments[:-1], "q")
    assert_one_error_line(done, 1, "q exists and is not of a search")


def test_a_search_in_which_nothing_can_be_trained_says_why(digitnn: CommandLine) -> None:
    text = QUICK.replace("[40, 80]", "[800, 900]")
    done = digitnn("tune", write_search(digitnn.folder, text), "--trials", "2")
    assert_one_error_line(done, 1, "none of 2 trials could be trained", "only 400 to train on")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = 'x'", ["s.toml", "no ranges"]),
        (QUICK.replace("0.0001, 0.3", "0.3, 0.0001"), ["s.toml, line 10", "lower end first"]),
        (QUICK.replace("learning_rate", "lerning_rate"), ["line 10", "did you mean"]),
    ],
)
def test_a_wrong_search_file_is_one_line_with_its_place(
    digitnn: CommandLine, text: str, words: list[str]
) -> None:
    done = digitnn("tune", write_search(digitnn.folder, text))
    assert_one_error_line(done, 2, *words)
    assert_nothing_was_written(digitnn.folder)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--trials", "0"], 2, ["--trials", "at least 1"]),
        (["--workers", "0"], 2, ["--workers", "at least 1"]),
        (["--final-seeds", "-1"], 2, ["--final-seeds", "at least 0"]),
        (["--sampler", "grid"], 2, ["--sampler", "tpe", "random"]),
        (["--storage", "trials"], 2, ["--storage", ".db", ".journal"]),
        (["--storage", "mysql+pymysql://u:geheim@h/x"], 1, ["needs the Python package pymysql"]),
        (["--engine", "pytorch"], 2, ["trains on engine scratch"]),
    ],
)
def test_a_wrong_option_is_one_line_and_nothing_is_written(
    digitnn: CommandLine, options: list[str], code: int, words: list[str]
) -> None:
    done = digitnn("tune", write_search(digitnn.folder), *options)
    assert_one_error_line(done, code, *words)
    assert "geheim" not in done.err
    assert_nothing_was_written(digitnn.folder)


def test_without_optuna_the_extra_is_named(
    digitnn: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_module, "find_spec", lambda name: None)
    done = digitnn("tune", write_search(digitnn.folder))
    assert_one_error_line(done, 1, "needs optuna", "pip install 'digitnn[tune]'")


def test_a_missing_search_file_is_one_line(digitnn: CommandLine) -> None:
    assert_one_error_line(digitnn("tune", "none.toml"), 1, "none.toml", "no such file", "ranges")
