"""What a crash of a worker costs, and how the server stops.

A worker that is stopped (SIGSTOP) keeps its request until it goes on, or is killed.
"""

import os
import signal
import sys
import threading
from contextlib import ExitStack, suppress
from http.client import HTTPException

import pytest
from running_server import (
    OCTETS,
    PATIENCE_SECONDS,
    assert_error,
    gone,
    serving,
    wait_until,
    workers_of,
)

IMAGE = bytes(784)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the workers in /proc"),
]


class Asking(threading.Thread):
    """One request in a thread of its own."""

    def __init__(self, server, body=IMAGE, model="reader"):
        super().__init__(daemon=True)
        self._server, self._body, self._model, self.answer = server, body, model, None
        self.start()

    def run(self):
        with suppress(OSError, HTTPException):  # the server has gone
            self.answer = self._server.post(f"/v1/classify?model={self._model}", self._body, OCTETS)

    def result(self):
        self.join(PATIENCE_SECONDS)
        assert self.answer is not None
        return self.answer


def stuck_request(server):
    """The request that the stopped worker of two has: a later one is answered before it.

    Neighbours ask different models: merged, both would go to the stopped worker.
    """
    one = Asking(server, model="cnn")
    for model in ["classic", "cnn"] * 50:
        later = Asking(server, model=model)
        wait_until(lambda one=one, later=later: not (one.is_alive() and later.is_alive()))
        one.join(0.5)  # its answer may be under way
        if one.is_alive():
            return one
        one = later
    pytest.fail("the stopped worker has taken no request")


def test_a_killed_worker_costs_one_request(tmp_path):
    with serving(tmp_path / "server", "--workers", "2") as server, ExitStack() as at_end:
        before = workers_of(server)
        assert len(before) == 2
        stopped = before.pop()
        os.kill(stopped, signal.SIGSTOP)
        at_end.callback(lambda: gone(stopped) or os.kill(stopped, signal.SIGCONT))
        stuck = stuck_request(server)
        assert server.post("/v1/classify", IMAGE, OCTETS).status == 200
        os.kill(stopped, signal.SIGKILL)
        assert assert_error(stuck.result(), 500) == "worker_crashed"

        several = [Asking(server) for _ in range(12)]
        assert {one.result().status for one in several} == {200}
        wait_until(lambda: server.get("/v2/health/ready").status == 200)
        assert server.metric("digitnn_worker_restarts") == 1
        after = workers_of(server)
        assert len(after) == 2
        assert before < after
        assert stopped not in after
        assert "a worker ended with exit code -9; started another" in server.log

        for worker in after:  # while nothing is computed: nobody notices
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda worker=worker: gone(worker))
        several = [Asking(server) for _ in range(6)]
        assert {one.result().status for one in several} == {200}
        assert server.stop() == 0
        assert "Traceback" not in server.log


def test_requests_merged_with_one_that_crashes_are_answered(tmp_path):
    with serving(tmp_path / "server", "--workers", "1") as server:
        (worker,) = workers_of(server)
        os.kill(worker, signal.SIGSTOP)
        first = Asking(server, model="cnn")  # which is not merged with the others
        wait_until(lambda: server.metric("digitnn_in_flight") == 1)
        others = [Asking(server) for _ in range(5)]
        wait_until(lambda: server.metric("digitnn_queue") == 5)
        os.kill(worker, signal.SIGKILL)
        assert_error(first.result(), 500)
        assert {other.result().status for other in others} == {200}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_is_in_flight(tmp_path, number):
    with serving(tmp_path / "server", "--workers", "1") as server:
        (worker,) = workers_of(server)
        with server.connect() as idle, ExitStack() as at_end:
            idle.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert idle.recv(100).startswith(b"HTTP/1.1 200")  # it stays open
            os.kill(worker, signal.SIGSTOP)
            at_end.callback(lambda: gone(worker) or os.kill(worker, signal.SIGCONT))
            asked = [Asking(server), Asking(server, bytes(784 * 3))]
            wait_until(lambda: server.metric("digitnn_in_flight") == 2)
            server.process.send_signal(number)
            wait_until(lambda: server.get("/v2/health/ready").status == 503)
            assert_error(server.get("/v2/health/ready"), 503)
            assert_error(server.get("/v2/models/cnn/ready"), 503)
            answer = server.post("/v1/classify", IMAGE, OCTETS)
            assert assert_error(answer, 503) == "stopping"
            assert server.get("/v2/health/live").status == 200
            os.kill(worker, signal.SIGCONT)
            assert [len(one.result().json()["digits"]) for one in asked] == [1, 3]
        assert server.process.wait(PATIENCE_SECONDS) == 0
        assert gone(worker)
        assert "Traceback" not in server.log


def test_what_does_not_finish_does_not_keep_the_server(tmp_path):
    with serving(tmp_path / "server", "--workers", "1") as server:
        (worker,) = workers_of(server)
        os.kill(worker, signal.SIGSTOP)
        asked = Asking(server)
        wait_until(lambda: server.metric("digitnn_in_flight") == 1)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE_SECONDS) == 0  # after 10 s
        assert assert_error(asked.result(), 503) == "stopping"
        assert gone(worker)
        assert "Traceback" not in server.log


def test_followers_of_a_training_do_not_keep_the_server(tmp_path):
    with serving(tmp_path / "server", "--workers", "1") as server, server.connect() as follower:
        follower.sendall(b"GET /v1/training/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        found = b""
        while b"event: state" not in found:
            found += follower.recv(4096)
        assert b"content-type: text/event-stream" in found
        assert server.stop() == 0
        while part := follower.recv(4096):
            found += part
        assert found.endswith(b"0\r\n\r\n")  # the stream was ended, not cut
