"""What the server counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
"""Upper bounds of the histogram of latencies."""


class Metrics:
    """Counters and gauges of one server, in a registry of their own."""

    def __init__(
        self, in_flight: Callable[[], int], waiting: Callable[[], int], restarts: Callable[[], int]
    ) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "digitnn_requests", "Requests by method, path and status.",
            ["method", "path", "status"], registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "digitnn_request_seconds", "Time from the headers to the end of the answer.",
            ["path"], registry=registry, buckets=SECONDS,
        )  # fmt: skip
        self._rejected = Counter(
            "digitnn_rejected", "Requests answered with an error, by status.",
            ["status"], registry=registry,
        )  # fmt: skip
        for name, text, value in (
            ("digitnn_in_flight", "Requests that compute or wait.", in_flight),
            ("digitnn_queue", "Requests that no worker has taken yet.", waiting),
            ("digitnn_worker_restarts", "Workers that crashed and were replaced.", restarts),
        ):
            Gauge(name, text, registry=registry).set_function(value)

    def count(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one request; path: its route, so that there are few of them."""
        known = method if method in ("GET", "HEAD", "POST", "OPTIONS") else "other"
        self._requests.labels(known, path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)
        if status >= 400:
            self._rejected.labels(str(status)).inc()

    def text(self) -> bytes:
        """Return all of them in Prometheus' text format."""
        return generate_latest(self._registry)
