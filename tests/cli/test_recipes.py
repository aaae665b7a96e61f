"""`digitnn recipes show` and recipes from files, at the command line, on small data."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from commands import CommandLine, assert_one_error_line

from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.toml_reader import recipe_from_toml
from digitnn.recipes.toml_writer import recipe_to_toml

CLASSIC = RECIPES["classic"]


def test_a_shown_recipe_can_be_trained_unchanged(digitnn: CommandLine) -> None:
    Path("my.toml").write_text(digitnn("recipes", "show", "classic").out)
    trained = digitnn("train", "my.toml", "--epochs", "2", "--out", "run")
    assert trained.code == 0, trained.err
    about = json.loads(Path("run/recipe.json").read_text())
    assert about["recipe"] == CLASSIC.with_epochs(2).to_json()
    digitnn("train", "classic", "--epochs", "2", "--out", "named")
    params = [Path(run, "params.safetensors").read_bytes() for run in ("run", "named")]
    assert params[0] == params[1]


def test_a_custom_recipe_is_trained_recorded_and_shown_again(digitnn: CommandLine) -> None:
    Path("my.toml").write_text('base = "classic"\nname = "mine"\nepochs = 2\nl2 = 3')
    assert digitnn("train", "my.toml", "--out", "run").code == 0
    expected = replace(
        CLASSIC, name="mine", epochs=2, l2=3.0, summary="classic with other epochs, l2"
    )
    assert json.loads(Path("run/recipe.json").read_text())["recipe"] == expected.to_json()
    for source in ("run", "my.toml"):
        assert recipe_from_toml(digitnn("recipes", "show", source).out) == expected
    shown = digitnn("recipes", "show", "my.toml", "--json").json()
    assert shown == {"schema": 1, **expected.to_json()}


def test_the_recipe_of_a_run_with_other_epochs_is_shown_under_a_free_name(
    digitnn: CommandLine,
) -> None:
    digitnn("train", "classic", "--epochs", "1", "--out", "run")
    Path("my.toml").write_text(digitnn("recipes", "show", "run").out)
    assert recipe_from_toml(Path("my.toml").read_text()) == replace(
        CLASSIC, name="my-classic", epochs=1
    )
    assert digitnn("train", "my.toml").code == 0


def test_a_run_whose_recipe_is_of_another_digitnn_is_named(digitnn: CommandLine) -> None:
    digitnn("train", "classic", "--epochs", "1", "--out", "run")
    about = json.loads(Path("run/recipe.json").read_text())
    about["recipe"]["colour"] = "blue"
    Path("run/recipe.json").write_text(json.dumps(about))
    assert_one_error_line(digitnn("recipes", "show", "run"), 1, "run: its recipe", "'colour'")


def test_files_and_names_are_compared(digitnn: CommandLine) -> None:
    mine = replace(CLASSIC, name="mine", epochs=3)
    Path("my.toml").write_text(recipe_to_toml(mine))
    done = digitnn("compare", "my.toml", "classic", "my.toml", "--epochs", "2", "--json")
    assert done.code == 0, done.err
    rows = done.json()["rows"]
    assert [(row["recipe"], row["epochs"]) for row in rows] == [("mine", 2), ("classic", 2)]
    assert rows[0]["accuracy"] == rows[1]["accuracy"]


@pytest.mark.parametrize("command", [["train"], ["compare"], ["recipes", "show"]])
@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ('base = "cnn"\nname = "x"\nepoch = 3', 2, ["my.toml, line 3", "'epoch'", "'epochs'"]),
        ('base = "cnn"\nname = "cnn"\nepochs = 3', 2, ["my.toml, line 2", "'my-cnn'"]),
        ("epochs 3", 2, ["my.toml: not TOML", "line 1, column 8"]),
        ("", 2, ["my.toml: Recipe needs name"]),
        (None, 1, ["my.toml: no such file"]),
    ],
)
def test_a_file_without_a_recipe_is_one_error_line(
    digitnn: CommandLine, command: list[str], text: str | None, code: int, words: list[str]
) -> None:
    if text is not None:
        Path("my.toml").write_text(text)
    assert_one_error_line(digitnn(*command, "my.toml"), code, *words)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["show"], ["recipe"]),
        (["show", "cnm"], ["unknown recipe 'cnm'", "'cnn'"]),
        (["paint"], ["paint"]),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_two(
    digitnn: CommandLine, arguments: list[str], words: list[str]
) -> None:
    assert_one_error_line(digitnn("recipes", *arguments), 2, *words)


def test_the_list_of_recipes_does_not_import_the_toml_writer() -> None:
    code = (
        "import sys; from digitnn.cli.app import main; main(['--help']); main(['recipes'])\n"
        "sys.exit(int('tomlkit' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "classic" in done.stdout
