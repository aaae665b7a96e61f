"""The names that distinguish runs of one recipe."""

from copy import deepcopy
from dataclasses import replace

import pytest

from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import Adam, Sgd
from digitnn.runs.identity import distinguish_settings, settings_of

ADAM, SGD = (
    replace(RECIPES["cnn"], optimiser=optimiser).to_json()["optimiser"]
    for optimiser in (Adam(0.01), Sgd(0.05))
)
BASE = {
    "recipe": RECIPES["cnn"].to_json() | {"optimiser": ADAM},
    "engine": "scratch",
    "seed": 0,
    "stopping": {"patience": None, "keep": "last", "max_seconds": None},
    "data": {"collection": "mnist", "split_seed": None, "train": {"n": 9, "sha256": "ab"}},
}


def changed(*changes):
    """BASE with values put at places such as "recipe.l2"."""
    about = deepcopy(BASE)
    for place, value in changes:
        *folders, name = place.split(".")
        inside = about
        for folder in folders:
            inside = inside[folder]
        inside[name] = value
    return about


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("recipe.l2", 5.0), ["l2 0", "l2 5"]),
        (("recipe.epochs", 9), [f"epochs {RECIPES['cnn'].epochs}", "epochs 9"]),
        (("recipe.optimiser", SGD), ["optimiser Adam", "optimiser Sgd"]),
        (("recipe.optimiser.learning_rate", 0.1), ["learning rate 0.01", "learning rate 0.1"]),
        (("stopping.keep", "best"), ["keep last", "keep best"]),
        (("stopping.patience", 3), ["no patience", "patience 3"]),
        (("recipe.averaging", {"decay": 0.9, "every": 2}), ["no averaging", "averaging"]),
        (("precision", "bfloat16"), ["float32", "bfloat16"]),
    ],
)
def test_a_setting_that_differs_is_named(change, words):
    assert distinguish_settings([BASE, changed(change)]) == words


def test_three_runs_are_named_by_all_their_differences():
    three = [BASE, changed(("recipe.l2", 5.0)), changed(("recipe.epochs", 9))]
    epochs = RECIPES["cnn"].epochs
    assert distinguish_settings(three) == [
        f"epochs {epochs}, l2 0",
        f"epochs {epochs}, l2 5",
        "epochs 9, l2 0",
    ]


def test_fields_without_effect_are_not_named():
    other = changed(("recipe.l2", 5.0), ("recipe.summary", "mine"), ("stopping.max_seconds", 4.0))
    assert distinguish_settings([BASE, other]) == ["l2 0", "l2 5"]


@pytest.mark.parametrize(
    "others",
    [
        [changed(("recipe.l2", 5.0), ("recipe.epochs", 9), ("recipe.batch_size", 7))],
        [changed(("recipe.layers", BASE["recipe"]["layers"][1:]))],
        [changed(("data.train.sha256", 64 * "c"))],
        [changed(("recipe.optimiser", SGD)), changed(("recipe.optimiser.beta1", 0.5))],
    ],
    ids=["many", "layers", "data", "two of one kind"],
)
def test_many_differences_are_named_by_a_fingerprint(others):
    abouts = [BASE, *others]
    words = distinguish_settings(abouts)
    assert words == [f"settings {settings_of(about)[:8]}" for about in abouts]
    assert len(set(words)) == len(abouts)
