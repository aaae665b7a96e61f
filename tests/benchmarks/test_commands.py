"""Every benchmark runs as a module and as a file, and its docstring names its command line."""

import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import benchmarks

pytestmark = pytest.mark.slow

FILES = {
    file.relative_to(benchmarks.ROOT).as_posix(): file
    for file in sorted((benchmarks.ROOT / "benchmarks").rglob("*.py"))
}
COMMANDS = [name for name, file in FILES.items() if '__name__ == "__main__"' in file.read_text()]


def module(name: str) -> str:
    return name.removesuffix(".py").replace("/", ".")


def run(command: list[str], folder: Path) -> str:
    """Run Python as in an environment whose path contains the repository."""
    paths = [str(benchmarks.ROOT), str(benchmarks.ROOT / "src")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_a_benchmark_runs_as_a_module_and_as_a_file(name, tmp_path):
    as_module = run(["-m", module(name), "--help"], benchmarks.ROOT)
    as_file = run([str(FILES[name]), "--help"], tmp_path)
    for text in (as_module, as_file):
        assert text.startswith("usage: ")
        assert f"{Path(name).stem}" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_the_docstring_of_a_benchmark_names_its_command_line(name):
    assert f"python -m {module(name)}" in FILES[name].read_text().split('"""')[1]


@pytest.mark.parametrize("name", FILES)
def test_no_benchmark_hides_a_module_when_its_folder_is_searched_first(name):
    others = sys.stdlib_module_names | packages_distributions().keys()
    assert Path(name).stem == "__init__" or Path(name).stem not in others
