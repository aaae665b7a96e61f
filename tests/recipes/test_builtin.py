"""The named experiments, and what makes a recipe one that can be trained."""

import json
from dataclasses import fields, replace

import pytest
import torch
from torch import nn

from digitnn.data.augmentation.distortion import Distortion
from digitnn.errors import UsageError
from digitnn.network.layers import BatchNorm, Conv2d, Dense, Dropout, Flatten, Relu, Sigmoid
from digitnn.recipes.averaging import Averaging
from digitnn.recipes.builtin import RECIPES, find_recipe
from digitnn.recipes.optimisers import Adam, ConjugateGradient
from digitnn.recipes.recipe import Recipe


def head(width):
    return nn.Flatten(), nn.Linear(width, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 10)


def two_convolutions() -> nn.Sequential:
    """Two convolutions, each pooled."""
    return nn.Sequential(
        nn.ZeroPad2d(-2),
        *(nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU()),
        *head(32 * 16),
    )


def quick():
    return nn.Sequential(
        nn.ZeroPad2d(-2),
        *(nn.Conv2d(1, 16, 5, stride=2), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU()),
        *head(32 * 16),
    )


def five_convolutions():
    return nn.Sequential(
        *(nn.Conv2d(1, 24, 5), nn.MaxPool2d(2), nn.BatchNorm2d(24), nn.ReLU()),
        *(nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU()),
        *(nn.Conv2d(48, 64, 3), nn.MaxPool2d(2), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.Conv2d(64, 96, 3, padding=1), nn.BatchNorm2d(96), nn.ReLU()),
        *(nn.Conv2d(96, 128, 3), nn.BatchNorm2d(128), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(128 * 9, 10)),
    )


def four_small_convolutions():
    return nn.Sequential(
        nn.ZeroPad2d(-2),
        *(nn.Conv2d(1, 16, 5, stride=2), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 48, 3), nn.BatchNorm2d(48), nn.ReLU()),
        *(nn.Conv2d(48, 64, 3), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(64, 10)),
    )


WRITTEN_IN_PYTORCH = {
    "tiny": four_small_convolutions(),
    "classic": nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.Sigmoid(), nn.Linear(100, 10)),
    "mlp": nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)),
    "cnn": nn.Sequential(
        nn.Conv2d(1, 32, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1024, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    ),
    "cnn-98.7": quick(),
    "cnn-fast": quick(),
    "cnn-99.3": two_convolutions(),
    "cnn-99.5": nn.Sequential(
        nn.ZeroPad2d(-2),
        *(nn.Conv2d(1, 16, 5), nn.MaxPool2d(2), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 48, 3), nn.MaxPool2d(2), nn.BatchNorm2d(48), nn.ReLU()),
        *head(48 * 16),
    ),
    "cnn-best": nn.Sequential(
        nn.ZeroPad2d(-2),
        *(nn.Conv2d(1, 24, 5), nn.MaxPool2d(2), nn.BatchNorm2d(24), nn.ReLU()),
        *(nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU()),
        *(nn.Conv2d(48, 64, 3), nn.MaxPool2d(2), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.Conv2d(64, 96, 3, padding=1), nn.BatchNorm2d(96), nn.ReLU()),
        *(nn.Conv2d(96, 128, 3), nn.BatchNorm2d(128), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(128 * 4, 10)),
    ),
    "cnn-robust": five_convolutions(),
    "reader": nn.Sequential(
        *(nn.Conv2d(1, 32, 5), nn.MaxPool2d(2), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.Conv2d(64, 80, 3), nn.MaxPool2d(2), nn.BatchNorm2d(80), nn.ReLU()),
        *(nn.Conv2d(80, 128, 3, padding=1), nn.BatchNorm2d(128), nn.ReLU()),
        *(nn.Conv2d(128, 144, 3, padding=1), nn.BatchNorm2d(144), nn.ReLU()),
        *(nn.Conv2d(144, 144, 3), nn.BatchNorm2d(144), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(0.3), nn.Linear(144 * 9, 10)),
    ),
    "pytorch-example": nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    ),
}

CLASSIC, CNN = RECIPES["classic"], RECIPES["cnn"]

every_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES.keys())


@every_recipe
def test_parameters_are_those_of_the_same_network_written_in_pytorch(recipe):
    module, network = WRITTEN_IN_PYTORCH[recipe.name], recipe.network()
    learned = [(name, tuple(p.shape)) for name, p in module.named_parameters()]
    assert list(network.parameter_shapes().items()) == learned
    kept = [(name, tuple(b.shape)) for name, b in module.named_buffers() if "num_b" not in name]
    assert list(network.buffer_shapes().items()) == kept
    assert tuple(module.eval()(torch.zeros(2, 1, 28, 28)).shape) == (2, 10)


def test_classic_and_cnn_have_as_many_parameters_as_counted_by_hand():
    assert CLASSIC.network().parameter_count() == 785 * 100 + 101 * 10
    assert CNN.network().parameter_count() == (26 * 32 + (25 * 32 + 1) * 64 + 1025 * 128 + 129 * 10)


