"""The limits of a server, and by which names it may be called."""

from dataclasses import replace

import pytest

from digitnn.errors import UsageError
from digitnn.serving.settings import Settings


@pytest.mark.parametrize(
    ("host", "name", "is_own"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "localhost", True),
        ("127.0.0.1", "LocalHost", True),
        ("127.0.0.1", "::1", True),
        ("127.0.0.1", "[::1]", True),
        ("127.0.0.1", "proxy.example", True),
        ("127.0.0.1", "Proxy.Example", True),
        ("127.0.0.1", "192.168.0.7", False),
        ("127.0.0.1", "0.0.0.0", False),
        ("127.0.0.1", "evil.example", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "2130706433", False),
        ("127.0.0.1", "", False),
        ("::1", "localhost", True),
        ("::1", "10.0.0.1", False),
        ("localhost", "10.0.0.1", False),
        ("0.0.0.0", "192.168.0.7", True),
        ("0.0.0.0", "fe80::1", True),
        ("0.0.0.0", "evil.example", False),
        ("my-machine", "my-machine", True),
        ("my-machine", "192.168.0.7", True),
        ("my-machine", "evil.example", False),
    ],
)
def test_a_server_answers_to_its_names_and_addresses(host, name, is_own):
    assert Settings(host=host, hosts=("proxy.example",)).is_own_host(name) == is_own


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.0.7", False), ("my-machine", False)],
)  # fmt: skip
def test_loopback_addresses_are_known(host, is_loopback):
    assert Settings(host=host).is_loopback == is_loopback


@pytest.mark.parametrize(
    "change",
    [{"port": -1}, {"port": 65536}, {"port": 1.5}, {"max_images": 0}, {"workers": -1},
     {"max_waiting": -1}, {"max_megabytes": 0}, {"megapixels": -1.0}, {"request_seconds": 0},
     {"compute_seconds": float("nan")}, {"drain_seconds": float("inf")}],
)  # fmt: skip
def test_a_limit_out_of_range_is_told(change):
    with pytest.raises(UsageError, match=next(iter(change))):
        replace(Settings(), **change)


def test_no_number_of_workers_means_one_per_core():
    assert Settings(workers=3).worker_count == 3
    assert Settings().worker_count >= 1
    assert Settings(max_megabytes=1.5).max_bytes == 1_500_000
