"""Recipes of a user's own: what TOML files say, and how those that cannot be are refused."""

import os
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given
from hypothesis import strategies as st

from digitnn.errors import FormatError, UsageError
from digitnn.network.layers import Conv2d, Dense, Flatten, MaxPool2d, Relu, SoftmaxCrossEntropy
from digitnn.network.network import MNIST_PIXELS, Standardise
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import Adam, LBfgs, Sgd
from digitnn.recipes.recipe import Recipe
from digitnn.recipes.schedules import Constant, OneCycle
from digitnn.recipes.toml_reader import (
    MAX_BYTES,
    choose_recipe,
    choose_recipes,
    read_recipe,
    recipe_from_toml,
    with_free_name,
)
from digitnn.recipes.toml_writer import recipe_to_toml

CNN = RECIPES["cnn"]

MINE = """\
name = "mine"
summary = "a small one"
layers = [  # from pixels to logits
    {layer = "Conv2d", channels = 4, kernel = 5},
    "Relu",
    {layer = "MaxPool2d", size = 4},
    "Flatten",
    {layer = "Dense", units = 10},
]
engines = ["scratch"]
epochs = 3

[optimiser]
optimiser = "Sgd"
learning_rate = 1

[optimiser.schedule]
schedule = "OneCycle"
warm_up = 0.5
"""


def changed(old: str, new: str) -> str:
    """MINE with a piece replaced."""
    assert MINE.count(old) == 1
    return MINE.replace(old, new)


def test_a_file_gives_the_recipe_that_it_describes_and_defaults_for_the_rest():
    assert recipe_from_toml(MINE) == Recipe(
        name="mine",
        summary="a small one",
        layers=(Conv2d(4, 5), Relu(), MaxPool2d(4), Flatten(), Dense(10)),
        engines=("scratch",),
        optimiser=Sgd(1.0, schedule=OneCycle(0.5)),
        epochs=3,
        loss=SoftmaxCrossEntropy(),
        batch_size=128,
        initialisation="he",
        standardise=MNIST_PIXELS,
    )


def test_a_whole_number_will_do_where_a_fraction_may_stand():
    optimiser = recipe_from_toml(MINE).optimiser
    assert isinstance(optimiser, Sgd)
    assert type(optimiser.learning_rate) is float


def test_a_kind_by_its_name_alone_has_its_defaults():
    recipe = recipe_from_toml(
        'base = "classic"\nname = "mine"\noptimiser = "LBfgs"\nloss = "SoftmaxCrossEntropy"'
    )
    assert recipe.optimiser == LBfgs()
    assert recipe.loss == SoftmaxCrossEntropy()


def test_a_base_gives_the_fields_that_are_left_out():
    recipe = recipe_from_toml('base = "cnn"\nname = "mine"\nepochs = 7')
    assert recipe == replace(CNN, name="mine", epochs=7, summary="cnn with other epochs")
    summary = recipe_from_toml('base = "cnn"\nname = "mine"\nsummary = "longer"').summary
    assert summary == "longer"
    assert recipe_from_toml('base = "cnn"\nname = "mine"').summary == "as cnn"


