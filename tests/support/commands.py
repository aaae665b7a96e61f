"""Running the command line inside a test, on a small data set."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from digitnn.cli.app import main
from digitnn.data.dataset import Dataset
from digitnn.data.formats.idx import write_idx_folder


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class CommandLine:
    """`digitnn ...` in an empty working folder whose data are `digits`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def __call__(self, *arguments: str) -> Done:
        self._capsys.readouterr()
        code = main(list(arguments))
        captured = self._capsys.readouterr()
        return Done(code, captured.out, captured.err)


def write_digits(folder: Path, digits: Dataset) -> Path:
    """IDX files of 480 images to train and validate on and 120 to test on."""
    folder.mkdir(parents=True, exist_ok=True)
    write_idx_folder(folder, digits[:480], digits[480:])
    return folder


def assert_one_error_line(done: Done, code: int, *words: str) -> None:
    """Failed with `code`, nothing on stdout, one line on stderr that holds each of `words`."""
    assert done.code == code, done
    assert done.out == ""
    errors = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in errors[0]
