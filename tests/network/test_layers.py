"""Layer descriptions: the shapes that they make, and JSON both ways."""

import json

import numpy as np
import pytest
import torch

from digitnn.engines.pytorch.modules import MODULES
from digitnn.errors import NetworkError, ShapeError
from digitnn.network.codec import from_json, to_json
from digitnn.network.layers import (
    LAYER_KINDS,
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Dropout,
    Flatten,
    MaxPool2d,
    Relu,
    Sigmoid,
    Tanh,
)

# A layer, the shape that it takes, the shape that it makes.
CASES = [
    (Dense(3), (5,), (3,)),
    (Conv2d(4, 5), (1, 28, 28), (4, 24, 24)),
    (Conv2d(2, 3, stride=2), (3, 8, 9), (2, 3, 4)),
    (Conv2d(2, 3, padding=1), (3, 8, 9), (2, 8, 9)),
    (Conv2d(2, 4, stride=3, padding=2), (1, 2, 9), (2, 1, 4)),
    (MaxPool2d(2), (3, 8, 9), (3, 4, 4)),
    (MaxPool2d(9), (1, 9, 10), (1, 1, 1)),
    (AveragePool2d(3), (2, 8, 9), (2, 2, 3)),
    (Crop(2), (3, 8, 9), (3, 4, 5)),
    (BatchNorm(0.3, 1e-3), (3, 8, 9), (3, 8, 9)),
    (BatchNorm(), (5,), (5,)),
    (Dropout(0.25), (3, 8, 9), (3, 8, 9)),
    (Dropout(0), (5,), (5,)),
    (Flatten(), (3, 8, 9), (216,)),
    (Flatten(), (5,), (5,)),
    (Sigmoid(), (3, 8, 9), (3, 8, 9)),
    (Tanh(), (5,), (5,)),
    (Relu(), (3, 8, 9), (3, 8, 9)),
]

every_case = pytest.mark.parametrize(("layer", "shape", "made"), CASES, ids=str)


def test_every_layer_is_in_the_table():
    assert {type(layer) for layer, _, _ in CASES} == set(LAYER_KINDS.values())


@every_case
def test_a_layer_makes_the_shape_told_which_is_pytorchs(layer, shape, made):
    assert layer.output_shape(shape) == made
    module = MODULES[type(layer)](layer, shape).eval()
    assert tuple(module(torch.zeros(2, *shape)).shape[1:]) == made


@every_case
def test_parameters_are_named_and_shaped_as_pytorch_does(layer, shape, made):
    state = MODULES[type(layer)](layer, shape).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    shapes.pop("num_batches_tracked", None)
    found = layer.parameter_shapes(shape) | layer.buffer_shapes(shape)
    assert list(found.items()) == list(shapes.items())


def test_what_batch_norm_learns_is_apart_from_what_it_keeps():
    module = MODULES[BatchNorm](BatchNorm(), (3, 8, 9))
    learned = {name: tuple(p.shape) for name, p in module.named_parameters()}
    assert BatchNorm().parameter_shapes((3, 8, 9)) == learned == {"weight": (3,), "bias": (3,)}
    assert list(BatchNorm().buffer_shapes((3, 8, 9))) == ["running_mean", "running_var"]


@every_case
def test_a_layer_comes_back_from_json(layer, shape, made):
    assert from_json(json.loads(json.dumps(to_json(layer, "layer"))), "layer", LAYER_KINDS) == layer


def test_json_names_the_layer_and_every_number():
    assert to_json(Conv2d(32, 5), "layer") == {
        "layer": "Conv2d",
        "channels": 32,
        "kernel": 5,
        "stride": 1,
        "padding": 0,
    }


def test_a_layer_without_numbers_may_be_its_name_alone():
    assert from_json("Relu", "layer", LAYER_KINDS) == Relu()


