"""How many threads and which device the engines use, by default and when somebody says so."""

import json
from pathlib import Path

import pytest
import torch
from commands import CommandLine, assert_one_error_line

from digitnn.engines.find import find_engine
from digitnn.engines.scratch import blocks
from digitnn.errors import UsageError
from digitnn.machine import resources
from digitnn.machine.blas import one_core_blas
from digitnn.machine.resources import THREAD_VARIABLES, threads, use_resources


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch):
    """Nothing chosen, no variable set; what was there afterwards."""
    before = torch.get_num_threads(), one_core_blas._free_threads
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    yield
    use_resources()
    torch.set_num_threads(before[0])
    if before[1] is not None:
        one_core_blas.set_free_to(before[1])


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 2), (8, 8), (64, 8)])
def test_by_default_it_is_the_cores_but_few_of_many(cores, expected, monkeypatch):
    monkeypatch.setattr(resources, "available_cores", lambda: cores)
    assert threads() == expected


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("OMP_NUM_THREADS", "3", 3),
        ("OMP_NUM_THREADS", "16", 16),
        ("OMP_NUM_THREADS", "100", 64),
        ("OMP_NUM_THREADS", " 4,2", 4),
        ("OPENBLAS_NUM_THREADS", "1", 1),
        ("OMP_NUM_THREADS", "0", 8),
        ("OMP_NUM_THREADS", "many", 8),
        ("OMP_NUM_THREADS", "", 8),
    ],
)
def test_the_usual_variables_are_heeded(name, value, expected, monkeypatch):
    monkeypatch.setattr(resources, "available_cores", lambda: 64)
    monkeypatch.setenv(name, value)
    assert threads() == expected


def test_both_engines_use_what_was_chosen(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    use_resources(threads=3)
    find_engine("pytorch")
    assert torch.get_num_threads() == 3
    sizes = []
    monkeypatch.setattr(blocks, "_pool", lambda size: sizes.append(size) or _Here())
    find_engine("scratch")
    blocks.run_blocks(len, 100, 10)
    assert sizes == [3]
    assert one_core_blas._free_threads == 3
    use_resources()
    find_engine("pytorch")
    assert torch.get_num_threads() == 1


class _Here:
    map = staticmethod(map)


@pytest.mark.parametrize("number", [0, -1, 1025, 2.0, True])
def test_a_number_of_threads_that_cannot_be_is_refused(number):
    with pytest.raises(UsageError, match="threads must be a whole number from 1 to 1024"):
        use_resources(threads=number)


def test_a_device_that_is_there_is_used_and_one_that_is_not_is_refused(monkeypatch):
    from digitnn.engines.pytorch.modules import chosen_device

    use_resources(device="cpu")
    assert chosen_device() == torch.device("cpu")
    use_resources(device="cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"device cuda was asked for, but PyTorch .* finds none"):
        find_engine("pytorch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert chosen_device() == torch.device("cuda")
    find_engine("scratch")


@pytest.mark.parametrize("command", [("train", "cnn"), ("compare",), ("evaluate", "run")])
def test_cuda_asked_for_and_absent_is_one_line(command, digitnn: CommandLine, monkeypatch):
    if command[0] == "evaluate":
        digitnn("train", "classic", "--epochs", "1", "--out", "run")
        command = (*command, "--engine", "pytorch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = digitnn(*command, "--device", "cuda")
    assert_one_error_line(done, 2, "device cuda was asked for", "auto or cpu")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--threads", "0"], ["--threads", "0"]),
        (["--threads", "two"], ["--threads", "two"]),
        (["--threads", "9999"], ["threads must be", "9999"]),
        (["--device", "cdua"], ["unknown device 'cdua'", "did you mean 'cuda'"]),
    ],
)
def test_bad_values_are_one_line(options, words, digitnn: CommandLine):
    assert_one_error_line(digitnn("train", "classic", *options), 2, *words)
    assert not Path("runs").exists()


def test_a_run_says_with_how_many_threads_it_was_trained(digitnn: CommandLine):
    options = ("--epochs", "2", "--threads", "2", "--device", "cpu", "--out", "run")
    assert digitnn("train", "classic", *options).code == 0
    machine = json.loads(Path("run/recipe.json").read_text())["machine"]
    assert (machine["threads"], machine["device"]) == (2, "cpu")
    assert digitnn("evaluate", "run").code == 0
    assert resources.device() == "auto"  # what a command chose, the next one does not inherit


def test_a_run_says_in_which_precision_it_was_trained(digitnn: CommandLine):
    options = ("--engine", "pytorch", "--epochs", "1")
    assert digitnn("train", "mlp", *options, "--precision", "bfloat16", "--out", "low").code == 0
    assert json.loads(Path("low/recipe.json").read_text())["precision"] == "bfloat16"
    assert digitnn("train", "mlp", *options, "--out", "usual").code == 0
    assert "precision" not in json.loads(Path("usual/recipe.json").read_text())
    board = digitnn("leaderboard", "low", "usual", "--json").json()
    assert [standing["n"] for standing in board["standings"]] == [1, 1]  # not two seeds of one


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (["--precision", "bfloat16"], [], 'precision was "bfloat16" and is "float32"'),
        ([], ["--precision", "bfloat16"], 'precision was "float32" and is "bfloat16"'),
    ],
)
def test_a_training_is_not_resumed_in_another_precision(before, after, words, digitnn: CommandLine):
    options = ("--engine", "pytorch", "--epochs", "2", "--out", "run")
    done = digitnn("train", "mlp", *options, *before, "--max-seconds", "0.000001")
    assert done.code == 0
    again = digitnn("train", "mlp", *options, *after, "--resume")
    assert_one_error_line(again, 1, "run is another training", words)
    assert digitnn("train", "mlp", *options, *before, "--resume").code == 0


@pytest.mark.parametrize(
    ("recipe", "engine", "precision", "words"),
    [
        ("cnn", "pytorch", "bflaot16", ["'bflaot16'", "did you mean 'bfloat16'"]),
        ("cnn", "scratch", "bfloat16", ["written from scratch", "float32", "--engine pytorch"]),
        ("classic", "pytorch", "bfloat16", ["recipe classic", "all images in each step"]),
    ],
)
def test_a_precision_without_effect_is_one_line(
    recipe, engine, precision, words, digitnn: CommandLine
):
    done = digitnn("train", recipe, "--engine", engine, "--precision", precision)
    assert_one_error_line(done, 2, *words)
    assert not Path("runs").exists()


def test_the_command_to_resume_repeats_the_precision(digitnn: CommandLine):
    options = ("--engine", "pytorch", "--precision", "bfloat16", "--out", "run")
    done = digitnn("train", "cnn-98.7", *options, "--max-seconds", "0.000001")
    assert done.code == 0
    assert "--precision bfloat16" in done.err
