"""The progress of a training, on a terminal and elsewhere."""

import io
import re

import pytest
from rich.console import Console
from small_trainings import CLASSIC, CNN

from digitnn.cli import progress
from digitnn.engines.find import find_engine
from digitnn.training.training import Training


@pytest.mark.parametrize("recipe", [CLASSIC, CNN], ids=["classic", "cnn"])
def test_eighty_columns_show_every_figure_and_the_remaining_time(recipe, digits, monkeypatch):
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(progress, "messages", lambda: terminal)
    training = Training(recipe, find_engine("scratch"), digits[:400], digits[400:], seed=0)
    for _ in progress.follow(training, "classic (scratch)"):
        pass
    last = [line for line in re.split(r"[\r\n]", screen.getvalue()) if "k/s" in line][-1]
    assert re.search(r"\d+/\d+ loss \d+\.\d{3} train \d+\.\d valid \d+\.\d % .*k/s", last)
    assert re.search(r"\d:\d\d", last)
    assert "…" not in last


def test_without_a_terminal_there_are_about_ten_plain_lines(digits, capsys):
    training = Training(CLASSIC, find_engine("scratch"), digits[:400], digits[400:], seed=0)
    for _ in progress.follow(training, "small"):
        pass
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("small: iteration 10  loss ")