def test_json_may_leave_out_what_has_a_default():
    value = {"layer": "Conv2d", "channels": 32, "kernel": 5}
    assert from_json(value, "layer", LAYER_KINDS) == Conv2d(32, 5)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"layer": "Dens", "units": 3}, "unknown layer 'Dens'; known: Dense, Conv2d"),
        ({"layer": "Dense"}, "Dense needs units$"),
        ({"layer": "Conv2d", "channels": 3}, "Conv2d needs kernel$"),
        ({"layer": "Conv2d", "stride": 3}, "Conv2d needs channels, kernel$"),
        ({"layer": "Dense", "units": 3, "bias": True}, "Dense takes units, got 'bias'"),
        ({"layer": "Relu", "units": 3}, "Relu takes nothing, got 'units'"),
        ("Dense", "Dense needs units$"),
        ("Dens", "unknown layer 'Dens'.* did you mean 'Dense'"),
        ({"layer": ["Dense"]}, "a layer is an object such as"),
        ({"units": 3}, "a layer is an object such as"),
        (["Dense"], r"a layer is an object such as .* got \['Dense'\]"),
        (None, "a layer is an object such as .* got None"),
        ({"layer": "Dense", "units": "10"}, "Dense: units must be a whole number"),
    ],
)
def test_json_that_describes_no_layer_is_refused_by_name(value, message):
    with pytest.raises(NetworkError, match=message):
        from_json(value, "layer", LAYER_KINDS)


def test_a_huge_value_is_not_quoted_in_full():
    with pytest.raises(NetworkError) as caught:
        from_json(["x"] * 10_000, "layer", LAYER_KINDS)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("units", [0, -1, 2.0, True, "3", None, np.int64(3)])
def test_units_other_than_whole_numbers_of_at_least_1_are_refused(units):
    with pytest.raises(NetworkError, match=r"Dense: units must be a whole number of at least 1"):
        Dense(units)


@pytest.mark.parametrize("p", [-0.1, 1, 1.5, float("nan"), True, "0.5", None])
def test_a_share_to_drop_outside_0_to_1_is_refused(p):
    with pytest.raises(
        NetworkError, match=r"Dropout: p must be a finite number of at least 0 and below 1, got "
    ):
        Dropout(p)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("momentum", value) for value in (0, 1.1, True, None)),
        *(("epsilon", value) for value in (0.0, -1e-5, float("inf"), "1e-5")),
    ],
)
def test_every_number_of_batch_norm_is_checked(field, value):
    with pytest.raises(NetworkError, match=f"BatchNorm: {field} must be .*above 0.*, got "):
        BatchNorm(**{field: value})


@pytest.mark.parametrize("field", ["channels", "kernel", "stride", "padding"])
def test_every_number_of_a_convolution_is_checked(field):
    least = 0 if field == "padding" else 1
    with pytest.raises(NetworkError, match=f"Conv2d: {field} must be .* at least {least}, got -1"):
        Conv2d(**{"channels": 1, "kernel": 1, field: -1})


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            Dense(3),
            (1, 28, 28),
            r"Dense\(units=3\) takes a vector .* Flatten\(\) .* got \(1, 28, 28\)",
        ),
        (Conv2d(2, 3), (5,), r"Conv2d.* takes planes \(c, h, w\), got \(5,\)"),
        (MaxPool2d(2), (5, 5), r"MaxPool2d\(size=2\) takes planes"),
        (Crop(4), (1, 9, 8), r"Crop\(margin=4\) leaves nothing of 9 x 8 pixels"),
        (Crop(1), (5, 5), r"Crop\(margin=1\) takes planes"),
        (AveragePool2d(2), (5, 5), r"AveragePool2d\(size=2\) takes planes"),
        (AveragePool2d(3), (1, 2, 9), r"AveragePool2d.* is larger than its input of 2 x 9 pixels"),
        (BatchNorm(), (8, 9), r"BatchNorm.* takes a vector \(d,\) or planes .* got \(8, 9\)"),
        (Conv2d(2, 5), (1, 4, 9), "Conv2d.* is larger than its input of 4 x 9 pixels"),
        (MaxPool2d(10), (1, 9, 10), "MaxPool2d.* is larger than its input of 9 x 10 pixels"),
    ],
)
def test_an_input_that_does_not_fit_is_refused_naming_the_layer(layer, shape, message):
    with pytest.raises(ShapeError, match=message):
        layer.output_shape(shape)
