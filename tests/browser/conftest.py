"""The browser's tests share the fixtures of the others, and are none of the ordinary ones.

Pytest collects nothing here unless this folder is named: `make test-pages`.
"""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """True but where somebody named this folder, or a file in it; None leaves it to pytest."""
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(HERE) for path in named) else True
