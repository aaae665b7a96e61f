"""The page as a browser shows it. Not among the ordinary tests: `make test-pages` runs it."""

import io
from pathlib import Path

import numpy as np
import pytest
from commands import write_digits
from PIL import Image
from small_trainings import CNN

from digitnn.data.dataset import Dataset
from digitnn.report.measured import PageRequest
from digitnn.report.measuring import measure_run
from digitnn.report.page import render
from digitnn.runs.ensembles import load_run
from digitnn.runs.experiment import TrainingData, run_experiment
from tools.chromium import Tab

WIDTHS, SCHEMES = (390, 1440), ("light", "dark")


@pytest.fixture(scope="module")
def page(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a small network that is a little trained, with a long name."""
    folder = tmp_path_factory.mktemp("pages")
    write_digits(folder / "data", digits)
    data = TrainingData("mnist", None, digits[:400], digits[400:480])
    run = folder / ("a_name_as_long_as_somebody_may_choose_it" * 3)
    run_experiment(CNN.with_epochs(2), "scratch", 0, data, run, iter)
    wanted = PageRequest("valid", folder / "data", 20, (), f"digitnn report {run}")
    path = folder / "page.html"
    path.write_bytes(render(measure_run(load_run(run), wanted, lambda line: None)))
    return path


def pixels(tab: Tab) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(tab.picture(whole=False))).convert("L"))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_fits_logs_no_error_and_requests_nothing(
    tab: Tab, page: Path, width: int, scheme: str
) -> None:
    tab.show(page, width, scheme)
    # with all numbers unfolded
    assert tab.value("document.querySelectorAll('details').forEach(d => d.open = true); 1") == 1
    assert tab.value("document.documentElement.scrollWidth") <= width
    wide = tab.value(
        "[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, pre, .unseen')"
        " && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []
    asked = [one["request"]["url"] for one in tab.of("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [page.resolve().as_uri()]
    assert tab.of("Log.entryAdded") == tab.of("Runtime.exceptionThrown") == []
    broken = tab.value("[...document.images].filter(i => !i.naturalWidth).length")
    assert broken == 0
    assert pixels(tab).std() > 5


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_follows_the_theme(tab: Tab, page: Path, width: int) -> None:
    means = {}
    for scheme in SCHEMES:
        tab.show(page, width, scheme)
        means[scheme] = pixels(tab).mean()
    assert means["light"] > 200
    assert means["dark"] < 60


def test_print_is_white_in_either_theme(tab: Tab, page: Path) -> None:
    tab.show(page, 800, "dark", media="print")
    assert tab.value("getComputedStyle(document.documentElement).backgroundColor") == (
        "rgb(255, 255, 255)"
    )
    ink = tab.value("getComputedStyle(document.querySelector('h1')).color")
    assert max(int(level) for level in ink[4:-1].split(",")) < 60
    assert tab.printed().startswith(b"%PDF")


def test_the_first_focus_is_the_skip_link(tab: Tab, page: Path) -> None:
    tab.show(page, 1440, "light")
    tab.press("Tab")
    assert tab.value("document.activeElement.textContent") == "Skip to the report"
    assert tab.value("document.activeElement.getBoundingClientRect().top") >= 0
