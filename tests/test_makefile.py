"""The Makefile's set-up, without running it: what would be installed, and how."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Print the recipe of the set-up as if requirements.txt had just changed; run nothing."""
    command = ["make", "-n", "-W", "requirements.txt", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_torch_without_cuda_is_installed_before_all_else():
    lines = make("compare", "TORCH=cpu").stdout.splitlines()
    (torch,) = (n for n, line in enumerate(lines) if "--torch-backend=cpu torch==2.13.0" in line)
    (rest,) = (n for n, line in enumerate(lines) if line.endswith("-r requirements.txt"))
    assert torch < rest
    assert not any("NVIDIA" in line for line in lines)


def test_the_usual_set_up_recommends_it_where_no_driver_is_found():
    recipe = make("compare").stdout
    assert "command -v nvidia-smi" in recipe
    assert "'make compare TORCH=cpu'" in recipe
    assert "torch-backend" not in recipe


def test_an_unknown_build_of_torch_is_refused_in_a_line():
    done = make("compare", "TORCH=gpu")
    assert done.returncode != 0
    assert "TORCH=gpu is unknown: TORCH=cpu installs PyTorch without CUDA" in done.stderr
