"""The limits and the address of a server."""

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from digitnn.errors import check_numbers
from digitnn.machine.resources import available_cores


@dataclass(frozen=True)
class Settings:
    """What `digitnn serve` is told.

    runs: networks of the user's own; hosts: further names by which clients may call the server;
    max_megabytes: of a body; max_images: of a request; megapixels: of a picture; workers: processes
    that compute, one per core if 0; max_waiting: requests that may wait for them;
    request_seconds: in which the headers, and then the body, must arrive; compute_seconds: that a
    worker may take; drain_seconds: for what is in flight when the server stops; kept: where live
    trainings are kept.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    runs: tuple[Path, ...] = ()
    hosts: tuple[str, ...] = ()
    max_megabytes: float = 16.0
    max_images: int = 10_000
    megapixels: float = 64.0
    workers: int = 0
    max_waiting: int = 64
    request_seconds: float = 20.0
    compute_seconds: float = 60.0
    drain_seconds: float = 10.0
    kept: Path = Path("runs")

    def __post_init__(self) -> None:
        check_numbers(self, "port", whole=True, at_least=0, at_most=65535)
        check_numbers(self, "max_images", whole=True, at_least=1)
        check_numbers(self, "workers", "max_waiting", whole=True, at_least=0)
        times = ("request_seconds", "compute_seconds", "drain_seconds")
        check_numbers(self, "max_megabytes", "megapixels", *times, above=0)

    @property
    def max_bytes(self) -> int:
        """The largest body."""
        return int(self.max_megabytes * 1e6)

    @property
    def worker_count(self) -> int:
        """The number of worker processes."""
        return self.workers or available_cores()

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can reach the server."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def is_own_host(self, name: str) -> bool:
        """Return whether a client may call the server `name`, the host of a Host header.

        A page elsewhere can let its own name point to this machine (DNS rebinding), but then its
        name is in the header. Addresses are safe: on loopback only this machine's.
        """
        if name.lower() in {"localhost", self.host.lower(), *map(str.lower, self.hosts)}:
            return True
        try:
            address = ip_address(name.strip("[]"))
        except ValueError:
            return False
        return address.is_loopback or not self.is_loopback
