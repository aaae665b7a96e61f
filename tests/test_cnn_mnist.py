"""`python cnn_mnist.py`, run as its users run it, on a few hundred images in an own folder."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digitnn.data.dataset import Dataset
from digitnn.data.formats.idx import write_idx_folder
from digitnn.runs.run import Run, load_single_run

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture
def data_dir(tmp_path: Path, digits: Dataset) -> Path:
    """500 training and 100 test images as IDX files."""
    folder = tmp_path / "images"
    folder.mkdir()
    write_idx_folder(folder, digits[:500], digits[500:])
    return folder


def start(cwd: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(ROOT / "cnn_mnist.py"), *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    stdout, stderr = process.communicate(timeout=120)
    return process.returncode, stdout, stderr


def readings(run: Run) -> list[dict[str, object]]:
    report = run.path / "report.json"
    return json.loads(report.read_text())["readings"] if report.exists() else []


def test_it_prints_the_run_and_its_test_accuracy_and_records_the_reading(tmp_path, data_dir):
    options = ("--epochs", "1", "--seed", "3", "--out", "mine", "--data-dir", str(data_dir))
    code, stdout, stderr = finish(start(tmp_path, *options))

    assert code == 0, stderr
    run = load_single_run(tmp_path / "mine")
    assert (run.recipe, run.engine) == ("cnn", "pytorch")
    assert (run.about["seed"], run.about["epochs"], run.about["complete"]) == (3, 1, True)
    (reading,) = readings(run)
    assert (reading["split"], reading["n"]) == ("test", 100)
    where, accuracy, *_ = stdout.splitlines()
    assert where == "mine"
    assert accuracy.startswith(f"test accuracy {100 * reading['accuracy']:.2f} %")
    assert re.search(r"^cnn \(pytorch\): epoch 1 ", stderr, re.MULTILINE)


def test_without_out_the_run_gets_a_folder_of_its_own(tmp_path, data_dir):
    code, stdout, stderr = finish(start(tmp_path, "--epochs", "1", "--data-dir", str(data_dir)))

    assert code == 0, stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("cnn-pytorch-0-")
    assert stdout.splitlines()[0] == f"runs/{folder.name}"


def test_ctrl_c_keeps_a_usable_run_and_leaves_the_test_split_unread(tmp_path, data_dir):
    process = start(tmp_path, "--epochs", "60", "--out", "mine", "--data-dir", str(data_dir))
    assert process.stderr is not None
    for line in process.stderr:
        if "epoch" in line:
            break
    process.send_signal(signal.SIGINT)
    code, stdout, stderr = finish(process)

    assert (code, stdout) == (130, "mine\n")
    assert re.search(r"^error: interrupted after \d+ of 60 epochs", stderr, re.MULTILINE)
    run = load_single_run(tmp_path / "mine")
    assert 0 < run.about["epochs"] < 60
    assert not run.about["complete"]
    assert readings(run) == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--epoch", "1"), "--epoch"),
        (("--epochs", "0"), "--epochs"),
        (("--seed", "-1"), "--seed"),
        (("surplus",), "surplus"),
    ],
)
def test_wrong_usage_ends_in_one_line_and_exit_code_2(tmp_path, options, named):
    code, stdout, stderr = finish(start(tmp_path, *options))

    assert (code, stdout) == (2, "")
    (line,) = stderr.splitlines()
    assert line.startswith("error: ")
    assert named in line
    assert line.endswith("(see cnn_mnist.py --help)")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_a_run_is_left_alone_and_named(tmp_path, data_dir):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    options = ("--out", "mine", "--data-dir", str(data_dir))
    code, stdout, stderr = finish(start(tmp_path, *options))

    assert (code, stdout) == (1, "")
    assert stderr == ("error: mine exists and is not a run: choose another --out or remove it\n")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_without_its_libraries_it_says_in_one_line_how_to_get_them(tmp_path):
    command = [sys.executable, "-S", "-I", str(ROOT / "cnn_mnist.py")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: typer is not installed: run `make setup`, then .venv/bin/python cnn_mnist.py\n"
    )