def test_a_field_that_is_given_replaces_the_whole_field_of_the_base():
    text = 'base = "cnn"\nname = "mine"\n[optimiser]\noptimiser = "Adam"\nlearning_rate = 0.5\n'
    assert recipe_from_toml(text).optimiser == Adam(0.5, beta2=0.999, schedule=Constant())
    text = 'base = "cnn"\nname = "mine"\nstandardise = {mean = 0, std = 255}\n'
    assert recipe_from_toml(text).standardise == Standardise(0.0, 255.0)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (changed("epochs", "epoch"), 11, "takes name, .* got 'epoch'; did you mean 'epochs'"),
        (changed("learning_rate", "learningrate"), 15, "got 'learningrate'; .* 'learning_rate'"),
        (changed("channels", "chanels"), 4, "layer 0: Conv2d takes .* did you mean 'channels'"),
        (changed('"Relu"', '"Relo"'), 5, "layer 1: unknown layer 'Relo'; .* did you mean 'Relu'"),
        (changed('"MaxPool2d"', '"Maxpool"'), 6, "layer 2: unknown layer.*mean 'MaxPool2d'"),
        (changed('"Sgd"', '"SGB"'), 14, "unknown optimiser 'SGB'; known: ConjugateGradient, "),
        (changed('"OneCycle"', '"OneCycel"'), 18, "unknown schedule .* did you mean 'OneCycle'"),
        ('loss = "SoftmaxEntropy"\n' + MINE, 1, "unknown loss .* mean 'SoftmaxCrossEntropy'"),
        ('initialisation = "her"\n' + MINE, 1, "must be 'he' or .* got 'her'; did you mean 'he'"),
        (changed("epochs = 3", 'epochs = "3"'), 11, "epochs must be a whole number.*, got '3'"),
        (changed("epochs = 3", "epochs = 3.0"), 11, "epochs must be a whole number.*, got 3.0"),
        (changed("epochs = 3", "epochs = true"), 11, "epochs must be a whole number.*, got True"),
        (
            changed("epochs = 3", "epochs = 0x" + "f" * 5000),
            11,
            "a number of more than 4300 digits",
        ),
        (changed('"mine"', "7"), 1, "name must be text, got 7"),
        (changed('"mine"', "1979-05-27"), 1, "name must be text, got datetime"),
        (changed("rate = 1", 'rate = "1"'), 15, "learning_rate must be a finite number, got '1'"),
        (changed("rate = 1", "rate = true"), 15, "must be a finite number, got True"),
        (changed("rate = 1", "rate = nan"), 15, "learning_rate must be a finite number, got nan"),
        (changed("rate = 1", "rate = -inf"), 15, "must be a finite number, got -inf"),
        (changed("rate = 1", "rate = 1" + "0" * 400), 15, "learning_rate must be a finite number"),
        (changed("rate = 1", "rate = -1"), 13, "Sgd: learning_rate must be a finite number above"),
        (
            changed("rate = 1", "rate = 1\nnesterov = 1"),
            16,
            "nesterov must be true or false, got 1",
        ),
        (changed("warm_up = 0.5", "warm_up = 1.5"), 17, "warm_up must be .* below 1"),
        (changed("units = 10", "units = 0"), 8, "layer 4: Dense: units must be a whole number"),
        (changed(", units = 10", ""), 8, "layer 4: Dense needs units$"),
        (changed('{layer = "Dense", units = 10}', "10"), 8, "layer 4: a layer is an object such"),
        (changed("size = 4", "size = 40"), 6, "layer 2: MaxPool2d.* larger than its input"),
        (changed('    "Flatten",\n', ""), 7, r"layer 3: Dense.* put Flatten\(\) before it"),
        (changed('{layer = "Dense", units = 10}', '"Relu"'), 3, "last layer must give 10 logits"),
        (changed('"Flatten"', '"Flatten", {layer = "Dense", units = 900_000}'), 3, "100,000,000"),
        (changed('["scratch"]', '"scratch"'), 10, "engines must be a list, got 'scratch'"),
        (changed('["scratch"]', '["scrath"]'), 10, "engines must be 'scratch' or 'pytorch'"),
        (changed('["scratch"]', "[1]"), 10, "engines must be 'scratch' or 'pytorch', got 1"),
        (changed('["scratch"]', "[]"), None, "engines must be one or more of"),
        (changed('["scratch"]', '["scratch", "scratch"]'), None, "engines must differ"),
        (changed("epochs = 3", "epochs = 0"), None, "epochs must be .* at least 1, got 0"),
        (changed("epochs = 3", ""), None, "Recipe needs epochs"),
        (changed('"mine"', '"../mine"'), None, "name must be 1 to 64 letters"),
        (changed('"mine"', '"cnn"'), 1, "built-in recipe, which differs in .*layers.*'my-cnn'"),
        (changed('"mine"', '"CNN"'), 1, "built-in recipe, which differs in name, .*'my-CNN'"),
        ('base = "cnm"\n' + MINE, 1, "unknown recipe 'cnm'.* did you mean 'cnn'"),
        ("base = []\n" + MINE, 1, "base: unknown recipe"),
        ('base = "cnn"', None, "Recipe needs name"),
        ("standardise = 3\n" + MINE, 1, "Standardise takes mean, std, got 3"),
        ("standardise = {mean = 3, std = 0}\n" + MINE, 1, "std above 0"),
        ('base = "cnn"\nname = "x"\nlayers.a.b.c.d = 1', 3, "layers must be a list, got {'a': "),
        ("", None, "Recipe needs name, summary, layers, engines, optimiser, epochs"),
    ],
)
def test_what_is_no_recipe_is_refused_in_one_line_that_names_the_place(text, line, message):
    where = f"my.toml, line {line}: " if line else "my.toml: "
    with pytest.raises(UsageError, match=message) as caught:
        recipe_from_toml(text, "my.toml")
    assert str(caught.value).startswith(where), caught.value
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = \n", r"not TOML: Invalid value \(at line 1, column 8\)"),
        ("a = 1\nname = 'x", r"not TOML: .*\(at "),
        ("a = 1\na = 2\n", r"not TOML: Cannot overwrite a value \(at line 2"),
        ("a = 1" + "0" * 5000, "not TOML: "),
        ("a = " + "[" * 20_000, "nested too deeply"),
        ("a = " + "{a = " * 10_000, "nested too deeply"),
        ("a" + ".a" * 20_000 + " = 1", "nested too deeply"),
    ],
)
def test_what_is_no_toml_is_refused_in_one_line(text, message):
    with pytest.raises(UsageError, match=message) as caught:
        recipe_from_toml(text, "my.toml")
    assert str(caught.value).startswith("my.toml: ")
    assert "\n" not in str(caught.value)


