"""What every request passes before it is routed: host, origin, size, time, load.

The body is read here, bounded in size and time, so that nothing behind it meets a large, slow or
endless one. Every answer gets the security headers and is counted.
"""

import asyncio
import logging
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digitnn.serving.metrics import Metrics
from digitnn.serving.replies import STOPPING, ApiError, Reply
from digitnn.serving.settings import Settings
from digitnn.serving.shared_bodies import SCOPE_KEY, SharedBody

log = logging.getLogger("digitnn.serving")

SECURITY_HEADERS = {
    b"content-security-policy": b"default-src 'self'; img-src 'self' blob: data:; "
    b"object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(self), microphone=(), geolocation=()",
}

READING_METHODS = ("GET", "HEAD", "OPTIONS")

UNREAD, DISCARD_SECONDS = (403, 413, 503), 2.0
"""These errors leave a body unread. It is still taken from the wire for so long; otherwise the
connection would be reset before the client sees the answer."""


class Load:
    """How many requests compute or wait, and whether the server still takes new ones."""

    def __init__(self, most: int) -> None:
        self.most, self.in_flight, self.draining = most, 0, False

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Count a request while it is answered. Raises `ApiError` 503 if there are too many."""
        if self.draining:
            raise STOPPING
        if self.in_flight >= self.most:
            raise ApiError(503, "busy", f"{self.in_flight} requests are in work: try again later")
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp, settings: Settings, load: Load, metrics: Metrics) -> None:
        self._app, self._settings, self._load, self._metrics = app, settings, load, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, answer = perf_counter(), _Answer(send)
        try:
            await self._pass_on(scope, receive, answer)
        except ApiError as error:
            if not answer.status:
                await _reject(error, receive, answer)
        except asyncio.CancelledError:  # the server stops, and this has not become ready in time
            if not answer.status:
                await _send(STOPPING, answer, more=False)
        except Exception as error:  # a mistake of ours; the details are for us, in one line
            log.error("unexpected %s: %s", type(error).__name__, error)
            if not answer.status:
                await _reject(
                    ApiError(500, "internal", f"unexpected {type(error).__name__}"), receive, answer
                )
        finally:
            scope.pop(SCOPE_KEY, None)  # an idle connection holds its last scope, but no slot
            path = getattr(scope.get("route"), "path", "other")
            seconds = perf_counter() - started
            self._metrics.count(scope["method"], path, answer.status, seconds)
            if answer.status >= 400 and answer.status != 404:
                log.info("%s %s: %d", scope["method"], path, answer.status)

    async def _pass_on(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        headers = {name.decode("latin-1"): v.decode("latin-1") for name, v in scope["headers"]}
        self._check_source(scope, headers)
        if scope["method"] in READING_METHODS:
            await self._app(scope, receive, answer)
            return
        with self._load.admit():
            received = await self._read_body(headers, receive)
            body = scope.get(SCOPE_KEY, received)
            await _unless_gone(self._app(scope, _replay(body), answer), receive, answer)

    def _check_source(self, scope: Scope, headers: Mapping[str, str]) -> None:
        """Raise `ApiError` for a request that a page of another site has made."""
        host = headers.get("host", "")
        if not self._settings.is_own_host(_name_in(host)):
            raise ApiError(
                403, "wrong_host",
                f"this server is not called {host[:80]!r}: start it with --allow-host to permit it",
            )  # fmt: skip
        origin = headers.get("origin")
        foreign = origin is not None and origin.partition("://")[2] != host
        foreign = foreign and scope["method"] not in READING_METHODS
        if foreign or (headers.get("sec-fetch-site") == "cross-site" and _is_api(scope["path"])):
            raise ApiError(403, "wrong_origin", "pages of other sites may not use this server")

    async def _read_body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        most = self._settings.max_bytes
        too_large = ApiError(
            413, "too_large",
            f"a request has at most {most:,} bytes: start the server with --max-megabytes to "
            "permit more",
        )  # fmt: skip
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > most:
            raise too_large
        parts, size = [], 0
        try:
            async with asyncio.timeout(self._settings.request_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ApiError(400, "disconnected", "the client closed the connection")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > most:
                        raise too_large
                    if not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise ApiError(
                408, "too_slow",
                f"the body did not arrive within {self._settings.request_seconds:g} s",
            ) from None  # fmt: skip


class _Answer:
    """Sends an answer with the security headers, and remembers its status."""

    def __init__(self, send: Send) -> None:
        self._send, self.status = send, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = {name.lower() for name, _ in message["headers"]}
            extra = [(k, v) for k, v in SECURITY_HEADERS.items() if k not in own]
            message = {**message, "headers": [*message["headers"], *extra]}
        await self._send(message)


def closing_headers(reply: Reply) -> list[tuple[bytes, bytes]]:
    """Return the HTTP headers of a reply after which the connection is closed."""
    headers = {**reply.headers, "Connection": "close"}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


async def _reject(error: ApiError, receive: Receive, answer: _Answer) -> None:
    """Send an error; what the client is still sending is taken for a moment, then it is cut."""
    await _send(error, answer, more=True)
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            while error.status in UNREAD and (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass
    await answer({"type": "http.response.body", "body": b"", "more_body": False})


async def _send(error: ApiError, answer: _Answer, more: bool) -> None:
    reply = error.reply
    headers = closing_headers(reply)
    await answer({"type": "http.response.start", "status": reply.status, "headers": headers})
    await answer({"type": "http.response.body", "body": reply.body, "more_body": more})


async def _unless_gone(work: Awaitable[None], receive: Receive, answer: _Answer) -> None:
    """Finish the work, or cancel it if the client closes the connection before it is answered."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(receive())
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done() and not answer.status:
            raise ApiError(400, "disconnected", "the client closed the connection")
        await working
    finally:
        working.cancel()
        leaving.cancel()


def _replay(body: bytes | SharedBody) -> Receive:
    """Return a `receive` that gives the body at once, and nothing more."""
    given = False

    async def replay() -> dict[str, Any]:
        nonlocal given
        if given:
            await asyncio.Event().wait()
        given = True
        whole = bytes(body.view) if isinstance(body, SharedBody) else body
        return {"type": "http.request", "body": whole, "more_body": False}

    return replay


def _name_in(host: str) -> str:
    """Return the name or address in a Host header, without the port; empty if it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_api(path: str) -> bool:
    return path.startswith(("/v1", "/v2", "/metrics"))
