"""Search files: which ranges they take, and what they say of what they do not take."""

import pytest

from digitnn.errors import NetworkError, UsageError
from digitnn.network.layers import Conv2d, Dense
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import Adam, Muon
from digitnn.recipes.recipe import Recipe
from digitnn.scaling.tuning.ranges import KINDS, Choice, Numbers, ends, first_end, pick_with
from digitnn.scaling.tuning.search import search_from_toml

BASE = 'base = "cnn-98.7"\nname = "mine"\n'


def error_of(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        search_from_toml(text, "s.toml")
    return str(caught.value)


def test_every_kind_of_range_is_read_with_its_ends():
    found = search_from_toml(
        BASE
        + "batch_size = {choice = [64, 128]}\nepochs = {int = [1, 3]}\n"
        + "epoch_size = {log_int = [100, 1000]}\n"
        + "optimiser.learning_rate = {log = [0.003, 0.1]}\n"
        + "optimiser.momentum = {uniform = [0, 0.9]}\n"
    )
    by_name = {one.name: one for one in found.ranges}
    assert {name: ends(one) for name, one in by_name.items()} == {
        "optimiser.learning_rate": (0.003, 0.1),
        "optimiser.momentum": (0.0, 0.9),
        "epochs": (1, 3),
        "batch_size": (64, 128),
        "epoch_size": (100, 1000),
    }
    logs = {name for name, one in by_name.items() if isinstance(one, Numbers) and one.is_log}
    assert logs == {"optimiser.learning_rate", "epoch_size"}
    assert found.max_epochs == 3


def test_a_table_without_a_kind_changes_the_value_of_the_base():
    found = search_from_toml(
        BASE
        + "optimiser.learning_rate = {log = [0.003, 0.1]}\nlayers.1.channels = {int = [4, 8]}\n"
    )
    recipe = found.recipe(first_end)
    base = RECIPES["cnn-98.7"]
    assert isinstance(base.optimiser, Muon)
    assert recipe.optimiser == Muon(**{**vars(base.optimiser), "learning_rate": 0.003})
    assert recipe.layers[1] == Conv2d(4, 5, stride=2)
    assert recipe.layers[2:] == base.layers[2:]
    assert recipe.name == "mine"


def test_a_table_with_a_kind_replaces_the_value_of_the_base():
    found = search_from_toml(
        BASE + 'optimiser = {optimiser = "Adam", learning_rate = {log = [0.003, 0.1]}}\n'
    )
    assert found.recipe(first_end).optimiser == Adam(0.003)


def test_an_architecture_is_a_choice_of_layer_lists_with_ranges_within():
    found = search_from_toml(
        BASE
        + 'layers = {choice = [["Flatten", {layer = "Dense", units = 10}],\n'
        + '["Flatten", {layer = "Dense", units = {int = [4, 9]}},\n'
        + '{layer = "Dense", units = 10}]]}\n'
    )
    choice, units = found.ranges
    assert isinstance(choice, Choice)
    assert choice.labels == ("Flatten, Dense(10)", "Flatten, Dense, Dense(10)")
    assert units.name == "layers[Flatten, Dense, Dense(10)].1.units"
    assert [len(found.recipe(pick_with({"layers": one})).layers) for one in choice.labels] == [2, 3]
    deep = found.recipe(pick_with({"layers": choice.labels[1], units.name: 7}))
    assert deep.layers[1] == Dense(7)


def test_alternatives_that_look_alike_are_numbered():
    found = search_from_toml(BASE + "epochs = {choice = [{int = [1, 2]}, {int = [5, 6]}]}\n")
    assert found.ranges[0].labels == ("1: ...", "2: ...")
    assert found.recipe(pick_with({"epochs": "2: ..."})).epochs == 5


def test_no_field_of_a_recipe_is_named_like_a_range():
    def names(value):
        inner = (
            value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        )
        return set(value if isinstance(value, dict) else ()).union(*map(names, inner))

    assert not set(KINDS) & set().union(*(names(recipe.to_json()) for recipe in RECIPES.values()))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("batch_size = 64", ["no ranges", "choice"]),
        (
            "batch_size = {int = [128, 64]}",
            ["line 3", "batch_size", "lower end first", "[128, 64]"],
        ),
        ("batch_size = {int = [64, 64]}", ["line 3", "lower end first"]),
        ("batch_size = {int = [1, 2.5]}", ["line 3", "two whole numbers"]),
        ("batch_size = {uniform = [1, 5]}", ["line 3", "whole number", "int and log_int draw"]),
        ("batch_size = {choice = [64]}", ["line 3", "two or more values"]),
        ("batch_size = {choice = [64, 64]}", ["line 3", "64 twice"]),
        ("batch_size = {int = [1, 2], log = [1, 2]}", ["line 3", "got also 'log'"]),
        ("batch_size = {int = [1, 2], step = 1}", ["line 3", "got also 'step'"]),
        ("optimiser.learning_rate = {log = [0, 1]}", ["line 3", "above 0"]),
        ("optimiser.learning_rate = {log = ['a', 1]}", ["line 3", "two numbers", "'a'"]),
        ("optimiser.learning_rate = {log = [0.1, inf]}", ["line 3", "two numbers"]),
        ("optimiser.learning_rate = {lgo = [0.1, 1]}", ["line 3", "unknown range 'lgo'", "'log'"]),
        ("optimiser.lerning_rate = {log = [0.1, 1]}", ["line 3", "did you mean 'learning_rate'"]),
        ("optimiser.momentum = {uniform = [1, 2]}", ["line 3", "momentum", "below 1", "no draw"]),
        ("layers.99.units = {int = [1, 2]}", ["line 3", "0 to 12", "99"]),
        ("layers.1.chanels = {int = [1, 2]}", ["line 3", "did you mean 'channels'"]),
        ("batch_size = {int = [1, 2]}\nfoo = 1", ["line 4", "'foo'"]),
        ('epochs = {choice = ["a", 3]}', ["line 3", "epochs must be a whole number", "'a'"]),
        ('batch_size = {int = [1, 2]}\nepochs = "a"', ["line 4", "epochs"]),
        ('optimiser = {choice = ["Adam", {optimiser = "Mun", learning_rate = 1.0}]}', ["line 3"]),
        ("batch_size = {int = [1, 2]}\nl2 = {uniform = [1, 2]}", ["no draw", "l2"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_field(line, words):
    error = error_of(BASE + line)
    assert error.startswith("s.toml")
    assert [word for word in words if word not in error] == []
    assert "\n" not in error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('base = "cnn-98.7"\nbatch_size = {int = [1, 2]}', ["needs a name"]),
        ('base = "cnn-98.7"\nname = {choice = ["a", "b"]}', ["line 2", "needs a name"]),
        ('name = "cnn"\nbatch_size = {int = [1, 2]}', ["line 1", "built-in", "'my-cnn'"]),
        ('name = "x"\nbase = "cn"', ["line 2", "did you mean 'cnn'"]),
        ('name = "x"\nbatch_size = {int = [1, 2]}', ["Recipe needs layers"]),
        ("name =", ["not TOML"]),
    ],
)
def test_a_search_without_a_name_or_a_usable_base_is_rejected(text, words):
    error = error_of(text)
    assert [word for word in words if word not in error] == []


def test_values_that_exclude_one_another_are_left_to_the_trials():
    found = search_from_toml(BASE + "epochs = {int = [0, 3]}\n")
    assert found.recipe(pick_with({"epochs": 3})).epochs == 3
    with pytest.raises(NetworkError, match="epochs must be a whole number of at least 1"):
        found.recipe(pick_with({"epochs": 0}))


def test_the_recipe_of_a_draw_is_a_recipe_of_the_same_values_in_toml():
    found = search_from_toml(BASE + "batch_size = {choice = [64, 128]}\n")
    recipe = found.recipe(pick_with({"batch_size": 128}))
    base = RECIPES["cnn-98.7"].to_json()
    assert recipe == Recipe.from_json(
        {**base, "name": "mine", "summary": recipe.summary, "batch_size": 128}
    )
