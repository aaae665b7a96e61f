"""What every test file shares: checked shapes, a random stream, a small data set of digits."""

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from commands import CommandLine, write_digits
from hypothesis import settings
from jaxtyping import install_import_hook

import digitnn
from digitnn.data.dataset import Dataset

# No test asserts a time: a busy machine is no failure.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# Before these are first imported: every annotated shape and type is then checked at every call.
# Not where bad values are refused by our own errors, nor where bytes are parsed: fuzzing would
# take minutes. Nor in kernels.py, whose functions numba compiles as they stand.
rooms = (
    "network.network evaluation training.scipy_minimise "
    "training.training training.minibatch training.fullbatch "
    "engines.protocols engines.pytorch data.augmentation.apply data.augmentation.resampling "
    "analysis.comparison.lockstep analysis.comparison.comparison analysis.comparison.leaderboard "
    "analysis.robustness.corrupted analysis.robustness.sweeps "
    "analysis.robustness.corruptions.geometry analysis.robustness.corruptions.appearance "
    "reader.page.network reader.page.search reader.page.reading "
    "reader.page.glyph_network reader.page.second_look"
)
scratch = Path(digitnn.__file__).parent / "engines" / "scratch"
layers = [
    f"engines.scratch.{file.stem}" for file in scratch.glob("[a-z]*.py") if file.stem != "kernels"
]
install_import_hook([f"digitnn.{room}" for room in rooms.split() + layers], "checked.check")


TESTS = Path(__file__).parent


def pytest_unconfigure(config: pytest.Config) -> None:
    """After everything else that pytest prints: what was not run, and why."""
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None or hasattr(config, "workerinput"):
        return
    reasons = Counter(_reason(report) for report in terminal.stats.get("skipped", ()))
    lines = [f"{count} skipped, {reason}" for reason, count in sorted(reasons.items())]
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    if any(TESTS.is_relative_to(path) for path in named):
        lines.append("tests/browser: only in a browser, by `make test-pages`")
    if lines:
        terminal.section("not run, and why")
        for line in lines:
            terminal.line(line)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Where a test or a whole file was skipped, and what was said about it."""
    path, line, why = report.longrepr
    where = str(path).removeprefix(f"{TESTS.parent}{os.sep}")
    return f"{where}:{line}: {why.removeprefix('Skipped: ')}"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def digits() -> Dataset:
    """600 images of ten clearly different classes, shuffled: a coarse template each, plus noise.

    As with MNIST the margin, here of two pixels, is blank, but for a speck in one image.
    """
    rng = np.random.default_rng(10)
    templates = np.kron(rng.integers(0, 2, (10, 6, 6)), np.ones((4, 4))) * 160
    labels = rng.permutation(np.arange(600) % 10)
    images = np.zeros((600, 28, 28))
    images[:, 2:26, 2:26] = templates[labels] + rng.normal(40, 25, (600, 24, 24))
    images[7, 0, 0] = 200
    return Dataset(images.clip(0, 255).astype(np.uint8), labels.astype(np.uint8), "digits")


@pytest.fixture
def digitnn(
    tmp_path: Path,
    digits: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> CommandLine:
    """The command line in an empty folder; its ./data holds `digits`."""
    write_digits(tmp_path / "data", digits)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGITNN_DATA_DIR", raising=False)
    monkeypatch.setenv("DIGITNN_CACHE_DIR", str(tmp_path / "cache"))
    return CommandLine(tmp_path, capsys)
