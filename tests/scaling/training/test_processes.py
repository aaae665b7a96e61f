"""`torchrun ... -m digitnn train`: real processes, which talk to each other over 127.0.0.1."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from commands import write_digits
from small_trainings import CNN

from digitnn.data.augmentation.distortion import Shift
from digitnn.data.dataset import Dataset
from digitnn.network.layers import BatchNorm, Conv2d, Dense, Dropout, Flatten, MaxPool2d, Relu
from digitnn.recipes.averaging import Averaging
from digitnn.recipes.toml_writer import recipe_to_toml
from digitnn.runs.run import load_single_run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

SMALL = replace(
    CNN,
    name="small",
    layers=(Conv2d(4, 5), MaxPool2d(4), BatchNorm(), Relu(), Flatten(), Dropout(0.3), Dense(10)),
    epochs=3,
    engines=("pytorch",),
    augmentation=Shift(1),
    averaging=Averaging(0.9),
)
OTHER_DATA = """
import os, sys
if os.environ["RANK"] == "1":
    sys.argv += ["--data-dir", "other"]
from digitnn.cli.app import main
sys.exit(main())
"""
LOST = "another process of this training ended or does not answer; "


def write_files(folder, digits):
    """Write two data sets, recipes and a program that gives process 1 the second data set."""
    write_digits(folder / "data", digits)
    write_digits(folder / "other", digits[::-1])
    (folder / "small.toml").write_text(recipe_to_toml(SMALL))
    (folder / "long.toml").write_text(recipe_to_toml(replace(SMALL, name="long", epochs=5000)))
    (folder / "other_data.py").write_text(OTHER_DATA)


def start(folder, processes, *arguments, program=("-m", "digitnn")):
    """Start digitnn with a number of processes of torchrun, or with 0 without it."""
    words = [sys.executable]
    if processes:
        words += ["-m", "torch.distributed.run", "--standalone"]
        words += [f"--nproc-per-node={processes}"]
    kept = {name: v for name, v in os.environ.items() if name != "DIGITNN_DATA_DIR"}
    return subprocess.Popen(
        [*words, *program, "train", *arguments],
        cwd=folder,
        env={**kept, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def launch(digits: Dataset, tmp_path: Path):
    """`start` in a folder with its files, whose processes are ended with the test."""
    write_files(tmp_path, digits)
    started = []

    def launch(processes: int, *arguments: str, program=("-m", "digitnn")):
        started.append(start(tmp_path, processes, *arguments, program=program))
        return started[-1]

    yield launch
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.communicate()


@pytest.fixture(scope="module")
def alone(digits: Dataset, tmp_path_factory):
    """The outcome of one process without torchrun."""
    folder = tmp_path_factory.mktemp("alone")
    write_files(folder, digits)
    finished(start(folder, 0, "small.toml", "--micro-batches", "4", "--out", "run"))
    return outcome(folder / "run")


def finished(process, code=0):
    out, err = process.communicate(timeout=240)
    assert process.returncode == code, err
    return out, err


def errors(err):
    return [line for line in err.splitlines() if line.startswith("error: ")]


def rank_of(process):
    """The number of each process that torchrun has started, by process id."""
    found = {}
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        variables = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        ranks = [v for v in variables if v.startswith(b"RANK=")]
        if ranks:
            found[int(ranks[0][5:])] = int(child)
    return found


def wait_for_checkpoint(run):
    for _ in range(12000):
        if list(run.glob("checkpoint/step-*")):
            return
        time.sleep(0.01)
    pytest.fail("nothing was saved")


def outcome(run):
    """The bytes of the parameters, and the history without times."""
    history = [replace(r, seconds=0, images_per_second=0) for r in load_single_run(run).history]
    return (run / "params.safetensors").read_bytes(), history


def test_one_two_and_four_processes_end_with_the_same_bytes(launch, tmp_path, alone):
    for n in (1, 2, 4):
        out, err = finished(launch(n, "small.toml", "--out", f"by-{n}"))
        assert out == f"by-{n}\n"
        assert err.count("validation accuracy") == 1
        assert outcome(tmp_path / f"by-{n}") == alone
    about = load_single_run(tmp_path / "by-2").about
    assert (about["micro_batches"], about["reduction"]) == (4, "ordered")
    _, err = finished(launch(0, "small.toml", "--out", "by-2", "--resume"), 1)
    assert "micro_batches was 4 and is absent" in err


@pytest.mark.parametrize(("killed", "goes_on"), [(0, 4), (1, 0)])
def test_a_killed_process_ends_the_others_and_any_number_of_them_resumes(
    killed, goes_on, launch, tmp_path, alone
):
    process = launch(2, "small.toml", "--out", "run", "--checkpoint-every=0")
    wait_for_checkpoint(tmp_path / "run")
    victim = rank_of(process)[killed]
    os.kill(victim, signal.SIGKILL)
    _, err = finished(process, 1)
    command = "torchrun --nproc-per-node 2 -m digitnn train small.toml --micro-batches 4 --out run"
    assert errors(err) == [f"error: {LOST}continue with `{command} --resume`"]
    words = ("small.toml", "--out", "run", "--resume", *(() if goes_on else ("--micro-batches=4",)))
    _, err = finished(launch(goes_on, *words))
    assert "run resumes from step" in err
    assert outcome(tmp_path / "run") == alone


def test_a_signal_to_torchrun_saves_the_training_and_says_once_how_to_resume(launch, tmp_path):
    process = launch(2, "long.toml", "--out", "run", "--checkpoint-every=0", "--all-reduce")
    wait_for_checkpoint(tmp_path / "run")
    process.send_signal(signal.SIGINT)
    out, err = finished(process, 1)
    assert out == "run\n"
    assert len(errors(err)) == 1
    command = (
        "torchrun --nproc-per-node 2 -m digitnn train long.toml --micro-batches 4 --all-reduce "
        "--out run --resume"
    )
    assert f"continue with `{command}`" in errors(err)[0]
    run = load_single_run(tmp_path / "run")
    assert run.about["complete"] is False
    assert run.about["reduction"] == "all-reduce"


def test_processes_with_other_data_are_told_apart_before_the_first_step(launch, tmp_path):
    _, err = finished(launch(2, "small.toml", "--out", "run", program=("other_data.py",)), 1)
    assert len(errors(err)) == 1
    assert "process 1 would train something else than process 0: data.train.sha256" in err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("processes", "arguments", "words"),
    [
        (3, ("small.toml",), "3 processes cannot share 4 micro-batches equally"),
        (2, ("mlp", "--engine", "scratch"), "leave --engine scratch out"),
        (2, ("small.toml", "--out", "data"), "data exists and is not a run"),
    ],
)
def test_a_wrong_command_is_one_line_by_one_process(processes, arguments, words, launch, tmp_path):
    out, err = finished(launch(processes, *arguments), 1)
    assert out == ""
    assert len(errors(err)) == 1
    assert words in errors(err)[0]
    assert not (tmp_path / "runs").exists()
