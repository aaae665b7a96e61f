"""The scripts in examples/ print what they promise."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[1] / "examples" / "two_engines.py"


@pytest.mark.real_data
def test_two_engines_learn_the_same_from_equal_batches():
    command = [sys.executable, str(EXAMPLE), "--images", "3000"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    accuracy = {
        name: float(percent)
        for name, percent in re.findall(r"^(scratch|pytorch) +([\d.]+)%", done.stdout, re.MULTILINE)
    }
    assert accuracy.keys() == {"scratch", "pytorch"}
    assert min(accuracy.values()) > 75
    difference = float(re.search(r"largest difference of logits: (\S+),", done.stdout)[1])
    assert 0 < difference < 0.01


def test_the_example_fits_on_a_screen():
    assert len(EXAMPLE.read_text().splitlines()) <= 60
