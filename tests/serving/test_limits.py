"""What every request passes first: host, origin, size, time, load; and the headers of answers."""

import http.client
import json
import os
import re
import signal
import socket
import time
from contextlib import ExitStack

import pytest
from running_server import (
    JSON,
    OCTETS,
    PNG,
    Answer,
    assert_error,
    serving,
    wait_until,
    workers_of,
)

IMAGE = bytes(784)


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A server that takes little: 1 MB, and one request at a time."""
    folder = tmp_path_factory.mktemp("strict")
    options = ("--workers", "1", "--max-waiting", "0", "--max-megabytes", "1")
    with serving(folder, *options, "--allow-host", "Digits.example") as server:
        yield server


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """A server that waits for one second only."""
    folder = tmp_path_factory.mktemp("impatient")
    with serving(folder, "--workers", "1", "--request-seconds", "1") as server:
        yield server


def response_of(client):
    """The answer on a bare connection."""
    response = http.client.HTTPResponse(client)
    response.begin()
    return Answer(response.status, response.headers, response.read())


def until_cut(client):
    """What the server sends until it closes the connection."""
    found = b""
    try:
        while part := client.recv(1 << 16):
            found += part
    except ConnectionResetError:
        pass
    return found


def send_until_cut(client, piece, pause=0.0):
    """Send the same again and again until the server closes the connection."""
    try:
        while True:
            client.sendall(piece)
            time.sleep(pause)
    except (ConnectionResetError, BrokenPipeError):
        return


def head(server, *lines, path="/v1/classify", method="POST"):
    """The beginning of a request, up to its body."""
    lines = (f"{method} {path} HTTP/1.1", f"Host: {server.host}:{server.port}", *lines)
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


# the size of a body


def test_a_body_over_the_limit_is_refused_unread(strict):
    with strict.connect() as client:  # before a byte of it was sent
        client.sendall(head(strict, "Content-Length: 1000001", "Content-Type: image/png"))
        assert_error(response_of(client), 413, "1,000,000", "--max-megabytes")


@pytest.mark.parametrize("path", ["/v1/read", "/v1/explain", "/v1/training", "/nowhere"])
def test_a_large_body_is_refused_on_every_path(strict, path):
    assert_error(strict.post(path, bytes(1_500_000), PNG), 413)


def test_a_client_that_sends_a_large_body_first_sees_the_answer(strict):
    assert_error(strict.post("/v1/classify", bytes(30_000_000), OCTETS), 413)


def test_a_chunked_body_is_bounded_too(strict):
    def chunks():
        for _ in range(50):
            yield bytes(100_000)

    assert_error(strict.ask("POST", "/v1/classify", chunks(), OCTETS), 413)
    answer = strict.ask("POST", "/v1/classify", iter([IMAGE[:300], IMAGE[300:]]), OCTETS)
    assert answer.status == 200


def test_an_endless_body_is_cut(strict):
    with strict.connect() as client:
        client.sendall(head(strict, "Transfer-Encoding: chunked"))
        send_until_cut(client, b"10000\r\n" + bytes(0x10000) + b"\r\n")


def test_a_body_of_just_the_limit_is_taken(strict):
    body = b'{"images": [%s]}' % json.dumps([[0] * 28] * 28).encode()
    assert strict.post("/v1/classify", body + b" " * (1_000_000 - len(body)), JSON).status == 200
    assert_error(strict.post("/v1/classify", body + b" " * 1_000_000, JSON), 413)


def test_more_bytes_than_the_length_says_are_no_part_of_the_body(server):
    with server.connect() as client:
        client.sendall(head(server, "Content-Length: 784", *_lines(OCTETS)) + IMAGE + b"ab\r\n\r\n")
        first, second = until_cut(client).split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    assert second.startswith(b"400 ")  # is no request
    assert b'"bad_request"' in second


@pytest.mark.parametrize("length", ["-1", "0x10", "1, 2", "9" * 30, "9" * 5000])
def test_an_odd_length_is_a_bad_request(server, length):
    with server.connect() as client:
        client.sendall(head(server, f"Content-Length: {length}"))
        answer = response_of(client)
    assert answer.status in (400, 413)
    assert_error(answer, answer.status)


def test_garbage_is_a_bad_request(server):
    for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", b"GET /\r\n\r\n"):
        with server.connect() as client:
            client.sendall(garbage)
            assert assert_error(response_of(client), 400) == "bad_request"


# time


def test_a_client_that_sends_no_request_is_cut(impatient):
    with impatient.connect() as silent, impatient.connect() as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        assert until_cut(slow) == b""
        assert until_cut(silent) == b""


def test_headers_that_trickle_are_cut(impatient):
    with impatient.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\n")
        send_until_cut(client, b"X: y\r\n", pause=0.1)


def test_a_slow_body_is_told_and_cut(impatient):
    with impatient.connect() as client:
        client.sendall(head(impatient, "Content-Length: 784") + IMAGE[:10])
        assert assert_error(response_of(client), 408, "1 s") == "too_slow"
        assert until_cut(client) == b""


def test_a_body_that_trickles_is_cut(impatient):
    with impatient.connect() as client:
        client.sendall(head(impatient, "Transfer-Encoding: chunked"))
        send_until_cut(client, b"1\r\nx\r\n", pause=0.1)


def test_a_client_that_does_not_take_its_answers_is_cut(impatient):
    """It asks for so many answers that they fill every buffer on the way, and reads none."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(1)
        client.connect((impatient.host, impatient.port))
        request = head(impatient, path="/openapi.json", method="GET")
        try:
            for _ in range(100_000):
                client.sendall(request)
        except TimeoutError:  # its requests are not taken any more
            wait_until(lambda: client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0)
        except (ConnectionResetError, BrokenPipeError):
            return