def test_the_rate_of_pytorchs_example_falls_by_three_tenths_each_epoch():
    recipe = RECIPES["pytorch-example"]
    assert recipe.epochs == 14
    rates = [recipe.optimiser.schedule((step + 0.5) / (14 * 20)) for step in range(14 * 20)]
    assert rates == [0.7 ** (step // 20) for step in range(14 * 20)]


@every_recipe
def test_json_holds_every_field_as_plain_values(recipe):
    value = recipe.to_json()
    assert json.loads(json.dumps(value, allow_nan=False)) == value
    assert list(value) == [field.name for field in fields(recipe)]


@every_recipe
def test_a_recipe_comes_back_from_json(recipe):
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


def test_json_tells_the_optimiser_with_its_schedule():
    assert CLASSIC.to_json()["optimiser"] == {"optimiser": "ConjugateGradient"}
    optimiser = replace(CNN, optimiser=Adam(learning_rate=0.5)).to_json()["optimiser"]
    assert optimiser == {
        "optimiser": "Adam",
        "learning_rate": 0.5,
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "schedule": {"schedule": "Constant"},
    }


def test_json_tells_augmentation_and_averaging_or_null():
    assert CLASSIC.to_json()["augmentation"] is CLASSIC.to_json()["averaging"] is None
    recipe = replace(CNN, augmentation=Distortion(shift=2), averaging=Averaging(0.99))
    value = recipe.to_json()
    assert value["augmentation"]["shift"] == 2
    assert value["averaging"] == {"decay": 0.99, "every": 1}
    assert Recipe.from_json(value) == recipe


@every_recipe
def test_a_recipe_is_found_by_its_name_and_trains_on_its_first_engine(recipe):
    assert find_recipe(recipe.name) is recipe
    assert recipe.engine(None) == recipe.engines[0]
    for engine in recipe.engines:
        assert recipe.engine(engine) == engine


def test_an_unknown_recipe_is_refused_with_the_nearest_name():
    with pytest.raises(
        UsageError, match=r"unknown recipe 'clasic'; known: classic, cnn, .* 'classic'\?"
    ):
        find_recipe("clasic")
    with pytest.raises(
        UsageError, match=r"unknown recipe 'xyz'; known: classic, cnn, .*, pytorch-example$"
    ):
        find_recipe("xyz")


def test_an_engine_that_cannot_train_the_recipe_is_refused():
    only = replace(CNN, engines=("pytorch",))
    with pytest.raises(UsageError, match="recipe cnn trains on engine pytorch, not 'jax'"):
        only.engine("jax")


def test_epochs_can_be_changed_and_nothing_else_changes():
    assert CNN.with_epochs(None) is CNN
    assert CNN.with_epochs(7) == replace(CNN, epochs=7)
    assert CNN.with_epochs(7).epochs == 7


@pytest.mark.parametrize("field", ["epochs", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True])
def test_epochs_and_batch_size_are_whole_numbers_of_at_least_1(field, value):
    with pytest.raises(UsageError, match=f"{field} must be a whole number of at least 1"):
        replace(CNN, **{field: value})


@pytest.mark.parametrize("name", ["", "../up", "a b", ".hidden", "a" * 65, "a\n", "größer"])
def test_a_name_that_could_not_name_a_folder_is_refused(name):
    with pytest.raises(UsageError, match="name must be 1 to 64 letters"):
        replace(CNN, name=name)


@pytest.mark.parametrize("summary", ["two\nlines", "\x1b[31mred"])
def test_a_summary_that_is_no_line_of_text_is_refused(summary):
    with pytest.raises(UsageError, match="summary must be one line of text"):
        replace(CNN, summary=summary)


@pytest.mark.parametrize("engines", [(), ("jax",), ("pytorch", "jax")])
def test_engines_are_some_of_those_that_there_are(engines):
    with pytest.raises(UsageError, match="engines must be one or more of scratch, pytorch"):
        replace(CNN, engines=engines)


def test_an_engine_named_twice_is_refused():
    with pytest.raises(UsageError, match="engines must differ"):
        replace(CNN, engines=("scratch", "scratch"))


@pytest.mark.parametrize("field", ["l2", "least_std"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf")])
def test_l2_and_least_std_are_finite_and_not_negative(field, value):
    with pytest.raises(UsageError, match=f"{field} must be a finite number of at least 0"):
        replace(CLASSIC, **{field: value})


@pytest.mark.parametrize("field", ["l2", "least_std"])
def test_what_mini_batches_would_ignore_is_refused(field):
    with pytest.raises(UsageError, match=f"{field} takes effect in full-batch training only"):
        replace(CNN, **{field: 1.0})


@pytest.mark.parametrize(
    ("field", "value"), [("augmentation", Distortion()), ("averaging", Averaging(0.9))]
)
def test_what_a_full_batch_would_ignore_is_refused(field, value):
    with pytest.raises(
        UsageError, match=f"recipe classic: {field} takes effect with mini-batches only"
    ):
        replace(CLASSIC, **{field: value})


@pytest.mark.parametrize(
    "layers",
    [(Flatten(), Relu(), Dense(10)), (Conv2d(2, 5), Flatten(), Dense(10))],
    ids=["relu first", "convolution"],
)
def test_conjugate_gradient_takes_only_networks_that_begin_with_flatten_dense(layers):
    with pytest.raises(UsageError, match="takes a network that begins with Flatten, Dense"):
        Recipe("mine", "", layers, ("scratch",), ConjugateGradient(), epochs=1)


@pytest.mark.parametrize("layer", [BatchNorm(), Dropout(0.2)], ids=str)
def test_full_batch_training_refuses_layers_that_change_with_the_batch(layer):
    layers = (Flatten(), Dense(12), layer, Sigmoid(), Dense(10))
    with pytest.raises(UsageError, match=r"recipe classic: .*parameters only, but (Ba|Dr)"):
        replace(CLASSIC, layers=layers)
    assert replace(CLASSIC, layers=layers, optimiser=Adam(0.01), l2=0.0, least_std=0.0)


def test_full_batch_is_what_conjugate_gradient_is():
    assert CLASSIC.is_full_batch
    assert not CNN.is_full_batch
