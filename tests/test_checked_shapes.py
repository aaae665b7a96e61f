"""The checks of annotated shapes that the tests switch on also hold in nested functions."""

import checked
import numpy as np
import pytest
from jaxtyping import Float32, Int64, TypeCheckError, jaxtyped
from numpy import ndarray


def scaled_by(factor: float, dtype: type = Float32):
    @jaxtyped(typechecker=checked.check)
    def scale(x: dtype[ndarray, "n d"], times: float = 1) -> Float32[ndarray, "d n"]:
        return factor * times * x.T

    return scale


def test_every_nested_function_is_checked_and_computes_its_own():
    square = np.ones((2, 2), np.float32)
    for factor in (2, 3, 4):
        scale = scaled_by(factor)
        assert scale(square)[0, 0] == factor
        with pytest.raises(TypeCheckError):
            scale(np.ones(2, np.float32))
        with pytest.raises(TypeCheckError):
            scale(square, "twice")


def test_a_nested_function_that_returns_the_wrong_shape_is_told_each_time():
    @jaxtyped(typechecker=checked.check)
    def same(x: Float32[ndarray, "n d"]) -> Float32[ndarray, "n d"]:
        return x.T

    for _ in range(2):
        with pytest.raises(TypeCheckError, match="return value"):
            same(np.ones((2, 3), np.float32))


def test_nested_functions_share_a_check_only_where_their_annotations_are_equal(monkeypatch):
    compiled = []
    compile_check = checked._compile
    monkeypatch.setattr(checked, "_of_nested", {})
    monkeypatch.setattr(
        checked, "_compile", lambda function: compiled.append(1) or compile_check(function)
    )
    for factor in range(5):
        scaled_by(factor)
    assert len(compiled) == 2  # the parameters, and the parameters with the result
    whole = scaled_by(2, Int64)
    assert len(compiled) == 4
    with pytest.raises(TypeCheckError, match="parameters"):
        whole(np.ones((2, 2), np.float32))
