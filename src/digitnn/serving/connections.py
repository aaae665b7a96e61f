"""The connections of clients: their time limits, and where their bodies are received.

Slow clients are cut: headers must arrive, and answers be taken, within some seconds. A long body
does not pass through h11, uvicorn's parser: it goes from the socket into shared memory.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from digitnn.serving.guard import closing_headers
from digitnn.serving.replies import ApiError
from digitnn.serving.shared_bodies import MIN_BYTES, SCOPE_KEY, SharedBodies


class _BodyReceiver(asyncio.BufferedProtocol):
    """Fills a view from a connection, for the protocol that is told of everything else."""

    def __init__(self, owner: H11Protocol, rest: memoryview, complete: Callable[[], None]) -> None:
        self._owner, self._rest, self._complete = owner, rest, complete

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._rest

    def buffer_updated(self, nbytes: int) -> None:
        self._rest = self._rest[nbytes:]
        if not self._rest:
            self._complete()

    def eof_received(self) -> None:
        self._owner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        self._owner.resume_writing()


def connection_protocol(seconds: float, shared: SharedBodies | None) -> type[H11Protocol]:
    """Return uvicorn's HTTP protocol, which cuts clients that are too slow.

    Long bodies are received into shared, as `SCOPE_KEY` of the request's scope.
    """

    class ConnectionProtocol(H11Protocol):
        _cut: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(cast(asyncio.Transport, transport))
            self._cut = self.loop.call_later(seconds, self.transport.abort)

        def data_received(self, data: bytes) -> None:
            cycle_before = self.cycle
            super().data_received(data)
            if shared is not None and self.cycle not in (None, cycle_before):
                self._share_body(shared)
            if self.flow.write_paused:
                return  # the answer is not taken, whatever is sent meanwhile
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop_clock()  # the guard times the body
            elif self._cut is None:  # the first bytes of another request
                self._cut = self.loop.call_later(seconds, self.transport.abort)

        def _share_body(self, shared: SharedBodies) -> None:
            """Receive the rest of a body, whose request has just begun, into shared memory."""
            reader: Any = getattr(self.conn, "_reader", None)
            rest = getattr(reader, "_remaining", 0)  # of a body whose length is known
            have = len(self.cycle.body)
            body = shared.take(have + rest) if rest >= MIN_BYTES else None
            if body is None:
                return  # it passes through h11
            body.view[:have] = self.cycle.body
            self.cycle.body.clear()
            self.cycle.message_event.clear()
            cast(dict[str, Any], self.cycle.scope)[SCOPE_KEY] = body  # its task has not run yet
            self.flow.resume_reading()

            def complete() -> None:
                reader._remaining = 0  # h11 then sees the end of the body
                self.transport.set_protocol(self)
                self.handle_events()

            self.transport.set_protocol(_BodyReceiver(self, body.view[have:], complete))

        def send_400_response(self, msg: str) -> None:
            reply = ApiError(400, "bad_request", msg).reply
            headers = closing_headers(reply)
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=reply.body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
            self.transport.close()

        def pause_writing(self) -> None:
            super().pause_writing()
            self._stop_clock()
            self._cut = self.loop.call_later(seconds, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            self._stop_clock()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_clock()
            super().connection_lost(exc)

        def _stop_clock(self) -> None:
            if self._cut is not None:
                self._cut.cancel()
                self._cut = None

    return ConnectionProtocol
