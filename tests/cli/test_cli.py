"""The command line: what it prints, where, and how it fails."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line, write_digits

from digitnn.data.dataset import Dataset
from digitnn.recipes.builtin import RECIPES
from digitnn.runs.run import load_single_run


def test_a_network_is_trained_evaluated_and_inspected(digitnn: CommandLine) -> None:
    trained = digitnn("train", "classic", "--epochs", "8", "--out", "run")
    assert trained.code == 0
    assert trained.out == "run\n"
    assert "iteration 8" in trained.err
    evaluated = digitnn("evaluate", "run", "--json").json()
    history = [json.loads(line) for line in Path("run/history.jsonl").read_text().splitlines()]
    assert evaluated["accuracy"] == history[-1]["valid_accuracy"] > 0.5
    assert evaluated["split"] == "valid"
    assert evaluated["interval"][0] < evaluated["accuracy"] <= evaluated["interval"][1]
    assert digitnn("evaluate", "run", "--split", "test", "--json").json()["reads"] == 1
    again = digitnn("evaluate", "run", "--split", "test")
    assert "been evaluated on the test split 2 times" in again.out
    kinds = digitnn("inspect", "run", "--json").json()
    assert kinds["kind"] == "run"
    assert {array["name"]: array["shape"] for array in kinds["arrays"]}["1.weight"] == [100, 784]


def test_the_same_seed_gives_the_same_bytes(digitnn: CommandLine) -> None:
    for out, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert digitnn("train", "classic", "--epochs", "2", "--seed", seed, "--out", out).code == 0
    params = [Path(out, "params.safetensors").read_bytes() for out in "abc"]
    assert params[0] == params[1] != params[2]


@pytest.mark.engines
def test_a_pytorch_run_classifies_without_torch(digitnn: CommandLine) -> None:
    digitnn("train", "classic", "--epochs", "4", "--out", "run")
    scratch = digitnn("evaluate", "run", "--engine", "scratch", "--json").json()
    pytorch = digitnn("evaluate", "run", "--engine", "pytorch", "--json").json()
    assert scratch["accuracy"] == pytorch["accuracy"]
    # a logit of some size is right to 1e-6 of it, and a loss no more exact than the logits
    assert scratch["loss_nats"] == pytest.approx(pytorch["loss_nats"], abs=1e-4)


@pytest.mark.slow
def test_compare_prints_the_documented_json_object(digitnn: CommandLine) -> None:
    done = digitnn("compare", "--epochs", "2", "--json")
    assert done.code == 0, done.err
    found = done.json()
    assert found["schema"] == 1
    classic, cnn = found["rows"]
    assert (classic["recipe"], classic["engine"]) == ("classic", "scratch")
    assert (cnn["recipe"], cnn["engine"]) == ("cnn", "pytorch")
    for row in (classic, cnn):
        low, high = row["interval"]
        assert 0 <= low <= row["accuracy"] <= high <= 1
        assert low < high
        assert row["n"] == 120
        assert row["epochs"] == 2
        assert row["train_seconds"] > 0
        readings = json.loads(Path(row["run"], "report.json").read_text())["readings"]
        assert [reading["split"] for reading in readings] == ["test"]
        assert readings[0]["accuracy"] == row["accuracy"]
    (pair,) = found["paired"]["pairs"]
    assert pair["holm"] == pair["p_value"] <= 1
    for side in ("only_first", "only_second"):
        assert len(pair["digits"][side]) == pair[side]
    assert json.loads(Path("results/comparison.json").read_text()) == found
    names = {path.name for path in Path("results").iterdir()}
    assert {"digitnn_results.json", "params.pickle", "comparison.md", "overview.png"} <= names
    models = json.loads(Path("results/digitnn_results.json").read_text())["models"]
    assert [model["test_accuracy"] for model in models] == [r["accuracy"] for r in found["rows"]]


@pytest.mark.slow
def test_several_seeds_give_means_and_spread(digitnn: CommandLine) -> None:
    found = digitnn("compare", "classic", "--seeds", "2", "--epochs", "2", "--json").json()
    (row,) = found["rows"]
    assert row["seeds"] == [0, 1]
    accuracies = [
        json.loads(Path(run, "report.json").read_text())["readings"][0]["accuracy"]
        for run in row["runs"]
    ]
    assert row["accuracy"] == pytest.approx(np.mean(accuracies))
    assert row["spread"] == pytest.approx(np.std(accuracies, ddof=1))
    assert row["seeds_interval"][0] <= row["accuracy"] <= row["seeds_interval"][1]
    assert (row["variance"]["m"], row["variance"]["n"]) == (2, 120)
    assert row["variance"]["other_seed"] == pytest.approx(row["spread"])


@pytest.mark.slow
def test_the_grid_trains_on_every_engine_and_measures_their_difference(
    digitnn: CommandLine,
) -> None:
    done = digitnn("compare", "--grid", "--epochs", "2", "--json")
    assert done.code == 0, done.err
    found = done.json()
    recipes = [RECIPES["classic"], RECIPES["cnn"]]
    assert [(row["recipe"], row["engine"]) for row in found["rows"]] == [
        (recipe.name, engine) for recipe in recipes for engine in recipe.engines
    ]
    for recipe, entry in zip(recipes, found["grid"], strict=True):
        assert entry["recipe"] == recipe.name
        assert entry["engines"] == list(recipe.engines)
        if len(recipe.engines) == 2:
            start, first, *_ = entry["gaps"]
            assert (start["steps"], first["steps"]) == (0, 1)
            assert start["n"] == 80
            # equal weights at the start; Adam's first step may take a tiny gradient either way
            assert start["largest_difference"] < 1e-4 * start["largest_logit"]
            assert first["largest_difference"] < 0.1 * first["largest_logit"]
    # two iterations of full batch, 1e-6 apart: at most an image or two of 120 is read otherwise
    classic, on_pytorch = found["rows"][:2]
    assert classic["accuracy"] == pytest.approx(on_pytorch["accuracy"], abs=0.02)
    assert (
        "| `classic`, iterations | scratch and pytorch |"
        in Path("results/comparison.md").read_text()
    )
    assert "classic (pytorch): iteration 2" in done.err


def test_compare_removes_its_outdated_files_and_no_others(
    digitnn: CommandLine,
) -> None:
    Path("results").mkdir()
    for name in ("probe", "notes.txt", "disagreements.png"):
        Path("results", name).write_text("mine")
    assert digitnn("compare", "classic", "classic", "--epochs", "1").code == 0
    assert Path("results/probe").read_text() == Path("results/notes.txt").read_text() == "mine"
    assert not Path("results/disagreements.png").exists()  # of an earlier comparison of two
    assert len(list(Path("runs").iterdir())) == 1  # named twice, trained once


def test_compare_needs_the_test_part_before_it_trains(digitnn: CommandLine) -> None:
    for path in Path("data").glob("t10k*"):
        path.unlink()
    assert_one_error_line(digitnn("compare", "classic"), 1, "t10k")
    assert not Path("runs").exists()


@pytest.mark.engines
def test_a_convolutional_network_trains_and_classifies_without_torch(digitnn: CommandLine) -> None:
    done = digitnn("train", "cnn", "--engine", "scratch", "--epochs", "3", "--out", "run")
    assert done.code == 0, done.err
    found = [
        digitnn("evaluate", "run", "--engine", engine, "--json").json()
        for engine in ("scratch", "pytorch")
    ]
    assert found[0]["accuracy"] == found[1]["accuracy"] > 0.9
    assert found[0]["loss_nats"] == pytest.approx(found[1]["loss_nats"], abs=1e-4)


def test_a_stdout_whose_encoding_lacks_a_letter_loses_no_result(digits: Dataset, tmp_path) -> None:
    write_digits(tmp_path / "data", digits)
    done = subprocess.run(
        program("compare", "classic", "--seeds", "2", "--epochs", "1"),
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "\\xb1" in done.stdout


def test_recipes_are_listed(digitnn: CommandLine) -> None:
    assert "classic" in digitnn("recipes").out
    found = digitnn("recipes", "--json").json()
    assert [recipe["name"] for recipe in found["recipes"]][:2] == ["classic", "cnn"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "clasic"], ["unknown recipe 'clasic'", "did you mean 'classic'"]),
        (["train", "classic", "--engine", "jax"], ["classic", "scratch", "'jax'"]),
        (["train", "classic", "--epochs", "-3"], ["--epochs", "-3"]),
        (["train", "classic", "--epochs", "many"], ["--epochs", "many"]),
        (["train", "classic", "--seed", "-1"], ["--seed"]),
        (["train"], ["recipe"]),
        (["train", "classic", "--data", "kmnist"], ["kmnist", "fashion-mnist"]),
        (["compare", "--seeds", "0"], ["--seeds", "0"]),
        (["compare", "cnn", "dnn"], ["unknown recipe 'dnn'"]),
        (["evaluate", "x", "--split", "train"], ["--split", "train"]),
        (["paint"], ["paint"]),
        (["train", "classic", "--colour"], ["--colour"]),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_two(
    digitnn: CommandLine, arguments: list[str], words: list[str]
) -> None:
    assert_one_error_line(digitnn(*arguments), 2, *words)
    assert not Path("runs").exists()
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["evaluate", "nowhere"], ["nowhere", "no such folder"]),
        (["evaluate", "data"], ["data", "lacks network.json"]),
        (["train", "classic", "--out", "data"], ["data", "exists and is not a run"]),
        (["compare", "--results", "data/train-labels-idx1-ubyte"], ["cannot write results"]),
    ],
)
def test_a_failure_is_one_line_and_exit_code_one(
    digitnn: CommandLine, arguments: list[str], words: list[str]
) -> None:
    assert_one_error_line(digitnn(*arguments), 1, *words)


def test_validation_on_data_of_another_run_is_refused(
    digitnn: CommandLine, digits: Dataset, tmp_path: Path
) -> None:
    digitnn("train", "classic", "--epochs", "1", "--out", "run")
    write_digits(tmp_path / "other", digits[::-1])
    done = digitnn("evaluate", "run", "--data-dir", str(tmp_path / "other"))
    assert_one_error_line(done, 1, "not those of run", "--data-dir")


def test_only_debug_shows_a_traceback(digitnn: CommandLine) -> None:
    assert "Traceback" not in digitnn("evaluate", "nowhere").err
    assert "Traceback" in digitnn("evaluate", "nowhere", "--debug").err


def program(*arguments: str) -> list[str]:
    return [
        sys.executable,
        "-c",
        "import sys; from digitnn.cli.app import main; sys.exit(main())",
        *arguments,
    ]


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; from digitnn.cli.app import main; main(['--help'])\n"
        "heavy = {'torch', 'matplotlib', 'sklearn', 'scipy', 'numpy'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "compare" in done.stdout


def test_importing_digitnn_loads_no_heavy_library() -> None:
    code = (
        "import sys, digitnn; digitnn.Dataset, digitnn.Training, digitnn.load\n"
        "heavy = {'torch', 'matplotlib', 'sklearn', 'pandas'} & set(sys.modules)\n"
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_ctrl_c_keeps_a_usable_run(digits: Dataset, tmp_path: Path) -> None:
    write_digits(tmp_path / "data", digits)
    with subprocess.Popen(
        program("train", "mlp", "--epochs", "100000", "--out", "run"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        end = time.monotonic() + 60
        while not list(tmp_path.glob("run/checkpoint/step-*")) and time.monotonic() < end:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert out == "run\n"
    assert "error: interrupted after" in err
    assert "run" in err
    run = load_single_run(tmp_path / "run")
    assert run.about["complete"] is False
    assert err.count("interrupted") == 1
    assert run.history
    assert run.classifier().logits(digits.images).shape == (600, 10)


def test_a_pipe_closed_early_is_no_error() -> None:
    done = subprocess.run(
        f"{' '.join(map(_quoted, program('recipes')))} | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "0"


def _quoted(word: str) -> str:
    return f'"{word}"'
