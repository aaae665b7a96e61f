"""A worker: a process that computes what it is asked through a pipe, and the messages of the pipe.

Messages are JSON headers and bytes, never pickles: the number of bytes of the header, the header,
the bodies one after another.
"""

import json
import signal
import struct
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


def pack(header: Any, bodies: Sequence[bytes]) -> bytes:
    """Return a message; the header is extended by the sizes of the bodies."""
    text = json.dumps([header, [len(body) for body in bodies]]).encode()
    return b"".join([struct.pack("<I", len(text)), text, *bodies])


def unpack(message: bytes) -> tuple[Any, list[bytes]]:
    """Return the header and the bodies of a message."""
    (size,) = struct.unpack_from("<I", message)
    header, sizes = json.loads(message[4 : 4 + size])
    bodies, start = [], 4 + size
    for length in sizes:
        bodies.append(message[start : start + length])
        start += length
    return header, bodies


def work(pipe: Connection, settings: WorkerSettings) -> None:
    """Answer requests until the pipe is closed. Runs in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the server decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    use_resources(threads=1)
    tasks = Tasks(settings.sources, settings.max_images, settings.megapixels)
    pipe.send_bytes(b"ready")
    while True:
        try:
            (kind, options), bodies = unpack(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        requests = [Request(*pair) for pair in zip(options, bodies, strict=True)]
        replies = tasks.run(kind, requests)
        header = [[reply.status, reply.media_type] for reply in replies]
        pipe.send_bytes(pack(header, [reply.body for reply in replies]))
