"""What README.md tells people to type works, in the order in which it stands there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from commands import write_digits

from digitnn.dataset import Dataset

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The fenced blocks of README.md in one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def shell_commands() -> list[list[str]]:
    """Each line of each shell block as words, without its comment."""
    lines = "".join(blocks("sh")).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = [words[1] for words in shell_commands() if words[0] == "make"]
    assert targets[:2] == ["compare", "test"]
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.slow
def test_every_command_and_the_python_example_work(digits: Dataset, tmp_path: Path) -> None:
    write_digits(tmp_path / "data", digits)
    shutil.copy(ROOT / "cnn_mnist.py", tmp_path)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "DIGITNN_CACHE_DIR": str(tmp_path / "no")}
    run_cli = "import sys; from digitnn.cli.app import main; sys.exit(main())"
    programs = {
        "digitnn": [sys.executable, "-c", run_cli],
        "python": [sys.executable],
    }
    commands = [words for words in shell_commands() if words[0] != "make"]
    assert len(commands) >= 8
    commands.append(["python", "-c", "".join(blocks("python"))])
    for program, *arguments in commands:
        done = subprocess.run(
            [*programs[program], *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (program, arguments, done.stderr)
        assert "Traceback" not in done.stderr
    assert float(done.stdout) > 0.5
    assert (tmp_path / "mnist_all.mat").exists()


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_no_figure_is_missing_from_the_measured_table() -> None:
    table = README.split("<!-- results:")[1].split("<!-- end of results -->")[0]
    assert re.search(r"\| `classic` \| scratch \| \*\*9\d\.\d\d %\*\*", table)
    assert re.search(r"\| `cnn` \| pytorch \| \*\*9\d\.\d\d %\*\*", table)
