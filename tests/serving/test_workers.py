"""Messages to workers, and which requests they compute together."""

import asyncio
from multiprocessing import Pipe

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitnn.serving.models import find_sources
from digitnn.serving.processes import start_context
from digitnn.serving.worker import WorkerSettings, receive, send
from digitnn.serving.workers import MAX_TOGETHER, WorkerPool, _Job

headers = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(headers, st.lists(st.binary(max_size=30), max_size=5))
def test_what_is_sent_is_received(header, bodies):
    ours, theirs = Pipe()
    with ours, theirs:
        send(ours, header, bodies)
        send(ours, None, [memoryview(b"next")])
        assert receive(theirs) == (header, bodies)
        assert receive(theirs) == (None, [b"next"])


def pool_of(count=1, **options):
    settings = WorkerSettings(find_sources(()), 100, 64.0)
    return WorkerPool(start_context(), settings, count, **options)


def test_only_requests_of_one_kind_are_taken_together():
    loop = asyncio.new_event_loop()
    pool = pool_of()
    togethers = ["a", "b", "a", None, "a", *["b"] * (MAX_TOGETHER + 5), None]
    jobs = [
        _Job("classify", {"k": k}, b"", together, loop.create_future(), loop)
        for k, together in enumerate(togethers)
    ]
    pool._jobs.extend(jobs)

    def take():
        return [job.options["k"] for job in pool._take(0)]

    assert take() == [0, 2, 4]
    assert take() == [1, *range(5, 5 + MAX_TOGETHER - 1)]
    assert take() == [3]
    assert take() == list(range(5 + MAX_TOGETHER - 1, 10 + MAX_TOGETHER))
    assert take() == [len(jobs) - 1]
    assert pool.waiting == 0

    pool._put_back(jobs[:3])  # after a crash: each for itself, in order
    assert [take(), take(), take()] == [[0], [1], [2]]
    pool.close()
    assert pool._take(0) is None
    loop.close()


def test_waiting_requests_are_told_that_the_pool_is_closed():
    async def scenario():
        pool = pool_of()
        refused = await pool.submit("classify", {}, b"")
        pool._feeding = 1  # as if a worker were starting
        waits = asyncio.create_task(pool.submit("classify", {}, b""))
        await asyncio.sleep(0)
        assert pool.waiting == 1
        pool.close()
        return refused, await waits, await pool.submit("classify", {}, b"")

    for reply in asyncio.run(scenario()):
        assert reply.status == 503
        assert b'"stopping"' in reply.body


@pytest.mark.slow
def test_a_request_that_takes_too_long_is_ended_and_the_next_is_answered():
    async def scenario():
        pool = pool_of(seconds=0.001)
        pool.start()
        try:
            while not pool.is_ready:
                await asyncio.sleep(0.02)
            (first,) = pool.process_ids
            options = {"model": "reader", "engine": "scratch", "accept": "application/octet-stream"}
            options["media_type"] = "application/octet-stream"
            late = await pool.submit("classify", options, bytes(784 * 100))
            while not pool.is_ready:
                await asyncio.sleep(0.02)
            pool.seconds = 100.0
            good = await pool.submit("classify", options, bytes(784))
            assert pool.restarts == 1
            assert pool.process_ids != (first,)
            return late, good
        finally:
            await asyncio.to_thread(pool.close)

    late, good = asyncio.run(scenario())
    assert late.status == 503
    assert b"too_slow" in late.body
    assert (good.status, len(good.body)) == (200, 40)
