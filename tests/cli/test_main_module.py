"""`python -m digitnn` is the program `digitnn`."""

import subprocess
import sys

import digitnn


def test_the_package_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "digitnn"]
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"digitnn {digitnn.__version__}\n"
    failed = subprocess.run([*command, "bogus"], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.startswith("error: ")
