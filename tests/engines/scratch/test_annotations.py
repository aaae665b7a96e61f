"""The annotations of nested functions: checked in tests, and built at no call."""

import ast
from pathlib import Path

import jaxtyping
import numpy as np
import pytest

from digitnn.engines import scratch
from digitnn.engines.scratch.layers import dense, relu, sigmoid
from digitnn.engines.scratch.pooling import average_pool2d, max_pool2d
from digitnn.network import layers

FILES = sorted(Path(scratch.__file__).parents[1].rglob("*.py"))


def is_deferred(tree: ast.Module) -> bool:
    """Whether annotations stay text: `from __future__ import annotations`."""
    return any(
        isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body
    )


def nested_with_shapes(tree: ast.Module) -> list[str]:
    """The functions inside functions that name the shape of an array."""
    return [
        inner.name
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef)
        for inner in ast.walk(outer)
        if isinstance(inner, ast.FunctionDef) and inner is not outer
        if any("ndarray, " in ast.unparse(a.annotation) for a in inner.args.args if a.annotation)
    ]


def test_no_engine_builds_annotations_at_each_call_of_a_layer() -> None:
    """One of jaxtyping's types takes 8 microseconds, and a small layer takes ten."""
    trees = {path.name: ast.parse(path.read_text()) for path in FILES}
    found = {name: nested_with_shapes(tree) for name, tree in trees.items()}
    assert "backward" in found["layers.py"]
    assert not [name for name in found if found[name] and not is_deferred(trees[name])]


X = np.ones((2, 1, 4, 4), np.float32)


@pytest.mark.parametrize(
    ("backward", "dy"),
    [
        (sigmoid(layers.Sigmoid(), X)[1], np.ones((2, 1, 4, 1), np.float32)),
        (relu(layers.Relu(), X)[1], np.ones((2, 1, 1, 4), np.float32)),
        (max_pool2d(layers.MaxPool2d(2), X)[1], np.ones((2, 4), np.float32)),
        (average_pool2d(layers.AveragePool2d(2), X)[1], np.ones((2, 1, 2, 2), np.int64)),
    ],
)
def test_a_wrong_gradient_is_found_by_the_annotation_of_backward(backward, dy) -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="dy"):
        backward(dy)


def test_a_wrong_gradient_of_a_dense_layer_is_found_by_its_annotation() -> None:
    params = {"weight": np.ones((3, 4), np.float32), "bias": np.zeros(3, np.float32)}
    _, backward = dense(layers.Dense(3), params, np.ones((5, 4), np.float32))
    with pytest.raises(jaxtyping.TypeCheckError, match="dy"):
        backward(np.ones((5, 3, 1), np.float32), True)
