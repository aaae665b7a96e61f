"""Long bodies go from the socket into memory that the workers see, whatever the client does."""

import asyncio
import gc
import http.client
import os
import signal
import socket
from contextlib import ExitStack, asynccontextmanager, closing

import numpy as np
import pytest
import uvicorn
from running_server import OCTETS, serving, wait_until, workers_of
from uvicorn.server import ServerState

from digitnn.serving.connections import connection_protocol
from digitnn.serving.guard import Guard, Load
from digitnn.serving.metrics import Metrics
from digitnn.serving.models import ServedModel, find_sources
from digitnn.serving.settings import Settings
from digitnn.serving.shared_bodies import MIN_BYTES, SCOPE_KEY, SLOT_BYTES, shared_bodies

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no anonymous files here")

N = 300_000
BODY = np.random.default_rng(0).integers(0, 256, N, np.uint8).tobytes()
BOTH = {"Accept": "application/octet-stream", **OCTETS}


def head(n=N, *lines):
    lines = ("POST /x HTTP/1.1", "Host: localhost", f"Content-Length: {n}", *lines, "", "")
    return "\r\n".join(lines).encode()


def test_slots_are_bounded_and_free_again_when_nothing_refers_to_them():
    shared = shared_bodies(2)
    assert shared.take(SLOT_BYTES + 1) is None
    first, second = shared.take(SLOT_BYTES), shared.take(10)
    assert shared.take(1) is None
    part = first[100:200][10:20]
    assert (len(part), part.start) == (10, first.start + 110)
    part.view[:] = b"0123456789"
    assert bytes(first.view[110:120]) == b"0123456789"
    start = first.start
    del first
    assert shared.take(1) is None  # the part still uses it
    del part
    assert shared.take(1).start == start
    del second


@asynccontextmanager
async def listening(shared, received):
    """A server that answers with the length of a body, and where it found it."""

    async def app(scope, receive, send):
        found = b""
        while (message := await receive())["type"] == "http.request":
            found += message["body"]
            if not message["more_body"]:
                break
        else:
            received.append("disconnected")
            return
        own = scope.get(SCOPE_KEY)
        received.append(found if own is None else (found, bytes(own.view)))
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-length", b"2")]})  # fmt: skip
        await send({"type": "http.response.body", "body": b"ok"})

    config = uvicorn.Config(app, lifespan="off", log_config=None, ws="none")
    config.load()
    state, protocol = ServerState(), connection_protocol(20.0, shared)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def answers(sent, shared, statuses=1):
    """What the server received when these pieces came, one after the other."""
    received = []

    async def scenario():
        async with listening(shared, received) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for piece in sent:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            found = b""
            while found.count(b"HTTP/1.1 200") < statuses or not found.endswith(b"ok"):
                part = await asyncio.wait_for(reader.read(1 << 16), 20)
                assert part, "the connection was closed"
                found += part
            writer.close()
            return found

    return received, asyncio.run(scenario())


@pytest.mark.parametrize(
    "sent",
    [
        [head() + BODY],
        [head(), BODY],
        [head() + BODY[:1], BODY[1:]],
        [head()[:20], head()[20:] + BODY[:200_000], BODY[200_000:-1], BODY[-1:]],
    ],
    ids=["at once", "head first", "one byte", "pieces"],
)
def test_a_long_body_arrives_in_shared_memory_however_it_is_cut(sent):
    received, _ = answers(sent, shared_bodies(1))
    assert received == [(b"", BODY)]


def test_requests_that_follow_on_the_connection_are_answered():
    sent = [head() + BODY + head(3) + b"abc" + head() + BODY[::-1]]
    received, _ = answers(sent, shared_bodies(1), statuses=3)
    assert b"".join(part if isinstance(part, bytes) else part[1] for part in received) == (
        BODY + b"abc" + BODY[::-1]
    )


def test_a_client_that_waits_to_be_told_to_continue_is_told():
    received, found = answers([head(N, "Expect: 100-continue"), BODY], shared_bodies(1))
    assert found.startswith(b"HTTP/1.1 100 ")
    assert received == [(b"", BODY)]


@pytest.mark.parametrize("n", [10, MIN_BYTES - 1, SLOT_BYTES + 1])
def test_short_and_very_long_bodies_are_received_as_usual(n):
    body = (BODY * 8)[:n]
    assert answers([head(n), body], shared_bodies(1))[0] == [body]


