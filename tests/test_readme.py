"""What README.md tells people to type works, in the order in which it stands there."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import version
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pytest
from commands import write_digits
from pictures import five
from PIL import Image, ImageDraw
from running_server import serving

import digitnn
from digitnn.data.dataset import Dataset
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import Adam
from digitnn.recipes.schedules import OneCycle
from digitnn.recipes.toml_reader import recipe_from_toml

ROOT = Path(__file__).parents[1]
RUN_COMMANDS = """
import contextlib, json, sys
from digitnn.cli.app import main
for arguments, into in json.loads(sys.argv[1]):
    with contextlib.ExitStack() as opened:
        if into:
            file = opened.enter_context(open(into, "w", encoding="utf-8"))
            opened.enter_context(contextlib.redirect_stdout(file))
        code = main(arguments)
    if code:
        sys.exit(f"{arguments} ended with {code}")
"""
"""A program that runs commands of digitnn one after the other, and loads its libraries once."""
README = (ROOT / "README.md").read_text()
CHANGELOG = (ROOT / "CHANGELOG.md").read_text()


def blocks(language: str) -> list[str]:
    """The fenced blocks of README.md in one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def shell_commands() -> list[list[str]]:
    """Each line of each shell block as words, without its comment."""
    lines = "".join(blocks("sh")).splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def redirected(words: list[str]) -> tuple[list[str], str | None]:
    """The arguments of a command, and the file that its output goes to if it ends in `> FILE`."""
    return (words[:-2], words[-1]) if words[-2:-1] == [">"] else (words, None)


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = [words[1] for words in shell_commands() if words[0] == "make"]
    assert targets[:2] == ["compare", "test"]
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def run(program: str, lines: list[list[str]], folder: Path) -> str:
    """Run lines of one program in `folder`, all of which must succeed; return what they print.

    digitnn runs in one process, because to start one for each line takes longer than its work.
    """
    commands = ["-c", RUN_COMMANDS, json.dumps([redirected(words) for words in lines])]
    out = ""
    for arguments in [commands] if program == "digitnn" else lines:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "DIGITNN_CACHE_DIR": str(folder / "no")},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, (program, arguments, done.stderr)
        assert "Traceback" not in done.stderr
        out += done.stdout
    return out


@pytest.mark.slow
def test_every_command_and_the_python_example_work(digits: Dataset, tmp_path: Path) -> None:
    write_digits(tmp_path / "data", digits)
    shutil.copy(ROOT / "cnn_mnist.py", tmp_path)
    (tmp_path / "scans").mkdir()
    zero = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(zero).ellipse((60, 30, 140, 170), outline=0, width=16)
    for name in ("seven.jpg", "page.png", "scans/1.png", "scans/2.png"):
        Image.fromarray(five(200)).save(tmp_path / name)
    for n in range(12):
        place = tmp_path / "my-photos" / "05"[n % 2] / f"{n}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        (zero if n % 2 == 0 else Image.fromarray(five(200 + n))).save(place)
    commands = [words for words in shell_commands() if words[0] != "make"]
    servers = [words for words in commands if words[:2] == ["digitnn", "serve"]]
    commands = [words for words in commands if words not in servers]
    assert len(commands) >= 8
    commands.append(["python", "-c", "".join(blocks("python"))])
    for program, group in groupby(commands, key=itemgetter(0)):
        printed = run(program, [words[1:] for words in group], tmp_path)
    assert float(printed.splitlines()[-1]) > 0.5
    assert servers
    for _, _, *options in servers:  # `--port` comes last, on a port that is free
        with serving(tmp_path, *options, "--port", "0") as server:
            assert b"<canvas" in server.get("/").body
            assert server.stop() == 0
    assert (tmp_path / "mnist_all.mat").exists()
    assert "scans/2.png,,1,1,5,0.9" in (tmp_path / "digits.csv").read_text()


def test_the_example_of_a_recipe_is_one() -> None:
    (example,) = blocks("toml")
    recipe = recipe_from_toml(example)
    assert recipe.layers == RECIPES["cnn"].layers
    assert (recipe.name, recipe.epochs) == ("cnn-slow-start", 3)
    assert recipe.optimiser == Adam(0.002, schedule=OneCycle(0.5))


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_no_figure_is_missing_from_the_measured_table() -> None:
    table = README.split("<!-- results:")[1].split("<!-- end of results -->")[0]
    assert re.search(r"\| `classic` \| scratch \| \*\*9\d\.\d\d %\*\*", table)
    assert re.search(r"\| `cnn` \| pytorch \| \*\*9\d\.\d\d %\*\*", table)
    table = README.split("<!-- recipes:")[1].split("<!-- end of recipes -->")[0]
    for recipe in ("cnn-98.7", "cnn-fast", "cnn-99.3", "cnn-99.5", "cnn-best --all-images"):
        assert re.search(rf"\| `{recipe}` \| \*\*9\d\.\d\d %\*\* \|", table)


def test_the_newest_version_of_the_change_log_is_the_packages_own() -> None:
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", CHANGELOG, re.MULTILINE)
    assert versions[0] == digitnn.__version__
    assert version("digitnn") == digitnn.__version__  # what runs record; else `make setup` is due
