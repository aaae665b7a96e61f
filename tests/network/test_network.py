"""Networks as data: checked as a whole, JSON both ways, parameters by name."""

import copy
import json
import re
from dataclasses import replace
from math import prod

import jaxtyping
import numpy as np
import pytest

from digitnn.errors import NetworkError, ShapeError
from digitnn.network.layers import BatchNorm, Conv2d, Dense, Dropout, Flatten, MaxPool2d, Relu
from digitnn.network.network import Network, Standardise

NETWORK = Network(
    (Conv2d(2, 5), Relu(), MaxPool2d(4), Flatten(), Dense(10)),
    Standardise(mean=30.5, std=80),
    temperature=1.5,
)
NORMALISED = Network((Conv2d(2, 5), BatchNorm(0.2), Dropout(0.3), Flatten(), Dense(10)))
SHAPES = {"0.weight": (2, 1, 5, 5), "0.bias": (2,), "4.weight": (10, 72), "4.bias": (10,)}


def zeros():
    return {name: np.zeros(shape, np.float32) for name, shape in SHAPES.items()}


def test_shapes_are_followed_from_the_image_to_the_logits():
    assert NETWORK.shapes() == [
        (1, 28, 28),
        (2, 24, 24),
        (2, 24, 24),
        (2, 6, 6),
        (72,),
        (10,),
    ]


def test_parameters_are_named_by_layer_in_their_order():
    assert NETWORK.parameter_shapes() == SHAPES
    assert list(NETWORK.parameter_shapes()) == list(SHAPES)
    assert NETWORK.parameter_count() == 2 * 25 + 2 + 720 + 10


def test_buffers_stand_between_the_parameters_as_pytorch_has_them_and_are_not_counted():
    assert list(NORMALISED.state_shapes().items()) == [
        ("0.weight", (2, 1, 5, 5)),
        ("0.bias", (2,)),
        ("1.weight", (2,)),
        ("1.bias", (2,)),
        ("1.running_mean", (2,)),
        ("1.running_var", (2,)),
        ("4.weight", (10, 1152)),
        ("4.bias", (10,)),
    ]
    assert NORMALISED.buffer_shapes() == {"1.running_mean": (2,), "1.running_var": (2,)}
    assert NORMALISED.parameter_shapes().keys() == (
        NORMALISED.state_shapes().keys() - NORMALISED.buffer_shapes().keys()
    )
    assert NORMALISED.parameter_count() == 50 + 2 + 4 + 11520 + 10


def test_a_missing_buffer_and_a_negative_variance_are_refused():
    params = {name: np.zeros(shape) for name, shape in NORMALISED.state_shapes().items()}
    NORMALISED.check(params)
    learned = {name: params[name] for name in NORMALISED.parameter_shapes()}
    with pytest.raises(ShapeError, match=r"missing \['1.running_mean', '1.running_var'\]"):
        NORMALISED.check(learned)
    params["1.running_mean"][1] = -1
    NORMALISED.check(params)
    params["1.running_var"][1] = -1e-9
    with pytest.raises(ShapeError, match=r"1.running_var holds a negative variance"):
        NORMALISED.check(params)


def test_a_count_beyond_64_bits_is_still_right():
    assert Network((Flatten(), Dense(2**60), Dense(10))).parameter_count() == (
        2**60 * 784 + 2**60 + 10 * 2**60 + 10
    )


def test_the_layer_that_does_not_fit_is_named_with_its_position():
    with pytest.raises(ShapeError, match=r"layer 2: Dense\(units=10\) takes a vector"):
        Network((Conv2d(2, 5), Relu(), Dense(10)))


@pytest.mark.parametrize("layers", [(), (Flatten(),), (Flatten(), Dense(9)), (Conv2d(10, 28),)])
def test_a_network_that_does_not_end_in_ten_logits_is_refused(layers):
    with pytest.raises(NetworkError, match="the last layer must give 10 logits, one per label"):
        Network(layers)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_must_be_finite_and_positive(temperature):
    with pytest.raises(NetworkError, match="temperature must be finite and above 0"):
        Network((Flatten(), Dense(10)), temperature=temperature)


@pytest.mark.parametrize(
    ("mean", "std"), [(0.0, 0.0), (0.0, -1.0), (float("nan"), 1.0), (0.0, float("inf"))]
)
def test_standardising_needs_finite_numbers_and_a_positive_std(mean, std):
    with pytest.raises(NetworkError, match="mean and std must be finite and std above 0"):
        Standardise(mean, std)


def test_inputs_have_a_channel_axis_and_are_standardised_in_single_precision(rng):
    images = rng.integers(0, 256, (3, 28, 28), np.uint8)
    x = replace(NETWORK, standardise=Standardise(mean=33.25, std=80.0)).inputs(images)
    assert x.shape == (3, 1, 28, 28)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x[:, 0], (images - 33.25) / 80, rtol=1e-6)


