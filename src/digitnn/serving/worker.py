"""A worker: a process that computes what it is asked through a pipe, and the messages of the pipe.

Messages are a JSON header and bytes, never pickles. Bodies are sent as they are, without a copy; of
those in shared memory only the place is sent.
"""

import gc
import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeAlias

from digitnn.machine.resources import use_resources
from digitnn.serving.models import Source
from digitnn.serving.shared_bodies import SharedBody
from digitnn.serving.tasks import Request, Tasks

Body: TypeAlias = bytes | memoryview | SharedBody


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker loads. See `Tasks`."""

    sources: tuple[Source, ...]
    max_images: int
    megapixels: float


def send(pipe: Connection, header: Any, bodies: Sequence[Body]) -> None:
    """Send a header and bodies. Raises `OSError` if the other side has gone."""
    places = [[b.start, len(b)] if isinstance(b, SharedBody) else None for b in bodies]
    pipe.send_bytes(json.dumps([header, places]).encode())
    for body in bodies:
        if not isinstance(body, SharedBody):
            pipe.send_bytes(body)


def receive(
    pipe: Connection, shared: memoryview | None = None
) -> tuple[Any, list[bytes | memoryview]]:
    """Wait for a header and bodies, some of which may lie in shared memory.

    Raises `OSError` or `EOFError` if the other side has gone.
    """
    header, places = json.loads(pipe.recv_bytes())
    bodies: list[bytes | memoryview] = []
    for place in places:
        if place is None:
            bodies.append(pipe.recv_bytes())
        else:
            assert shared is not None
            bodies.append(shared[place[0] : sum(place)])
    return header, bodies


def work(pipe: Connection, settings: WorkerSettings, shared: memoryview | None) -> None:
    """Answer requests until the pipe is closed. Runs in a process of its own.

    shared: what the server passed as `SharedBodies`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the server decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    use_resources(threads=1)
    tasks = Tasks(settings.sources, settings.max_images, settings.megapixels)
    gc.freeze()  # a full collection would write to all objects, and so copy the pages they share
    pipe.send_bytes(b"ready")
    while True:
        try:
            (kind, options), bodies = receive(pipe, shared)
        except (EOFError, OSError):
            return
        requests = [Request(*pair) for pair in zip(options, bodies, strict=True)]
        replies = tasks.run(kind, requests)
        header = [[reply.status, reply.media_type] for reply in replies]
        send(pipe, header, [reply.body for reply in replies])
