"""What can go wrong with `digitnn report`: one line each, before the work, nothing half-written."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, assert_one_error_line, write_digits

from digitnn.network.storage.safetensors import load_safetensors, save_safetensors
from digitnn.report import measuring, page

pytestmark = pytest.mark.slow


@pytest.fixture
def run(digitnn: CommandLine) -> str:
    assert digitnn("train", "classic", "--epochs", "1", "--out", "run").code == 0
    return "run"


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever begins to work has not looked first."""

    def work(*arguments: object) -> None:
        raise AssertionError("the work has begun")

    monkeypatch.setattr(measuring, "measure_run", work)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 1, ["nowhere", "no such folder"]),
        (["data"], 1, ["data", "lacks network.json"]),
        (["run", "--out", "missing/page.html"], 1, ["missing/page.html", "No such file", "--out"]),
        (["run", "--out", "data"], 1, ["data", "is a folder", "--out"]),
        (["run", "--out", "run/report.json"], 1, ["report.json", "ends in .html"]),
        (["run", "--out", "data/train-labels-idx1-ubyte/x"], 1, ["cannot write a page"]),
        (["run", "--out", "/proc/page.html"], 1, ["cannot write a page", "--out"]),
        (["run", "--split", "train"], 2, ["--split"]),
        (["run", "--robustness-images", "-1"], 2, ["--robustness-images", "-1"]),
        (["run", "--robustness-images", "many"], 2, ["--robustness-images", "many"]),
        ([], 2, ["run"]),
    ],
)
@pytest.mark.usefixtures("run", "no_work")
def test_bad_input_is_an_error_of_one_line_before_any_work(
    digitnn: CommandLine, arguments: list[str], code: int, words: list[str]
) -> None:
    assert_one_error_line(digitnn("report", *arguments), code, *words)
    assert not Path("missing").exists()


@pytest.mark.usefixtures("no_work")
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_folder_fails_first(digitnn: CommandLine, run: str) -> None:
    Path("locked").mkdir(mode=0o500)
    done = digitnn("report", run, "--out", "locked/page.html")
    assert_one_error_line(done, 1, "locked/page.html", "Permission denied")


@pytest.mark.usefixtures("no_work")
@pytest.mark.parametrize(
    ("library", "extra"), [("matplotlib.figure", "plots"), ("jinja2", "report")]
)
def test_a_missing_library_names_the_extra(
    digitnn: CommandLine, run: str, monkeypatch: pytest.MonkeyPatch, library: str, extra: str
) -> None:
    page.environment.cache_clear()
    monkeypatch.setitem(sys.modules, library, None)
    assert_one_error_line(digitnn("report", run), 1, f"pip install 'digitnn[{extra}]'")
    page.environment.cache_clear()


def test_a_diverged_network_is_an_error_of_one_line(digitnn: CommandLine, run: str) -> None:
    params = load_safetensors(Path(run, "params.safetensors"))
    save_safetensors(
        Path(run, "params.safetensors"),
        {name: np.full_like(p, 1e38) for name, p in params.items()},
    )
    assert_one_error_line(digitnn("report", run), 1, "NaN or infinite")
    assert not Path("run.html").exists()


def test_other_validation_images_than_the_runs_own_are_rejected(
    digitnn: CommandLine, run: str, digits, tmp_path: Path
) -> None:
    write_digits(tmp_path / "other", digits[::-1])
    done = digitnn("report", run, "--data-dir", str(tmp_path / "other"))
    assert_one_error_line(done, 1, "not those of run", "--data-dir")


def test_bad_runs_beside_fail_before_the_evaluation(digitnn: CommandLine, run: str) -> None:
    done = digitnn("report", run, "--robustness-images", "0", "--beside", "nowhere")
    assert_one_error_line(done, 1, "nowhere", "neither a run nor a folder")
    shutil.copytree(run, "damaged")
    Path("damaged/params.safetensors").write_bytes(b"")
    done = digitnn("report", run, "--split", "test", "--beside", "damaged")
    assert_one_error_line(done, 1, "damaged")
    assert not Path("run.html").exists()
    assert not Path("run/report.json").exists()  # nothing was read for it


def test_an_interrupted_report_leaves_the_old_page(
    digitnn: CommandLine, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("run.html").write_text("an earlier page")

    def interrupted(*arguments: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(page, "render", interrupted)
    done = digitnn("report", run, "--robustness-images", "0")
    assert done.code == 130
    assert done.out == ""
    assert Path("run.html").read_text() == "an earlier page"
    assert not list(Path().glob(".run.html*"))


def test_a_damaged_history_does_not_prevent_the_page(digitnn: CommandLine, run: str) -> None:
    shutil.copytree(run, "bare")
    Path("bare/history.jsonl").unlink()
    assert digitnn("report", "bare", "--robustness-images", "0").code == 0
    assert "No learning curves" in Path("bare.html").read_text(encoding="utf-8")
