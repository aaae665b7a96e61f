"""The browser's tests share the fixtures of the others, and are none of the ordinary ones.

Pytest collects nothing here unless this folder is named: `make test-pages`.
"""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]


def pytest_ignore_collect(collection_path: Path, config) -> bool | None:
    """None leaves it to pytest: where somebody named this folder."""
    here = Path(__file__).parent
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path == here or here in path.parents for path in named) else True