def test_a_slow_client_does_not_delay_others(server):
    with ExitStack() as slow:
        for _ in range(20):
            client = slow.enter_context(server.connect())
            client.sendall(head(server, "Content-Length: 784"))
        assert server.post("/v1/classify", IMAGE, OCTETS).status == 200


def test_a_client_that_goes_away_leaves_nothing_behind(server):
    for sent in (b"", IMAGE[:100], IMAGE):
        with server.connect() as client:
            client.sendall(head(server, "Content-Length: 784", *_lines(OCTETS)) + sent)
    wait_until(lambda: server.metric("digitnn_in_flight") == 0)
    assert server.post("/v1/classify", IMAGE, OCTETS).status == 200


# load


def test_too_many_requests_are_told_to_come_again(strict):
    wait_until(lambda: strict.metric("digitnn_in_flight") == 0)
    with strict.connect() as first:
        first.sendall(head(strict, "Content-Length: 784", *_lines(OCTETS)) + IMAGE[:10])
        wait_until(lambda: strict.metric("digitnn_in_flight") == 1)
        for body in (IMAGE, bytes(784_000)):  # the answer arrives before all of it is sent
            assert assert_error(strict.post("/v1/classify", body, OCTETS), 503) == "busy"
        assert_error(strict.get("/v1/models/cnn/filter?stage=0&plane=0"), 503)
        assert strict.get("/v1/models").status == 200  # needs no worker
        assert strict.get("/v2/health/ready").status == 200
        first.sendall(IMAGE[10:])
        assert response_of(first).status == 200
    wait_until(lambda: strict.metric("digitnn_in_flight") == 0)
    assert strict.post("/v1/classify", IMAGE, OCTETS).status == 200


def test_the_place_of_a_client_that_goes_away_is_free_at_once(strict):
    """Though the worker, which is stopped here, has not answered."""
    wait_until(lambda: strict.metric("digitnn_in_flight") == 0)
    workers = workers_of(strict)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    try:
        for _ in range(3):
            with strict.connect() as client:
                client.sendall(head(strict, "Content-Length: 784", *_lines(OCTETS)) + IMAGE)
                wait_until(lambda: strict.metric("digitnn_in_flight") == 1)
            wait_until(lambda: strict.metric("digitnn_in_flight") == 0)
    finally:
        for worker in workers:
            os.kill(worker, signal.SIGCONT)
    assert strict.post("/v1/classify", IMAGE, OCTETS).status == 200