def test_a_long_file_is_refused_without_searching_for_the_line():
    with pytest.raises(UsageError, match=r"^recipe: Recipe takes .* got 'x'"):
        recipe_from_toml("#\n" * 20_000 + "x = 1")


def test_a_recipe_is_chosen_by_its_name_or_its_file(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("my.toml", "plain", "cnn"):
        Path(name).write_text(MINE, encoding="utf-8")
    assert choose_recipe("my.toml").name == choose_recipe("plain").name == "mine"
    assert choose_recipe("cnn") is CNN  # whatever files there are
    with pytest.raises(UsageError, match="unknown recipe 'cnm'"):
        choose_recipe("cnm")


def test_equal_recipes_are_chosen_once_and_others_need_names_of_their_own(tmp_path: Path):
    one, same, other = (tmp_path / name for name in ("one.toml", "same.toml", "other.toml"))
    one.write_text(MINE)
    same.write_text("# the same\n" + MINE)
    other.write_text(changed("epochs = 3", "epochs = 4"))
    chosen = choose_recipes(["cnn", str(one), str(same), "cnn"])
    assert [recipe.name for recipe in chosen] == ["cnn", "mine"]
    with pytest.raises(UsageError, match="two different recipes are called 'mine'"):
        choose_recipes([str(one), str(other)])


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
def test_files_of_other_systems_are_read(tmp_path: Path, prefix: bytes):
    path = tmp_path / "my.toml"
    path.write_bytes(prefix + MINE.replace("\n", "\r\n").encode())
    assert read_recipe(path) == recipe_from_toml(MINE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfen\0", "a recipe is UTF-8 text, but byte 0 is 0xff"),
        (b"name = '\xe9'", "a recipe is UTF-8 text, but byte 8 is 0xe9"),
        (b"#" * (MAX_BYTES + 1), "a recipe takes at most 65,536 bytes"),
    ],
)
def test_a_file_that_is_no_short_text_is_refused(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "my.toml"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=f"my.toml: {message}"):
        read_recipe(path)


def test_a_file_as_large_as_is_taken_is_read(tmp_path: Path):
    path = tmp_path / "my.toml"
    path.write_text(MINE + "#" * (MAX_BYTES - len(MINE)))
    assert read_recipe(path).name == "mine"


def test_what_is_not_there_or_no_file_is_refused(tmp_path: Path):
    with pytest.raises(FormatError, match=r"no such file; `digitnn recipes show cnn > "):
        choose_recipe(str(tmp_path / "my.toml"))
    for name in ("folder", "folder.toml"):
        (tmp_path / name).mkdir()
        with pytest.raises(FormatError, match="this is not a file"):
            choose_recipe(str(tmp_path / name))
    os.mkfifo(tmp_path / "pipe.toml")
    with pytest.raises(FormatError, match="this is not a file"):
        choose_recipe(str(tmp_path / "pipe.toml"))


def test_only_a_changed_recipe_needs_another_name():
    assert with_free_name(CNN) is CNN
    assert with_free_name(CNN.with_epochs(9)) == replace(CNN, name="my-cnn", epochs=9)
    mine = replace(CNN, name="mine")
    assert with_free_name(mine) is mine


junk = st.recursive(
    st.one_of(st.integers(), st.floats(), st.text(max_size=9), st.booleans(), st.dates()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(data=st.data())
def test_whatever_stands_in_a_recipe_it_is_read_or_refused_in_one_line(data):
    value = tomllib.loads(recipe_to_toml(replace(CNN, name="mine")))
    place = value
    while True:
        key = data.draw(st.sampled_from(range(len(place)) if isinstance(place, list) else [*place]))
        if not (isinstance(place[key], dict | list) and data.draw(st.booleans())):
            break
        place = place[key]
    place[key] = data.draw(junk)
    try:
        assert isinstance(recipe_from_toml(tomlkit.dumps(value)), Recipe)
    except UsageError as error:
        assert str(error).startswith("recipe")
        assert len(str(error)) < 500


@given(st.text())
def test_whatever_text_it_is_it_is_refused(text):
    with pytest.raises(UsageError, match=r"^recipe"):
        recipe_from_toml(text)
