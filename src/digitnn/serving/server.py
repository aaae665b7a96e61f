"""Run the server: its socket, and how it stops.

On SIGTERM and Ctrl-C it takes no new work, finishes what is in flight within `drain_seconds`, and
ends.
"""

import asyncio
import errno
import logging
import signal
import socket
import sys
from types import FrameType

import uvicorn

from digitnn.errors import UsageError
from digitnn.serving.connections import connection_protocol
from digitnn.serving.processes import Context
from digitnn.serving.service import Service
from digitnn.serving.settings import Settings
from digitnn.wording import Notify

BACKLOG = 512
MAX_PORTS_TRIED = 20


def serve(settings: Settings, listener: socket.socket, context: Context, notify: Notify) -> None:
    """Serve until a signal ends it. listener: from `listen`; context: from `start_context`."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(message)s")
    logging.getLogger("digitnn.serving").setLevel(logging.INFO)
    service = Service.start(settings, context)
    try:
        asyncio.run(_run(service, listener, notify))
    finally:
        service.pool.close()


async def _run(service: Service, listener: socket.socket, notify: Notify) -> None:
    from digitnn.serving.app import create_app  # 0.4 s, while the workers start

    seconds = service.settings.request_seconds
    config = uvicorn.Config(
        create_app(service), http=connection_protocol(seconds, service.pool.shared),
        ws="none", lifespan="off", log_config=None, access_log=False, server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,  # what is in flight has been awaited before, by `_drain`
    )  # fmt: skip
    server = _Server(config, service)
    telling = asyncio.create_task(_tell_when_ready(service, listener, notify))
    try:
        await server.serve(sockets=[listener])
    finally:
        telling.cancel()
        await service.close()


async def _tell_when_ready(service: Service, listener: socket.socket, notify: Notify) -> None:
    while not service.pool.is_ready:
        await asyncio.sleep(0.01)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    notify(f"digitnn serves http://{shown}:{port} (Ctrl-C stops it)")
    if not service.settings.is_loopback:
        notify(f"other machines can reach it: it listens on {host}, not on 127.0.0.1")


class _Server(uvicorn.Server):
    """uvicorn's server, which finishes what is in flight before it closes its socket."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._draining: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Start to stop at the first signal, and stop at once at the second."""
        if self._service.load.draining:
            self.should_exit = True
            self.force_exit = sig == signal.SIGINT
            return
        self._service.load.draining = True
        self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        async def drain() -> None:
            deadline = self._loop.time() + self._service.settings.drain_seconds
            while self._service.load.in_flight and self._loop.time() < deadline:
                await asyncio.sleep(0.02)
            await self._service.live.close()  # ends the streams of its events
            self.should_exit = True

        self._draining = asyncio.ensure_future(drain())


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises `UsageError` if it cannot, with a free port."""
    try:
        return _bound(host, port)
    except (OSError, UnicodeError) as error:  # UnicodeError: no host name
        hint = f": {getattr(error, 'strerror', None) or error}"
        taken = isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES)
        if taken and (free := _free_port(host, port)):
            hint += f"; choose another one, for example --port {free}"
        raise UsageError(f"cannot listen on {host} port {port}{hint}") from None


def _bound(host: str, port: int) -> socket.socket:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    # with the protocol named, asyncio turns off Nagle's algorithm: it would delay answers by 40 ms
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(BACKLOG)
    except OSError:
        found.close()
        raise
    found.setblocking(False)
    return found


def _free_port(host: str, port: int) -> int | None:
    """Return the next port that is free, if one of a few is."""
    for candidate in range(port + 1, min(port + MAX_PORTS_TRIED, 65536)):
        try:
            _bound(host, candidate).close()
        except OSError:
            continue
        return candidate
    return None
