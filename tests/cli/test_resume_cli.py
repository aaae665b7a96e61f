"""`digitnn train --resume` in processes that are killed, interrupted, or run twice."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from commands import CommandLine, assert_one_error_line, write_digits

from digitnn.data.dataset import Dataset
from digitnn.runs.run import load_single_run

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from dataclasses import replace
sys.path.insert(0, sys.argv.pop(1))
from small_trainings import CLASSIC, CNN
from digitnn.recipes import builtin as recipes
small = {"classic": replace(CLASSIC, epochs=60), "cnn": replace(CNN, epochs=12)}
recipes.RECIPES = {name: replace(r, engines=("scratch", "pytorch")) for name, r in small.items()}
from digitnn.cli.app import main
sys.exit(main())
"""


@pytest.fixture
def start(digits: Dataset, tmp_path: Path):
    """Begin `digitnn train ...` with small recipes in a process of its own."""
    write_digits(tmp_path / "data", digits)

    def start(*arguments: str) -> subprocess.Popen[str]:
        here = str(Path(__file__).parents[1] / "support")
        words = [sys.executable, "-c", PROGRAM, here, "train", *arguments, "--checkpoint-every=0"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        pipe = subprocess.PIPE
        return subprocess.Popen(
            words, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True
        )

    return start


def wait_until_saved(run: Path) -> None:
    """Until the process that trains in `run` has saved something."""
    for _ in range(3000):
        found = [*run.glob("checkpoint/step-*"), *run.glob("checkpoint/evaluations.log")]
        if found:
            return
        time.sleep(0.01)
    pytest.fail("nothing was saved")


@pytest.mark.parametrize(
    ("recipe", "engine"), [("cnn", "scratch"), ("cnn", "pytorch"), ("classic", "scratch")]
)
def test_a_training_killed_again_and_again_ends_with_the_same_bytes(
    recipe, engine, start, tmp_path
):
    rng = random.Random(7)
    words = (recipe, "--engine", engine, "--seed", "3")
    whole = start(*words, "--out", "whole")
    _, err = whole.communicate()
    assert whole.returncode == 0, err
    for _ in range(3):
        process = start(*words, "--out", "run", "--resume")
        wait_until_saved(tmp_path / "run")
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.communicate()
        if not (tmp_path / "run" / "checkpoint").exists():
            break  # it was faster
    process = start(*words, "--out", "run", "--resume")
    _, err = process.communicate()
    assert process.returncode == 0, err
    params = [(tmp_path / run / "params.safetensors").read_bytes() for run in ("whole", "run")]
    assert params[0] == params[1]
    histories = [load_single_run(tmp_path / run).history for run in ("whole", "run")]
    first, second = (
        [replace(r, seconds=0, images_per_second=0) for r in history] for history in histories
    )
    assert first == second
    assert not (tmp_path / "run" / "checkpoint").exists()


@pytest.mark.parametrize(
    ("number", "recipe"), [(signal.SIGTERM, "cnn"), (signal.SIGINT, "classic")]
)
def test_a_signal_saves_the_training_and_prints_how_to_resume(number, recipe, start, tmp_path):
    words = (recipe, "--engine", "scratch", "--epochs", "9999", "--out", "my run")
    process = start(*words)
    wait_until_saved(tmp_path / "my run")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, err
    assert out == "my run\n"
    command = f"digitnn train {recipe} --engine scratch --epochs 9999 --out 'my run' --resume"
    assert f"continue with `{command}`" in err
    assert err.count("interrupted") == 1
    run = load_single_run(tmp_path / "my run")
    assert run.about["complete"] is False
    again = start(*words, "--resume")
    assert "resumes" in again.stderr.readline() + again.stderr.readline()
    again.kill()
    again.communicate()


def test_a_second_process_is_refused_in_one_line(start, tmp_path):
    words = ("classic", "--epochs", "9999", "--out", "run", "--resume")
    first = start(*words)
    wait_until_saved(tmp_path / "run")
    first.send_signal(signal.SIGSTOP)  # it keeps the lock, however slowly the second one starts
    second = start(*words)
    out, err = second.communicate(timeout=60)
    assert second.returncode == 1
    assert out == ""
    assert "error: another process is training in run: wait for it" in err
    assert "Traceback" not in err
    first.kill()
    first.communicate()


def test_resume_is_accepted_without_a_checkpoint(digitnn: CommandLine) -> None:
    begun = digitnn("train", "classic", "--epochs", "2", "--out", "run", "--resume")
    assert begun.code == 0
    assert "run has no checkpoint: starting from the beginning" in begun.err
    again = digitnn("train", "classic", "--epochs", "2", "--out", "run", "--resume")
    assert (again.code, again.out) == (0, "run\n")
    assert "run is already finished" in again.err
    other = digitnn("train", "classic", "--epochs", "3", "--out", "run", "--resume")
    assert_one_error_line(other, 1, "recipe.epochs was 2 and is 3")
    unnamed = digitnn("train", "classic", "--epochs", "2", "--resume")
    assert unnamed.code == 0
    assert load_single_run(unnamed.out.strip()).about["complete"]


def test_resume_refuses_a_folder_that_is_not_a_run(digitnn: CommandLine) -> None:
    Path("mine").mkdir()
    Path("mine", "precious").touch()
    done = digitnn("train", "classic", "--out", "mine", "--resume")
    assert_one_error_line(done, 1, "mine exists and is not a run")
    assert [path.name for path in Path("mine").iterdir()] == ["precious"]


def test_the_checkpoint_interval_must_be_a_number_of_seconds(digitnn: CommandLine) -> None:
    done = digitnn("train", "classic", "--checkpoint-every", "-1")
    assert_one_error_line(done, 2, "--checkpoint-every")


def test_comparing_leaves_no_checkpoints(digitnn: CommandLine) -> None:
    assert digitnn("compare", "--epochs", "1").code == 0
    assert list(Path("runs").glob("*/*"))
    assert not list(Path("runs").glob("**/checkpoint"))