@pytest.mark.parametrize("network", [NETWORK, NORMALISED], ids=["pooled", "normalised"])
def test_a_network_comes_back_from_json(network):
    text = json.dumps(network.to_json(), allow_nan=False)
    assert Network.from_json(json.loads(text)) == network


def changed(*path, to):
    """NETWORK's JSON with one value replaced, or removed if `to` is `...`."""
    value = copy.deepcopy(NETWORK.to_json())
    place = value
    for key in path[:-1]:
        place = place[key]
    if to is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "a network needs 'format' of type int, got None"),
        (None, "a network needs 'format'"),
        (changed("format", to=True), "'format' of type int, got True"),
        (changed("format", to=0), "format must be at least 1, got 0"),
        (changed("format", to=2), "format is 2; this digitnn reads up to 1: install a newer"),
        (changed("layers", to=...), "a network needs 'layers' of type list, got None"),
        (changed("layers", to={}), "a network needs 'layers' of type list"),
        (changed("layers", 1, "layer", to="Gelu"), "layer 1: unknown layer 'Gelu'"),
        (changed("layers", 4, "units", to=10.5), "layer 4: Dense: units must be a whole number"),
        (changed("layers", 3, to=...), r"layer 3: Dense\(units=10\) takes a vector"),
        (changed("input", to=[3, 28, 28]), r"the input must be one plane .*, got \(3, 28, 28\)"),
        (changed("input", to=[28, 28]), r"the input must be one plane .*, got \(28, 28\)"),
        (changed("input", to=[1, 0, 28]), r"the input must be one plane .*, got \(1, 0, 28\)"),
        (changed("labels", to=list("0123456788")), "labels must differ"),
        (changed("standardise", to=1), "a network needs 'standardise' of type dict, got 1"),
        (changed("standardise", "std", to=...), "a network: std must be a finite number, got None"),
        (changed("standardise", "std", to=0), "std above 0"),
        (
            changed("standardise", "mean", to="3"),
            "a network: mean must be a finite number, got '3'",
        ),
        (changed("temperature", to=False), "temperature must be a finite number, got False"),
        (changed("temperature", to=10**400), "temperature must be a finite number"),
        (changed("temperature", to=float("nan")), "temperature must be a finite number"),
        (changed("labels", to="0123456789"), "a network needs 'labels' of type list"),
        (changed("labels", to=list(range(10))), "labels must be text"),
        (changed("labels", to=["a", "b"]), "the last layer must give 2 logits"),
    ],
)
def test_json_that_describes_no_network_is_refused_in_one_line(value, message):
    with pytest.raises(NetworkError, match=message) as caught:
        Network.from_json(value)
    assert "\n" not in str(caught.value)


def test_parameters_of_the_network_pass_in_any_float_type_and_order():
    for dtype in (np.float16, np.float32, np.float64):
        NETWORK.check({name: p.astype(dtype) for name, p in reversed(zeros().items())})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"4.bias": None}, "missing ['4.bias'], unexpected none"),
        ({"5.bias": np.zeros(3)}, "missing none, unexpected ['5.bias']"),
        ({"4.bias": np.zeros(9)}, "4.bias must be floats of shape (10,), got float64 (9,)"),
        ({"4.weight": np.zeros((72, 10))}, "4.weight must be floats of shape (10, 72)"),
        ({"4.bias": np.zeros(10, int)}, "4.bias must be floats of shape (10,), got int64 (10,)"),
        ({"4.bias": np.full(10, np.nan)}, "parameter 4.bias holds NaN or infinity"),
        ({"0.bias": np.array([0, -np.inf])}, "parameter 0.bias holds NaN or infinity"),
    ],
)
def test_parameters_of_another_network_are_refused_by_name(change, message):
    params = {name: p for name, p in (zeros() | change).items() if p is not None}
    with pytest.raises(ShapeError, match=re.escape(message)):
        NETWORK.check(params)


def test_tests_check_annotated_shapes_at_every_call():
    with pytest.raises(jaxtyping.TypeCheckError, match="Num"):
        NETWORK.standardise(np.zeros((3, 28, 28), bool))


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 20, 30), (64,)])
def test_a_network_of_another_input_and_other_labels_comes_back_from_json(shape):
    network = Network((Flatten(), Dense(3)), labels=("a", "b", "ß"), input=shape)
    assert Network.from_json(json.loads(json.dumps(network.to_json()))) == network
    assert network.parameter_shapes()["1.weight"] == (3, prod(shape))
    samples = np.ones((2, *shape[-2:]), np.uint8 if len(shape) == 3 else np.float32)
    assert network.inputs(samples).shape == (2, *shape)
