"""`digitnn train` with --from and --set."""

import json
from hashlib import sha256
from pathlib import Path

import pytest
from commands import CommandLine, assert_one_error_line

from digitnn.network.storage.safetensors import load_safetensors


@pytest.fixture
def run(digitnn: CommandLine) -> Path:
    assert digitnn("train", "mlp", "--set", "epochs=1", "--out", "run").code == 0
    return Path("run")


def about(run: str) -> dict[str, object]:
    return json.loads((Path(run) / "recipe.json").read_text())


def test_training_starts_from_the_run_and_records_it(digitnn: CommandLine, run: Path) -> None:
    options = ("train", "mlp", "--set", "epochs=1", "--set", "optimiser.learning_rate=1e-9")
    done = digitnn(*options, "--from", "run", "--out", "tuned", "--snapshots")
    assert done.code == 0, done.err
    assert "run: 2 of 2 layers start from it\n" in done.err
    file = run / "params.safetensors"
    assert about("tuned")["from"] == {
        "path": "run",
        "sha256": sha256(file.read_bytes()).hexdigest(),
    }
    assert "from" not in about("run")
    before, after = load_safetensors(file), load_safetensors(Path("tuned/params.safetensors"))
    for name, array in before.items():
        assert abs(array - after[name]).max() < 1e-5


def test_set_is_recorded_and_the_name_stays(digitnn: CommandLine, run: Path) -> None:
    recipe = about("run")["recipe"]
    assert (recipe["name"], recipe["epochs"]) == ("mlp", 1)


def test_what_does_not_fit_is_named_and_starts_anew(digitnn: CommandLine, run: Path) -> None:
    done = digitnn(
        *("train", "mlp", "--set", "epochs=1", "--from", "run", "--out", "deeper"),
        *("--set", 'layers=["Flatten", {layer="Dense", units=256}, "Relu", '
          '{layer="Dense", units=12}, "Relu", {layer="Dense", units=10}]'),
    )  # fmt: skip
    assert done.code == 0, done.err
    anew = "anew start 3 Dense(units=12), 5 Dense(units=10)"
    assert f"run: 1 of 3 layers start from it, {anew}\n" in done.err


def test_resuming_needs_the_same_start_and_fields(digitnn: CommandLine, run: Path) -> None:
    digitnn("train", "mlp", "--epochs", "1", "--seed", "9", "--out", "other")
    options = ("train", "mlp", "--set", "epochs=2", "--out", "tuned")
    assert digitnn(*options, "--from", "run").code == 0
    done = digitnn(*options, "--from", "run", "--resume")
    assert done.code == 0
    assert "already finished" in done.err
    assert_one_error_line(
        digitnn(*options, "--from", "other", "--resume"),
        1,
        "tuned is another training: from.",
    )
    assert_one_error_line(digitnn(*options, "--resume"), 1, "tuned is another training: from.")
    less = ("train", "mlp", "--set", "epochs=3", "--from", "run", "--out", "tuned", "--resume")
    assert_one_error_line(digitnn(*less), 1, "recipe.epochs was 2 and is 3")


def test_an_interrupted_training_says_all_options(digitnn: CommandLine, run: Path) -> None:
    done = digitnn(
        *("train", "mlp", "--set", "epochs=40", "--set", "loss=SigmoidCrossEntropy"),
        *("--from", "run", "--out", "tuned", "--max-seconds", "1e-9"),
    )
    assert done.code == 0
    command = (
        "`digitnn train mlp --set epochs=40 --set loss=SigmoidCrossEntropy --from run --out tuned "
        "--resume`"
    )
    assert command in done.err
    again = command.strip("`").split()[1:]
    index = again.index("epochs=40")
    again[index] = "epochs=41"
    assert_one_error_line(digitnn(*again), 1, "recipe.epochs was 40 and is 41")
    again[index] = "epochs=40"
    done = digitnn(*again, "--max-seconds", "1e-9")
    assert done.code == 0, done.err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["mlp", "--from", "gone"], 1, ["gone is not a run: no such folder"]),
        (["mlp", "--from", "both"], 1, ["both is an ensemble, not one network"]),
        (["mlp", "--from", "run.onnx"], 1, ["run.onnx is an ONNX file, not a run"]),
        (["cnn", "--from", "run"], 1, ["--from run: none of its layers fits this network"]),
        (["mlp", "--set", "epoch=2"], 2, ["a recipe has no field 'epoch'", "'epochs'"]),
        (["mlp", "--set", "epochs=two"], 2, ["epochs must be a whole number"]),
        (["mlp", "--set", "epochs"], 2, ["expected FIELD=VALUE"]),
        (["mlp", "--from", "run", "--micro-batches", "2"], 2, ["--from trains in one process"]),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    arguments: list[str], code: int, words: list[str], digitnn: CommandLine, run: Path
) -> None:
    Path("run.onnx").write_bytes(b"ONNX")
    Path("both/members").mkdir(parents=True)
    assert_one_error_line(digitnn("train", *arguments, "--out", "new"), code, *words)
    assert not Path("new").exists()
