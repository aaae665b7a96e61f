"""A `digitnn serve` of its own process for the tests, and a client that asks it.

Nothing here expects an answer within a time that a busy machine may miss.
"""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OCTETS = {"Content-Type": "application/octet-stream"}
JSON = {"Content-Type": "application/json"}
PNG = {"Content-Type": "image/png"}
PATIENCE_SECONDS = 120

KNOWN_LINES = re.compile(
    r"digitnn serves http://\S+ \(Ctrl-C stops it\)|[A-Z]+ (other|/[\w/{}.]*): [45]\d\d"
    r"|Invalid HTTP request received\."
)
"""What the log may hold: where the server listens, and a line for a request that failed."""


@dataclass(frozen=True)
class Answer:
    """The status, headers and body of a response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A server that runs; its working folder and its log."""

    process: subprocess.Popen[bytes]
    folder: Path
    host: str
    port: int

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | str | Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request over a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.ask("GET", path, headers=headers)

    def post(
        self, path: str, body: bytes | str, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return self.ask("POST", path, body, headers)

    def connect(self) -> socket.socket:
        """A bare connection, for clients that do not speak HTTP well."""
        return socket.create_connection((self.host, self.port), timeout=PATIENCE_SECONDS)

    def metric(self, name: str) -> float:
        """The value of a metric; name: as it is printed, with its labels."""
        for line in self.get("/metrics").body.decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def stop(self) -> int:
        """Send SIGTERM, wait, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)


@contextmanager
def serving(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run `digitnn serve` in `folder` until the block ends; without MNIST, unless `env` has it."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {k: v for k, v in os.environ.items() if k not in ("DIGITNN_DATA_DIR", "COLUMNS")}
    own |= {"DIGITNN_CACHE_DIR": str(folder / "cache"), "PYTHONUNBUFFERED": "1", **(env or {})}
    command = [sys.executable, "-m", "digitnn", "serve", "--port", "0", *options]
    log = folder / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, cwd=folder, env=own, stderr=stderr)
    try:
        found: list[re.Match[str] | None] = []

        def has_begun() -> bool:
            found[:] = [re.search(r"serves http://(\S+):(\d+)", log.read_text())]
            assert process.poll() is None, log.read_text()
            return found[0] is not None

        wait_until(has_begun)
        assert found[0] is not None
        yield Server(process, folder, found[0][1], int(found[0][2]))
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until(happens: Callable[[], bool]) -> None:
    """Return once `happens()` is true; fail if it is not for a long time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not happens():
        assert time.monotonic() < deadline, "this has not happened"
        time.sleep(0.02)


def assert_error(answer: Answer, status: int, *words: str) -> str:
    """An error of the API with this status, of one line with these words; returns its code."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert found.keys() == {"error"}
    assert found["error"].keys() == {"code", "message"}
    code, message = found["error"]["code"], found["error"]["message"]
    assert re.fullmatch(r"[a-z_]+", code)
    assert message
    assert len(message.splitlines()) == 1
    assert "Traceback" not in message
    for word in words:
        assert word in message
    if status == 503:
        assert int(answer.headers["retry-after"]) >= 1
    return str(code)


def form(
    files: Sequence[tuple[str, bytes]], boundary: str = "digit"
) -> tuple[bytes, dict[str, str]]:
    """The body and the headers of a multipart form with these files by name."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="pictures"; filename="{name}"\r\n'
        f"Content-Type: image/png\r\n\r\n".encode()
        + data
        + b"\r\n"
        for name, data in files
    ]
    body = b"".join([*parts, f"--{boundary}--\r\n".encode()])
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def children(pid: int) -> set[int]:
    """The ids of the processes that a process has started."""
    lists = [task.joinpath("children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return {int(child) for line in lists for child in line.split()}


def workers_of(server: Server) -> set[int]:
    """The children of the process that forks the workers."""
    return {w for child in children(server.process.pid) for w in children(child)}


def gone(pid: int) -> bool:
    """Whether a process has ended; its entry may remain."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except FileNotFoundError:
        return True
