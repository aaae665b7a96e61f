"""A server in a process of its own, and clients of it: what the benchmark of serving needs."""

import http.client
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy import ndarray
from PIL import Image

READY = re.compile(r"http://127\.0\.0\.1:(\d+)")
OCTETS = "application/octet-stream"
EXPLAIN = "/v1/explain?model=cnn&parts=stages,saliency"

CANVAS = 280
"""Side of a drawing, in pixels."""


@dataclass(frozen=True)
class Server:
    """A running server: its port and the id of its first process."""

    port: int
    pid: int

    def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = OCTETS, **headers: str
    ) -> tuple[int, bytes]:
        """Return status and body of one request on a connection of its own."""
        with Client(self.port) as client:
            return client.ask(method, path, body, kind, **headers)

    def resident_bytes(self) -> int:
        """Return the memory of the server and its descendants: private pages, shared ones once."""
        return sum(_proportional(pid) for pid in _descendants(self.pid))

    def gauge(self, name: str) -> float:
        """Return a number of /metrics."""
        text = self.ask("GET", "/metrics")[1].decode()
        return float(next(line.split()[-1] for line in text.splitlines() if line.startswith(name)))


class Client:
    """One connection that stays open."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(
        self, method: str, path: str, body: bytes = b"", kind: str = OCTETS, **headers: str
    ) -> tuple[int, bytes]:
        """Return status and body of one request."""
        self._connection.request(method, path, body, {"Content-Type": kind, **headers})
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


@contextmanager
def running(*options: str) -> Iterator[tuple[Server, float]]:
    """Run `digitnn serve` on a free port; yield it and the seconds until it was ready."""
    command = [sys.executable, "-m", "digitnn", "serve", "--port", "0", *options]
    begin = perf_counter()
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := READY.search(line):
                break
        else:
            raise RuntimeError("the server ended before it was ready")
        server = Server(int(found[1]), process.pid)
        status, _ = server.ask("GET", "/v2/health/ready")
        assert status == 200, status
        seconds = perf_counter() - begin
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield server, seconds
    finally:
        process.terminate()
        process.wait(30)


def in_parallel(works: Sequence[Callable[[], None]]) -> float:
    """Run works in threads; return the seconds until all have ended. Raises what one raised."""
    failures: list[BaseException] = []

    def attempt(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=attempt, args=(work,)) for work in works]
    begin = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return perf_counter() - begin


def drawing(image: ndarray) -> bytes:
    """Return a digit as the page draws it: black on white, a PNG."""
    large = Image.fromarray(255 - image).resize((CANVAS, CANVAS), Image.Resampling.BICUBIC)
    file = BytesIO()
    large.save(file, "PNG", compress_level=1)
    return file.getvalue()


def logits_in(answer: bytes) -> Any:
    """Return the logits of an answer in bytes."""
    return np.frombuffer(answer, "<f4").reshape(-1, 10)


def _descendants(pid: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def _proportional(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    # without pages of files, which other processes come to share or cease to
    return 1024 * int(next(row.split()[1] for row in text.splitlines() if row[:9] == "Pss_Anon:"))
