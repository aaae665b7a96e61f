"""Bodies of requests become images, or an error that says what is wrong."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitnn.serving.bodies import parse_images, parse_json, to_images
from digitnn.serving.inference_protocol import parse
from digitnn.serving.replies import JSON, OCTETS, ApiError

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


def test_bytes_and_lists_become_the_same_images(rng):
    images = rng.integers(0, 256, (3, 28, 28), dtype=np.uint8)
    found = parse_images(images.tobytes(), OCTETS, 3)
    np.testing.assert_array_equal(found, images)
    body = json.dumps({"images": images.tolist()}).encode()
    found = parse_images(body, JSON, 3)
    np.testing.assert_array_equal(found, images)
    assert found.dtype == np.uint8


@pytest.mark.parametrize("shape", [(2, 28, 28), (2, 784), (1568,), (2, 1, 28, 28)])
def test_nested_and_flat_numbers_become_images(shape, rng):
    images = rng.integers(0, 256, shape)
    for value in (images.tolist(), images.astype(float).tolist()):
        np.testing.assert_array_equal(to_images(value, "x"), images.reshape(2, 28, 28))


@pytest.mark.parametrize("shape", [(28, 56), (56, 28, 1), (784, 2), (1, 28, 28, 2), (783,), (1,)])
def test_other_shapes_are_told(shape):
    with pytest.raises(ApiError, match="x: expected images of 28 x 28") as caught:
        to_images(np.zeros(shape).tolist(), "x")
    assert caught.value.status == 422


def test_a_limit_on_the_number_of_images_holds_for_both_forms():
    for body, kind in ((bytes(784 * 3), OCTETS), (json.dumps({"images": [0] * 2352}), JSON)):
        assert len(parse_images(body, kind, 3)) == 3
        with pytest.raises(ApiError, match="at most 2 images") as caught:
            parse_images(body, kind, 2)
        assert caught.value.code == "too_many_images"


@pytest.mark.parametrize("depth", [60, 64, 70, 500, 950, 990, 1000, 3000, 100_000])
@pytest.mark.parametrize("kind", ["list", "object"])
def test_nesting_of_any_depth_is_an_error(depth, kind):
    begin, end = (b"[", b"]") if kind == "list" else (b'{"a":', b"}")
    nested = begin * depth + b"1" + end * depth
    with pytest.raises(ApiError):
        parse_images(b'{"images": %s}' % nested, JSON, 1)
    for key in (b"data", b"shape", b"datatype"):
        tensor = b'{"name": "images", "datatype": "UINT8", "%s": %s}' % (key, nested)
        with pytest.raises(ApiError):
            parse(b'{"inputs": [%s]}' % tensor, 1)


@pytest.mark.parametrize("body", [b"NaN", b"[Infinity]", b'{"images": -Infinity}'])
def test_numbers_that_are_not_finite_are_no_json(body):
    with pytest.raises(ApiError, match="expected finite numbers"):
        parse_json(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_images_or_an_error(body):
    for kind in (OCTETS, JSON):
        with pytest.raises(ApiError) as caught:
            parse_images(body, kind, 10)
        assert caught.value.status in (400, 422)
    with pytest.raises(ApiError):
        parse(body, 10)


@given(anything)
def test_any_value_is_images_or_an_error(value):
    try:
        images = to_images(value, "x")
    except ApiError as error:
        assert error.status == 422
        assert len(error.reply.body.splitlines()) == 1
    else:
        assert len(images) == 0


@given(
    st.fixed_dictionaries(
        {
            "inputs": anything
            | st.lists(
                st.fixed_dictionaries(
                    {"name": st.just("images"), "shape": anything, "datatype": anything}
                    | {"data": anything}
                )
            )
        },
        optional={"id": anything, "outputs": anything},
    )
)
def test_any_inference_request_is_answered_or_an_error(value):
    body = json.dumps(value).encode()
    with pytest.raises(ApiError) as caught:
        parse(body, 10)
    assert caught.value.status in (400, 422)