# whose page asks


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:80", "digits.EXAMPLE:443", "127.1.2.3"]
)
def test_the_server_answers_to_its_own_names(strict, host):
    assert strict.get("/v1/models", {"Host": host}).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "10.0.0.1", "0.0.0.0", "", "[",
     "[::1", "localhost@evil.example", "evil.example@"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/v1/models", "/metrics", "/static/main.js"])
def test_another_host_name_is_refused(strict, host, path):
    with strict.connect() as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert assert_error(response_of(client), 403, "--allow-host") == "wrong_host"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "", "file://"])
def test_pages_of_other_sites_change_nothing(strict, origin):
    for path in ("/v1/read", "/v1/training", "/v1/training/stop", "/v2/models/cnn/infer"):
        answer = strict.post(path, b"{}", JSON | {"Origin": origin})
        assert assert_error(answer, 403) == "wrong_origin"
        assert "access-control-allow-origin" not in answer.headers


def test_pages_of_other_sites_read_nothing(strict):
    foreign = {"Sec-Fetch-Site": "cross-site"}
    for path in ("/v1/models", "/v2/models/cnn", "/v1/training/events", "/metrics"):
        assert_error(strict.get(path, foreign), 403)
    assert strict.get("/", foreign).status == 200  # a link to the page
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = strict.ask("OPTIONS", "/v1/read", headers=preflight)
    assert answer.status == 405
    assert not any(name.lower().startswith("access-control") for name in answer.headers)


def test_the_own_page_may_ask(strict):
    origin = {"Origin": strict.url, "Sec-Fetch-Site": "same-origin"}
    assert strict.post("/v1/classify", IMAGE, OCTETS | origin).status == 200


# headers, logs


@pytest.mark.parametrize("path", ["/", "/v1/models", "/nowhere", "/static/nothing", "/metrics"])
def test_every_answer_has_the_security_headers(server, path):
    headers = server.get(path).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'self'"
    assert policy["img-src"] == "'self' blob: data:"
    assert policy["frame-ancestors"] == "'none'"
    assert not any("unsafe" in sources for sources in policy.values())
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_the_methods_of_an_address_are_told(server):
    for method, path, allowed in (
        ("PUT", "/v1/read", {"POST"}),
        ("GET", "/v1/read", {"POST"}),
        ("DELETE", "/v1/models", {"GET"}),
        ("PUT", "/v1/training", {"GET", "POST"}),
    ):
        answer = server.ask(method, path)
        assert assert_error(answer, 405) == "wrong_method"
        assert set(re.split(r", *", answer.headers["allow"])) == allowed


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd",
     "/static/", "/static/%00", "/%2e%2e/%2e%2e/etc/passwd", "/v1/read/"],
)  # fmt: skip
def test_no_address_leads_to_a_file_elsewhere(server, path):
    assert_error(server.get(path), 404)


def test_the_log_has_a_line_for_a_failed_request_and_no_picture(server, row_of_fives):
    before = len(server.log)
    secret = "a-file-name-of-mine"
    server.post(f"/v1/explain?parts={secret}", row_of_fives, PNG)
    server.post("/v1/classify", json.dumps({"images": [[secret]]}), JSON)
    server.post("/v1/read", row_of_fives[:100], PNG)
    server.post("/v1/read", row_of_fives, PNG)
    wait_until(lambda: server.log[before:].count("\n") == 3)
    assert server.log[before:].splitlines() == [
        "POST /v1/explain: 422",
        "POST /v1/classify: 422",
        "POST /v1/read: 422",
    ]


def _lines(headers):
    return [f"{name}: {value}" for name, value in headers.items()]
