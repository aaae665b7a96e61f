"""A training over HTTP: started, followed, paused, stopped, kept, and then served.

What the events hold is tested in test_live_training.py.
"""

import json
import socket
import threading

import numpy as np
import pytest
from running_server import JSON, OCTETS, assert_error, serving, wait_until

from digitnn.data.formats.idx import write_idx_folder

pytestmark = pytest.mark.slow

JOB = json.dumps({"recipe": "cnn-99.5", "engine": "scratch", "seed": 3})


@pytest.fixture(scope="module")
def server(digits, tmp_path_factory):
    """A server of its own, with images to learn from for some seconds: the others do not learn."""
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("learning")
    write_idx_folder(data, digits[np.arange(12_000) % 600], digits[:10])
    env = {"DIGITNN_DATA_DIR": str(data)}
    with serving(folder, "--workers", "2", "--keep-in", "kept", env=env) as server:
        yield server


@pytest.fixture
def events(server):
    """The parts of the stream of events, which are read until the test ends."""
    found, client = [], server.connect()
    client.sendall(b"GET /v1/training/events HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def take():
        try:
            while part := client.recv(1 << 16):
                found.append(part.decode())
        except OSError:
            return

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    yield found
    client.shutdown(socket.SHUT_RDWR)
    thread.join()
    client.close()


def command(server, name):
    return server.post(f"/v1/training/{name}", b"")


def test_a_training_is_followed_and_kept_and_served(server, events):
    assert server.post("/v1/training/image", bytes(784), OCTETS).status == 204
    answer = server.post("/v1/training", JOB, JSON)
    assert answer.status == 201
    state = answer.json()
    assert (state["recipe"], state["engine"], state["seed"]) == ("cnn-99.5", "scratch", 3)
    assert assert_error(server.post("/v1/training", JOB, JSON), 409) == "not_possible"
    assert command(server, "pause").json()["state"] == "paused"
    assert command(server, "resume").json()["state"] == "running"
    wait_until(lambda: "event: answer\ndata: {" in "".join(events))
    assert command(server, "stop").json()["state"] == "stopped"
    assert_error(command(server, "resume"), 409, "stopped")

    kept = command(server, "keep").json()["kept"]
    assert kept == "kept/live-cnn-99.5-scratch-seed3"
    assert (server.folder / kept / "network.json").is_file()
    name = kept.rpartition("/")[2]
    assert [model["name"] for model in server.get("/v1/models").json()["models"]][3:] == [name]
    assert server.get(f"/v2/models/{name}/ready").status == 200
    for _ in range(4):  # by each of the workers
        answer = server.post(f"/v1/classify?model={name}", bytes(784), OCTETS)
        assert (answer.status, answer.json()["model"]) == (200, name)
    assert_error(command(server, "keep"), 409)
    assert server.get("/v1/training").json()["kept"] == kept
    text = "".join(events)
    for event in ("state", "progress", "weights", "answer"):
        assert f"event: {event}\ndata: {{" in text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"[" * 3_000_000, 400),
        (b"null", 422),
        (b'{"recipe": "none"}', 422),
        (b'{"recipe": "cnn-99.5", "engine": "none"}', 422),
        (b'{"recipe": "cnn-99.5", "seed": -1}', 422),
        (b'{"recipe": "cnn-99.5", "seed": NaN}', 422),
        (b'{"recipe": "cnn-99.5", "folder": "/tmp"}', 422),
        (b'{"recipe": ["cnn-99.5"]}', 422),
    ],
)
def test_a_wrong_training_is_one_line_of_an_error(server, body, status):
    assert_error(server.post("/v1/training", body, JSON), status)


def test_an_image_to_follow_has_784_bytes(server):
    for size in (0, 783, 1568):
        assert_error(server.post("/v1/training/image", bytes(size), OCTETS), 422, "784")
    assert_error(server.post("/v1/training/image", bytes(784), JSON), 415)
