"""A worker: a process that computes what it is asked through a pipe, and the messages of the pipe.

Messages are a JSON header and bytes, never pickles. Bodies are sent as they are, without a copy.
"""

import gc
import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from digitnn.machine.resources import use_resources
from digitnn.serving.models import Source
from digitnn.serving.tasks import Request, Tasks


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker loads. See `Tasks`."""

    sources: tuple[Source, ...]
    max_images: int
    megapixels: float


def send(pipe: Connection, header: Any, bodies: Sequence[bytes | memoryview]) -> None:
    """Send a header and bodies. Raises `OSError` if the other side has gone."""
    pipe.send_bytes(json.dumps([header, len(bodies)]).encode())
    for body in bodies:
        pipe.send_bytes(body)


def receive(pipe: Connection) -> tuple[Any, list[bytes]]:
    """Wait for a header and bodies. Raises `OSError` or `EOFError` if the other side has gone."""
    header, n = json.loads(pipe.recv_bytes())
    return header, [pipe.recv_bytes() for _ in range(n)]


def work(pipe: Connection, settings: WorkerSettings) -> None:
    """Answer requests until the pipe is closed. Runs in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the server decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    use_resources(threads=1)
    tasks = Tasks(settings.sources, settings.max_images, settings.megapixels)
    gc.freeze()  # a full collection would write to all objects, and so copy the pages they share
    pipe.send_bytes(b"ready")
    while True:
        try:
            (kind, options), bodies = receive(pipe)
        except (EOFError, OSError):
            return
        requests = [Request(*pair) for pair in zip(options, bodies, strict=True)]
        replies = tasks.run(kind, requests)
        header = [[reply.status, reply.media_type] for reply in replies]
        send(pipe, header, [reply.body for reply in replies])
