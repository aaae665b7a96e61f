"""A recipe written as TOML says all of it, with a comment at each field, and is read back."""

import tomllib
from dataclasses import dataclass, fields, replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitnn.network.codec import field_types, fields_from_json, fields_to_json
from digitnn.network.layers import (
    Conv2d,
    Dense,
    Flatten,
    Layer,
    Loss,
    MaxPool2d,
    Relu,
    Sigmoid,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    Tanh,
)
from digitnn.network.network import Standardise
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import (
    Adadelta,
    Adam,
    AdamW,
    ConjugateGradient,
    LBfgs,
    Muon,
    Optimiser,
    RmsProp,
    Sgd,
)
from digitnn.recipes.recipe import Recipe
from digitnn.recipes.schedules import Constant, Cosine, OneCycle, Schedule, Step
from digitnn.recipes.toml_reader import recipe_from_toml
from digitnn.recipes.toml_writer import field_comments, recipe_to_toml

every_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())

positive = st.floats(min_value=0, exclude_min=True, allow_infinity=False)
share = st.floats(0, 1, exclude_max=True)
inner_share = st.floats(0, 1, exclude_min=True, exclude_max=True)
finite = st.floats(allow_nan=False, allow_infinity=False)
schedules = st.one_of(
    st.just(Constant()),
    st.builds(OneCycle, inner_share),
    st.builds(Step, inner_share, inner_share),
    st.builds(Cosine, share),
)
mini_batch = st.one_of(
    st.builds(Sgd, positive, share, st.just(False), positive, schedules),
    st.builds(RmsProp, positive, share, positive, share, positive, schedules),
    st.builds(Adadelta, positive, share, positive, positive, schedules),
    st.builds(Adam, positive, share, share, positive, schedules),
    st.builds(AdamW, positive, share, share, positive, positive, schedules),
    st.builds(
        Muon,
        learning_rate=positive,
        momentum=share,
        iterations=st.integers(1, 99),
        other_rate=positive,
        beta2=share,
        weight_decay=positive,
        schedule=schedules,
    ),
)
unchanging: st.SearchStrategy[Layer] = st.sampled_from([Relu(), Tanh(), Sigmoid()])
planes = st.one_of(
    unchanging,
    st.builds(MaxPool2d, st.integers(1, 2)),
    st.builds(Conv2d, st.integers(1, 99), st.integers(2, 3), st.just(1), st.integers(0, 1)),
)
vectors = st.one_of(unchanging, st.builds(Dense, st.integers(1, 999)))


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Any recipe that can be trained."""
    full_batch = draw(st.booleans())
    first = () if full_batch else tuple(draw(st.lists(planes, max_size=3)))
    begin = (Flatten(), Dense(draw(st.integers(1, 99))))
    then = tuple(draw(st.lists(vectors, max_size=3)))
    return Recipe(
        name=draw(st.from_regex(r"mine[A-Za-z0-9._-]{0,9}", fullmatch=True)),
        summary="".join(filter(str.isprintable, draw(st.text()))),
        layers=(*first, *begin, *then, Dense(10)),
        engines=tuple(draw(st.permutations(["scratch", "pytorch"])))[: draw(st.integers(1, 2))],
        optimiser=draw(
            st.sampled_from([ConjugateGradient(), LBfgs()]) if full_batch else mini_batch
        ),
        epochs=draw(st.integers(1, 2**63 - 1)),
        loss=draw(st.one_of(st.just(SigmoidCrossEntropy()), st.builds(SoftmaxCrossEntropy, share))),
        batch_size=draw(st.integers(1, 2**63 - 1)),
        initialisation=draw(st.sampled_from(["he", "glorot", "pytorch"])),
        standardise=draw(st.builds(Standardise, finite, positive)),
        l2=draw(positive) if full_batch else 0.0,
        least_std=draw(positive) if full_batch else 0.0,
    )


@every_recipe
def test_a_recipe_comes_back_from_toml_equal(recipe):
    assert recipe_from_toml(recipe_to_toml(recipe)) == recipe


@given(recipes())
def test_any_recipe_comes_back_from_toml_and_from_json_equal(recipe):
    assert recipe_from_toml(recipe_to_toml(recipe)) == recipe
    assert Recipe.from_json(recipe.to_json()) == recipe


@every_recipe
def test_every_field_is_written_under_a_comment_about_it(recipe):
    text = recipe_to_toml(recipe)
    given = {field.name for field in fields(Recipe) if getattr(recipe, field.name) is not None}
    assert set(tomllib.loads(text)) == given
    for name in field_types(Recipe):
        absent = "" if name in given else " (absent)"
        assert f"# {name}{absent}: {field_comments(Recipe)[name][:20]}" in text


def test_layers_stand_one_a_line_without_what_goes_without_saying():
    lines = recipe_to_toml(RECIPES["cnn"]).splitlines()
    first = lines.index("layers = [") + 1
    assert lines[first : first + 3] == [
        '    {layer = "Conv2d", channels = 32, kernel = 5},',
        '    "Relu",',
        '    {layer = "MaxPool2d", size = 2},',
    ]
    padded = replace(RECIPES["cnn"], layers=(Conv2d(3, 5, padding=2), Flatten(), Dense(10)))
    assert 'layer = "Conv2d", channels = 3, kernel = 5, padding = 2}' in recipe_to_toml(padded)


def test_the_kinds_that_a_field_may_hold_are_told_with_their_defaults():
    text = recipe_to_toml(RECIPES["cnn"])
    assert "#   Conv2d(channels, kernel, stride = 1, padding = 0)\n" in text
    assert "#   OneCycle(warm_up = 0.25)\n" in text
    assert 'epsilon = 1e-08, schedule = "Constant")\n' in text
    assert '#   "glorot"\n' in text


@pytest.mark.parametrize("kinds", [Optimiser, Schedule, Loss])
def test_docstrings_have_a_note_for_each_field(kinds):
    for kind in (Recipe, Standardise, *get_args(kinds)):
        assert list(field_comments(kind)) == list(field_types(kind))


def test_no_line_is_wider_than_a_page():
    assert max(map(len, recipe_to_toml(RECIPES["cnn"]).splitlines())) <= 100


@dataclass(frozen=True)
class Wobble:
    """A description that no recipe has yet.

    degrees: how far
    to each side.
    """

    degrees: float
    often: bool = True
    words: tuple[str, ...] = ("a", "b")


@dataclass(frozen=True)
class LaterRecipe(Recipe):
    """A recipe with fields that none has yet.

    wobble: what may be absent.
    tremble: a number.
    """

    wobble: Wobble | None = None
    tremble: float = 0.5


@pytest.mark.parametrize("wobble", [None, Wobble(3.0), Wobble(2.5, False, ())])
def test_a_field_that_is_new_is_written_and_read_without_code_for_it(wobble):
    cnn = {field.name: getattr(RECIPES["cnn"], field.name) for field in fields(Recipe)}
    recipe = LaterRecipe(**cnn, wobble=wobble)
    text = recipe_to_toml(recipe)
    assert fields_from_json(tomllib.loads(text), LaterRecipe) == recipe
    assert fields_from_json(fields_to_json(recipe), LaterRecipe) == recipe
    assert ("wobble" in tomllib.loads(text)) is (wobble is not None)
    assert ("# wobble (absent): what may be absent.\n" in text) is (wobble is None)
    assert '#   {degrees, often = true, words = ["a", "b"]}\n' in text
    assert "# tremble: a number.\ntremble = 0.5\n" in text


def test_a_note_may_run_over_lines_and_ends_at_an_empty_one():
    assert field_comments(Wobble) == {"degrees": "how far to each side."}
