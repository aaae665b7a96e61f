"""Two engines side by side: equal at the start, apart by rounding, and why."""

from dataclasses import replace

import numpy as np
import pytest
from small_trainings import BY_ROTE, CLASSIC, CNN, RoteEngine

from digitnn.analysis.comparison import lockstep
from digitnn.analysis.comparison.lockstep import (
    Gap,
    compare_engines,
    explain_gaps,
    gaps_to_markdown,
    train_in_lockstep,
)

BOTH = ("scratch", "pytorch")


def gap(steps, difference, logit=8.0, read_differently=0):
    return Gap(steps, difference, logit, read_differently, 200)


@pytest.mark.engines
def test_equal_steps_of_classic_stay_close_on_both_engines(digits):
    gaps = list(train_in_lockstep(CLASSIC, BOTH, digits[:400], digits[400:], 3, steps=(0, 1, 5)))
    assert [found.steps for found in gaps] == [0, 1, 5]
    # other weights or images would be apart by the logits' size; a line search stretches rounding
    assert gaps[0].largest_difference < 1e-4 * gaps[0].largest_logit
    for found in gaps:
        assert found.largest_difference < 1e-2 * found.largest_logit
        assert found.n == 200
        assert found.read_differently <= 1
    assert gaps[2].largest_logit > gaps[0].largest_logit


@pytest.mark.parametrize("recipe", [CLASSIC, CNN], ids=["classic", "cnn"])
def test_an_engine_has_no_gap_to_itself(recipe, digits):
    engines = (recipe.engines[-1],) * 2
    gaps = list(train_in_lockstep(recipe, engines, digits[:400], digits[400:], 3, steps=(0, 1, 9)))
    assert [(found.steps, found.largest_difference) for found in gaps] == [(0, 0), (1, 0), (9, 0)]


def test_a_recipe_shorter_than_the_steps_ends_the_comparison(digits):
    short = CLASSIC.with_epochs(2)
    gaps = list(train_in_lockstep(short, BOTH, digits[:400], digits[400:], 3, steps=(0, 1, 3)))
    assert [found.steps for found in gaps] == [0, 1]


class Shifted(RoteEngine):
    """As if its logits were larger by a number, and one image in ten another digit."""

    def __init__(self, shift):
        super().__init__()
        self.shift = shift

    def logits(self, images):
        logits = np.tile(np.linspace(self.shift, 2, 10, dtype=np.float32), (len(images), 1))
        logits[::10, 0] += self.shift * 6
        return logits


def test_a_gap_has_the_largest_difference_and_counts_other_predictions(digits, monkeypatch):
    engines = {"scratch": Shifted(0), "pytorch": Shifted(0.5)}
    monkeypatch.setattr(lockstep, "find_engine", engines.__getitem__)
    found = list(train_in_lockstep(BY_ROTE, BOTH, digits[:400], digits[400:], 0, steps=(0, 2)))
    assert found == [Gap(0, 3.5, 2.0, 20, 200), Gap(2, 3.5, 2.0, 20, 200)]
    assert [len(engine.steps) for engine in engines.values()] == [2, 2]
    for a, b in zip(engines["scratch"].steps, engines["pytorch"].steps, strict=True):
        np.testing.assert_array_equal(a[0], b[0])
        assert a[2] == b[2]


def test_a_recipe_of_one_engine_has_nothing_to_compare(digits):
    only = replace(CNN, engines=("pytorch",))
    (entry,) = compare_engines(only, digits[:400], digits[400:], 0)
    assert (entry["engines"], entry["gaps"]) == (["pytorch"], [])
    assert entry["reason"] == "only pytorch can train it, so there is nothing to compare"
    assert "`cnn`: only pytorch can train it" in gaps_to_markdown([entry])


def test_the_reason_distinguishes_rounding_from_growth():
    assert explain_gaps([gap(0, 2e-6), gap(10, 9e-6)]).startswith("they differ only by rounding")
    grown = explain_gaps([gap(0, 2e-6), gap(10, 1e-3), gap(30, 0.2)])
    assert "100,000 times as large after 30 steps" in grown
    assert explain_gaps([gap(0, 0.0), gap(10, 8 * 2e-7)]).startswith("they differ only by rounding")


def test_the_table_has_a_cell_for_each_number_of_steps(digits):
    (entry,) = compare_engines(CLASSIC.with_epochs(3), digits[:400], digits[400:], 0)
    assert [found["steps"] for found in entry["gaps"]] == [0, 1, 3]
    page = gaps_to_markdown([entry])
    row = page.splitlines()[2].split(" | ")
    assert row[:2] == ["| `classic`, iterations", "scratch and pytorch"]
    assert row[2:5] == [f"{found['largest_difference']:.1e}" for found in entry["gaps"]]
    assert "of 200 validation images differently" in page
    assert len({line.count("|") for line in page.splitlines()[:3]}) == 1