def test_without_a_free_slot_a_body_is_received_as_usual():
    shared = shared_bodies(1)
    lease = shared.take(1)
    assert answers([head(), BODY], shared)[0] == [BODY]
    assert answers([head(), BODY], None)[0] == [BODY]
    del lease


def test_a_chunked_body_is_received_as_usual():
    sent = b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    sent += b"%x\r\n%s\r\n0\r\n\r\n" % (N, BODY)
    assert answers([sent], shared_bodies(1))[0] == [BODY]


@pytest.mark.parametrize("reset", [False, True], ids=["closes", "resets"])
def test_a_client_that_goes_away_in_the_middle_gives_its_slot_back(reset):
    shared, received = shared_bodies(1), []

    async def scenario():
        async with listening(shared, received) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head() + BODY[: N // 2])
            await writer.drain()
            while shared.take(1) is not None:  # until the slot is in use
                await asyncio.sleep(0.01)
            if reset:
                writer.transport.abort()
            writer.close()
            while not received:
                await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(scenario(), 20))
    assert received == ["disconnected"]
    gc.collect()
    assert shared.take(1) is not None


def test_the_guard_gives_the_slot_back_after_the_answer():
    shared, seen = shared_bodies(1), []

    async def app(scope, receive, send):
        seen.append((await receive())["body"])  # what routes get that know nothing of slots
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive():
        if given.is_set():
            await asyncio.Event().wait()
        given.set()
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        return

    body = shared.take(5)
    body.view[:] = b"hello"
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"localhost")],
             SCOPE_KEY: body}  # fmt: skip
    given = asyncio.Event()
    guard = Guard(app, Settings(), Load(1), Metrics(*[lambda: 0] * 3))
    asyncio.run(guard(scope, receive, send))
    assert seen == [b"hello"]
    del body
    gc.collect()
    assert shared.take(5) is not None
    assert scope["path"] == "/"  # still there, as on a connection that stays open


@pytest.fixture(scope="module")
def lonely(tmp_path_factory):
    """A server with one worker."""
    with serving(tmp_path_factory.mktemp("lonely"), "--workers", "1") as server:
        yield server


def test_more_requests_than_slots_get_their_own_logits(lonely, digits):
    """Each differs from the others; all are sent before the first is answered."""
    model = ServedModel.load(next(s for s in find_sources(()) if s.name == "classic"))
    images = [np.roll(digits.images[:600], k, axis=0)[: 300 + k] for k in range(12)]
    with ExitStack() as stack:
        clients = []
        for own in images:
            client = http.client.HTTPConnection(lonely.host, lonely.port, timeout=60)
            clients.append(stack.enter_context(closing(client)))
            client.request("POST", "/v1/classify?model=classic", own.tobytes(), BOTH)
        for client, own in zip(clients, images, strict=True):
            answer = client.getresponse()
            assert answer.status == 200
            found = np.frombuffer(answer.read(), "<f4").reshape(-1, 10)
            np.testing.assert_allclose(found, model.logits(own), rtol=1e-4, atol=2e-5)


def test_a_worker_killed_in_the_middle_costs_its_request_and_nothing_else(lonely, digits):
    model = ServedModel.load(next(s for s in find_sources(()) if s.name == "classic"))
    body = digits.images[:600].tobytes()
    for _ in range(2):
        (worker,) = workers_of(lonely)
        os.kill(worker, signal.SIGSTOP)
        with socket.create_connection((lonely.host, lonely.port), 60) as client:
            line = f"POST /v1/classify?model=classic HTTP/1.1\r\nHost: {lonely.host}\r\n"
            kind = f"Content-Type: application/octet-stream\r\nContent-Length: {len(body)}\r\n\r\n"
            client.sendall((line + kind).encode() + body)
            wait_until(lambda: lonely.metric("digitnn_in_flight") == 1)
            wait_until(lambda: lonely.metric("digitnn_queue") <= 1)
            os.kill(worker, signal.SIGKILL)
            answer = http.client.HTTPResponse(client)
            answer.begin()
            assert (answer.status, b"worker_crashed" in answer.read()) == (500, True)
        wait_until(lambda: lonely.metric("digitnn_in_flight") == 0)
        wait_until(lambda worker=worker: workers_of(lonely) not in (set(), {worker}))
        answer = lonely.post("/v1/classify?model=classic", body, BOTH)
        assert answer.status == 200
        found = np.frombuffer(answer.body, "<f4").reshape(-1, 10)
        np.testing.assert_allclose(found, model.logits(digits.images[:600]), rtol=1e-4, atol=2e-5)
