"""Does the server stand a bad day?

A mix of good, bad, huge, slow and cancelled requests for some minutes, after which memory and the
requests in work are looked at. Every good answer is compared with the one that is expected. No time
is measured, so other work may go on. Traffic goes to 127.0.0.1 only.

    python -m benchmarks.timing.serving_load --json [--minutes 20]
"""

import argparse
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter, sleep
from typing import Any

from benchmarks.measuring import load_data, print_result
from benchmarks.timing.served import EXPLAIN, OCTETS, Server, drawing, in_parallel, running
from digitnn.data.dataset import Dataset


@dataclass
class MixedLoad:
    """Clients of five kinds, for some seconds: good, bad, huge, slow, and such as hang up.

    statuses: of all answers by kind; wrong: good requests with another answer than expected.
    """

    server: Server
    good: Sequence[tuple[str, bytes, bytes]]
    seconds: float
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    wrong: int = 0

    def run(self) -> None:
        """Send the load; every client works until the time is over."""
        self._end = perf_counter() + self.seconds
        kinds: dict[str, Callable[[], int]] = {
            "good 1": self._good, "good 2": self._good, "bad": self._bad,
            "huge": self._huge, "slow": self._slow, "cancelled": self._cancelled,
        }  # fmt: skip
        self.statuses = {kind: Counter() for kind in kinds}
        self._turn = 0

        def client(kind: str, work: Callable[[], int]) -> Callable[[], None]:
            def run() -> None:
                while perf_counter() < self._end:
                    self.statuses[kind][work()] += 1

            return run

        in_parallel([client(kind, work) for kind, work in kinds.items()])

    def _good(self) -> int:
        self._turn += 1
        path, body, expected = self.good[self._turn % len(self.good)]
        kind = "image/png" if "read" in path or "explain" in path else OCTETS
        status, answer = self.server.ask("POST", path, body, kind)
        self.wrong += status == 200 and answer != expected
        sleep(0.005)
        return status

    def _bad(self) -> int:
        sleep(0.02)
        bodies = (b"", b"not a picture", b"\x89PNG\r\n\x1a\n broken", b"{" * 1000)
        self._turn += 1
        return self.server.ask("POST", "/v1/read", bodies[self._turn % 4], "image/png")[0]

    def _huge(self) -> int:
        sleep(0.5)
        try:
            return self.server.ask("POST", "/v1/read", bytes(20_000_000), "image/png")[0]
        except OSError:  # the server may cut the line before all is sent
            return 0

    def _slow(self) -> int:
        with socket.create_connection(("127.0.0.1", self.server.port), 60) as line:
            line.sendall(
                b"POST /v1/read HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n\r\n"
            )
            for _ in range(60):
                sleep(0.1)
                try:
                    line.sendall(b"x")
                except OSError:
                    break
                if perf_counter() > self._end:
                    return 0
            answer = line.recv(100)
        return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0

    def _cancelled(self) -> int:
        path, body, _ = self.good[0]
        with socket.create_connection(("127.0.0.1", self.server.port), 60) as line:
            head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"
            line.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        sleep(0.02)
        return 0


def measure(digits: Dataset, minutes: float) -> dict[str, Any]:
    """Return what a mix of requests did to the server's memory, and whether any is stuck."""
    with running("--request-seconds", "3") as (server, _):
        bodies = [drawing(image) for image in digits.images[:20]]
        paths = ("/v1/read", EXPLAIN)
        good = []
        for path in paths:
            for body in bodies:
                status, answer = server.ask("POST", path, body, "image/png")
                assert status == 200, answer
                good.append((path, body, answer))
        MixedLoad(server, good, min(60 * minutes / 5, 60)).run()  # until all is warm
        before = server.resident_bytes()
        load = MixedLoad(server, good, 60 * minutes)
        load.run()
        sleep(4)
        grown = server.resident_bytes() - before
        return {
            "minutes": minutes,
            "statuses": {kind: dict(found) for kind, found in load.statuses.items()},
            "wrong_answers": load.wrong,
            "megabytes_before": round(before / 1e6, 1),
            "megabytes_grown": round(grown / 1e6, 1),
            "in_flight_after": server.gauge("digitnn_in_flight"),
            "worker_restarts": server.gauge("digitnn_worker_restarts"),
            "ready_after": server.ask("GET", "/v2/health/ready")[0] == 200,
        }


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--minutes", type=float, default=1.0)
    options = parser.parse_args()
    print_result({"schema": 1, **measure(load_data().valid, options.minutes)}, options.json)


if __name__ == "__main__":
    main()
