"""The page about a search, as a browser shows it. `make test-pages` runs it.

Its search is made up: trials of every outcome, names and values as long as a search may have.
"""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_searches import SEARCH, plan_of

from digitnn.data.dataset import Dataset
from digitnn.recipes.builtin import find_recipe
from digitnn.report.tuning_page import render_tuning_page
from digitnn.scaling.tuning.results import FinalRun, SearchResult, TrialResult
from digitnn.scaling.tuning.searching import Setting
from tools.chromium import Tab

WIDTHS, SCHEMES = (390, 1440), ("light", "dark")
LONG_REASON = (
    "the loss is not finite after epoch 1 of 20; choose a smaller learning rate, or clip the "
    "gradient: optimiser.learning_rate was 0.29"
)
FIELDS = ("optimiser.learning_rate", "batch_size", "schedule.warmup_fraction", "layers.1.units")


def trial(number: int, rng: np.random.Generator) -> TrialResult:
    """A complete trial; each fifth one pruned, each ninth failed."""
    outcome = "failed" if number % 9 == 8 else "pruned" if number % 5 == 4 else "complete"
    accuracy = 0.9 + 0.09 * rng.random()
    draws = {
        "optimiser.learning_rate": float(10 ** rng.uniform(-4, -0.5)),
        "batch_size": int(rng.choice([32, 64, 128, 256])),
        "schedule.warmup_fraction": float(rng.uniform(0, 0.3)),
        "layers.1.units": int(rng.choice([64, 128, 256])),
        "augmentation": "shift 2, rotate 10, scale 0.1, elastic 34/4",
    }
    failed = outcome == "failed"
    return TrialResult(
        number=number,
        outcome=outcome,
        accuracy=None if failed else accuracy,
        seconds=None if failed else 3 + 30 * rng.random(),
        parameters=None if failed else 210_714,
        curve=() if failed else (accuracy - 0.02, accuracy),
        draws=draws,
        reason=LONG_REASON if failed else None,
        kills=int(number == 3),
    )


@pytest.fixture(scope="module")
def pages(digits: Dataset, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A long search whose winner was trained anew, and one of a single trial."""
    folder, rng = tmp_path_factory.mktemp("tuning"), np.random.default_rng(0)
    trials = tuple(trial(number, rng) for number in range(40))
    best = max(trials, key=lambda one: one.accuracy or 0.0)
    assert best.accuracy
    final = (
        *(FinalRun(seed, best.accuracy - 0.001 * seed, 12.5, f"s/{seed}") for seed in range(1, 6)),
        FinalRun(6, None, 0.4, "s/6"),
    )
    importance = dict(zip(FIELDS, (0.55, 0.25, 0.15, 0.05), strict=True))
    recipe = find_recipe("cnn-best")
    results = {
        "long": SearchResult(
            "a-name-as-long-as-somebody-may-choose-it" * 2,
            *(trials, best, recipe, importance, final, 10_000),
        ),
        "short": SearchResult("s", trials[:1], trials[0], recipe, {}, (), 10_000),
    }
    plan = plan_of(digits, folder / "a folder of a long name" / "trials.db", SEARCH)
    found = {}
    for name, result in results.items():
        command = f"digitnn tune {name}.toml --trials {len(result.trials)} --storage {plan.storage}"
        setting = Setting(folder, len(result.final), 2, 1, "cpu", command)
        found[name] = folder / f"{name}.html"
        found[name].write_bytes(render_tuning_page(result, plan, setting))
    return found


def show(tab: Tab, page: Path, width: int, scheme: str) -> None:
    """Load a page and unfold everything."""
    tab.show(page, width, scheme)
    assert tab.value("document.querySelectorAll('details').forEach(d => d.open = true); 1") == 1


def brightness(tab: Tab) -> float:
    picture = Image.open(io.BytesIO(tab.picture(whole=False))).convert("L")
    return float(np.asarray(picture).mean())


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["long", "short"])
def test_the_page_fits_logs_nothing_and_requests_nothing(
    tab: Tab, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    show(tab, pages[name], width, scheme)
    assert tab.value("document.documentElement.scrollWidth") <= width
    wide = tab.value(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll, pre, .unseen, "
        "svg') && e.getBoundingClientRect().right > innerWidth + 1)"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []
    tab.poll()
    asked = [one["request"]["url"] for one in tab.of("Network.requestWillBeSent")]
    assert [url for url in asked if not url.startswith("data:")] == [pages[name].as_uri()]
    for event in ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
        assert tab.of(event) == []
    assert (
        tab.value("document.querySelectorAll('main svg').length") == ({"long": 4, "short": 2}[name])
    )


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["long", "short"])
def test_the_page_is_accessible(
    tab: Tab, axe: str, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    show(tab, pages[name], width, scheme)
    tab.value(f"{axe}; 1")
    result = tab.value(
        "axe.run({resultTypes: ['violations']}).then(({passes, violations}) => ({"
        " passed: passes.length, found: violations.map(({id, nodes}) => `${id}: "
        "${nodes.slice(0, 4).map(node => `${node.target} ${node.failureSummary}`).join('; ')}`)}))"
    )
    assert result["found"] == []
    assert result["passed"] > 15


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_follows_the_theme(tab: Tab, pages: dict[str, Path], width: int) -> None:
    means = {}
    for scheme in SCHEMES:
        show(tab, pages["long"], width, scheme)
        means[scheme] = brightness(tab)
    assert means["light"] > 200
    assert means["dark"] < 60
