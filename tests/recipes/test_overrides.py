"""Single fields of a recipe, changed on the command line."""

from dataclasses import replace

import pytest

from digitnn.data.augmentation.distortion import Shift
from digitnn.errors import UsageError
from digitnn.network.layers import Conv2d, Dense, SigmoidCrossEntropy
from digitnn.recipes.averaging import Averaging
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import Sgd
from digitnn.recipes.overrides import with_fields
from digitnn.recipes.schedules import Cosine

CNN = RECIPES["cnn"]


def test_no_change_gives_the_recipe_itself() -> None:
    assert with_fields(CNN, []) == CNN


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("epochs=5", {"epochs": 5}),
        (" epochs = 5 ", {"epochs": 5}),
        ("initialisation=he", {"initialisation": "he"}),
        ('initialisation="he"', {"initialisation": "he"}),
        ("loss=SigmoidCrossEntropy", {"loss": SigmoidCrossEntropy()}),
        ('engines=["scratch"]', {"engines": ("scratch",)}),
        ('summary="as cnn = slower"', {"summary": "as cnn = slower"}),
        ("averaging.decay=0.9", {"averaging": Averaging(0.9)}),
        ("standardise.std=1", {"standardise": replace(CNN.standardise, std=1.0)}),
        ('optimiser={optimiser="Sgd", learning_rate=0.1}', {"optimiser": Sgd(0.1)}),
    ],
)
def test_one_field_is_changed_and_all_others_stay(text: str, fields: dict[str, object]) -> None:
    assert with_fields(CNN, [text]) == replace(CNN, **fields)


def test_nested_fields_and_layers_are_changed() -> None:
    found = with_fields(
        CNN,
        [
            "optimiser.learning_rate=0.01",
            "optimiser.schedule=Cosine",
            "layers.0.channels=8",
            'layers.7={layer="Dense", units=20}',
        ],
    )
    assert found.optimiser == replace(CNN.optimiser, learning_rate=0.01, schedule=Cosine())
    assert found.layers == (Conv2d(8, 5), *CNN.layers[1:7], Dense(20), *CNN.layers[8:])


def test_none_takes_an_optional_part_away() -> None:
    tiny = RECIPES["tiny"]
    assert with_fields(tiny, ["augmentation=none"]) == replace(tiny, augmentation=None)
    shifted = with_fields(CNN, ['augmentation={augmentation="Shift", pixels=2}'])
    assert shifted.augmentation == Shift(2)


def test_changes_that_are_valid_only_together_are_given_together() -> None:
    with pytest.raises(UsageError, match="takes effect in full-batch training only"):
        with_fields(CNN, ["l2=0.5"])
    found = with_fields(RECIPES["mlp"], ["l2=0.5", "optimiser=LBfgs"])
    assert (found.l2, found.is_full_batch) == (0.5, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs", r"^--set 'epochs': expected FIELD=VALUE, such as epochs=5"),
        ("=5", "expected FIELD=VALUE"),
        ("optimiser.=5", "expected FIELD=VALUE"),
        ("epoch=5", r"^--set epoch=5: a recipe has no field 'epoch'; known: name, .*'epochs'\?$"),
        (
            "optimiser.learning_rat=1",
            r"optimiser has no field 'learning_rat'; known: .*; did you mean 'learning_rate'\?$",
        ),
        ("epochs.more=1", r"epochs is 2, which has no field 'more'"),
        ("layers.99.channels=8", r"layers has 10 items, numbered from 0 to 9, got 99"),
        ("layers.first=Relu", r"layers has 10 items, numbered from 0 to 9, got 'first'"),
        ("layers.-1=Relu", r"layers has 10 items, .* got '-1'"),
        ("layers.0.units=3", r"layers.0 has no field 'units'; known: layer, channels, kernel"),
        ("epochs=5.5", r"^--set epochs=5.5: Recipe: epochs must be a whole number.*got 5.5$"),
        ("epochs=many", r"epochs must be a whole number.*got 'many'$"),
        ("epochs=none", r"epochs must be a whole number.*got None$"),
        ("epochs=0", r"epochs must be a whole number of at least 1, got 0"),
        ("epochs=[5", r"'\[5' is no value of TOML, such as 5"),
        ("epochs=", r"'' is no value of TOML"),
        ("epochs=5\nname='x'", r"no value of TOML"),
        ("optimiser=Adm", r"unknown optimiser 'Adm'; known: .*; did you mean 'Adam'\?"),
        ("layers.0.kernel=50", r"^--set layers.0.kernel=50: layer 0: .*larger than its input"),
        ("layers.7.units=100000000", r"parameters; at most 100,000,000 are taken"),
        ('name="a/b"', r"name must be 1 to 64 letters"),
        ("loss.label_smoothing=2", r"label_smoothing must be .* below 1, got 2"),
    ],
)
def test_a_wrong_change_is_named_in_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        with_fields(CNN, [text])
    assert "\n" not in str(caught.value)


def test_a_field_is_set_once() -> None:
    with pytest.raises(UsageError, match="--set epochs=6: epochs is set twice"):
        with_fields(CNN, ["epochs=5", "epochs=6"])
    with pytest.raises(UsageError, match=r"optimiser\.schedule\.warm_up"):
        with_fields(CNN, ["optimiser.schedule.warm_up=0.1", "optimiser.schedule.warm_up=0.2"])


def test_of_several_changes_the_wrong_one_is_named() -> None:
    with pytest.raises(UsageError, match=r"^--set batch_size=x: "):
        with_fields(CNN, ["epochs=5", "batch_size=x"])
