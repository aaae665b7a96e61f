"""The command line holds no long functions: the work belongs to the rooms below."""

import ast
from pathlib import Path

import pytest

import digitnn.cli

MAX_BODY_LINES = 40
CLI = Path(digitnn.cli.__file__).parent


def body_lines(function: ast.FunctionDef) -> int:
    """Return the lines from the first statement after the docstring to the last."""
    body = function.body[ast.get_docstring(function) is not None :]
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", sorted(CLI.rglob("*.py")), ids=lambda path: path.stem)
def test_no_function_of_the_command_line_is_long(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    lengths = {function.name: body_lines(function) for function in functions}
    assert {name: n for name, n in lengths.items() if n > MAX_BODY_LINES} == {}
