"""How fast is the server?

Start to ready; from a stroke to the answers of both engines; images classified a second beside the
engine alone, in turns; 64 clients at once. Every answer is compared with the one that is expected.
Traffic goes to 127.0.0.1 only.

    python -m benchmarks.timing.serving --json [--repeats 5]
"""

import argparse
import json
from collections import Counter
from functools import partial
from statistics import median
from time import perf_counter, sleep
from typing import Any

import numpy as np

from benchmarks.measuring import load_data, print_result, spread, timed
from benchmarks.timing.served import (
    EXPLAIN,
    OCTETS,
    Client,
    Server,
    drawing,
    in_parallel,
    logits_in,
    running,
)
from digitnn.data.dataset import Dataset
from digitnn.serving.models import SHIPPED, ServedModel, Source

BATCH, CLIENTS_OF_BATCHES = 2000, 4
SECONDS_ALONE = 0.5
"""How long the engine alone computes: long enough that start and end of a burst hardly count."""
MANY_CLIENTS, REQUESTS_EACH = 64, 30


def measure_start(repeats: int) -> dict[str, Any]:
    """Return the seconds from the command to the first answer that the models are ready."""
    seconds = []
    for _ in range(repeats):
        with running() as (_, taken):
            seconds.append(taken)
    return spread(seconds)


def measure_strokes(server: Server, digits: Dataset, n: int) -> dict[str, Any]:
    """Return percentiles of the milliseconds from a drawing to the answers of both engines."""
    times, differences, right = [], [], 0
    with Client(server.port) as client:
        for image, label in zip(digits.images[:n], digits.labels[:n], strict=True):
            body = drawing(image)
            begin = perf_counter()
            status, answer = client.ask("POST", EXPLAIN, body, "image/png")
            times.append(1000 * (perf_counter() - begin))
            assert status == 200, answer
            cnn = next(m for m in json.loads(answer)["models"] if m["name"] == "cnn")
            right += int(cnn["digit"] == label)
            if cnn["largest_difference"] is not None:
                differences.append(cnn["largest_difference"])
    assert right > 0.95 * n, f"only {right} of {n} drawings were classified correctly"
    return {**percentiles(times), "right": right, "largest_difference": max(differences or [0.0])}


def percentiles(milliseconds: list[float]) -> dict[str, Any]:
    """Return the median, the 95th and 99th percentile, and how many there are."""
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99]).round(2).tolist()
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99, "n": len(milliseconds)}


def measure_throughput(
    server: Server, model: ServedModel, digits: Dataset, repeats: int
) -> dict[str, Any]:
    """Return images a second by the engine alone and through the server, in turns.

    transport: the same bodies, received by the same server and answered without computing: 404.
    """
    images = digits.images[:BATCH]
    expected, body = model.logits(images), images.tobytes()
    path = f"/v1/classify?model={model.source.name}"
    model.logits(images)
    seconds, _ = timed(lambda: model.logits(images))
    batches = max(1, round(SECONDS_ALONE / (seconds * CLIENTS_OF_BATCHES)))  # of each client
    total = BATCH * batches * CLIENTS_OF_BATCHES

    def one_client(path: str, expected_status: int) -> None:
        with Client(server.port) as client:
            for _ in range(batches):
                status, answer = client.ask("POST", path, body, Accept=OCTETS)
                assert status == expected_status, answer
                if status == 200:
                    assert np.abs(logits_in(answer) - expected).max() < 1e-4

    def rate(path: str, expected_status: int) -> float:
        return total / in_parallel(
            [partial(one_client, path, expected_status)] * CLIENTS_OF_BATCHES
        )

    alone, served, transport = [], [], []
    for _ in range(repeats + 1):  # a first round warms up
        begin = perf_counter()
        for _ in range(batches * CLIENTS_OF_BATCHES):
            model.logits(images)
        alone.append(total / (perf_counter() - begin))
        sleep(0.2)
        served.append(rate(path, 200))
        sleep(0.2)
        transport.append(rate("/v1/nothing", 404))
        sleep(0.2)
    ratios = [b / a for a, b in zip(alone[1:], served[1:], strict=True)]
    return {"engine": spread(alone[1:]), "server": spread(served[1:]), "ratio": median(ratios),
            "transport": spread(transport[1:])}  # fmt: skip


def measure_many_clients(server: Server, digits: Dataset, model: ServedModel) -> dict[str, Any]:
    """Return statuses and latencies of many clients that send single images all the time."""
    images = digits.images[: MANY_CLIENTS * REQUESTS_EACH]
    expected = model.logits(images)
    path, statuses, times = f"/v1/classify?model={model.source.name}", Counter[int](), []

    def one_client(number: int) -> None:
        with Client(server.port) as client:
            for k in range(number, len(images), MANY_CLIENTS):
                begin = perf_counter()
                status, answer = client.ask("POST", path, images[k].tobytes(), Accept=OCTETS)
                times.append(1000 * (perf_counter() - begin))
                statuses[status] += 1
                if status == 200:
                    assert np.allclose(logits_in(answer)[0], expected[k], atol=1e-4)

    seconds = in_parallel([partial(one_client, number) for number in range(MANY_CLIENTS)])
    assert set(statuses) <= {200, 503}, statuses
    rate = round(len(images) / seconds, 1)
    return {"clients": MANY_CLIENTS, "statuses": dict(statuses), "a_second": rate,
            **percentiles(times)}  # fmt: skip


def main() -> None:
    """Measure, and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--strokes", type=int, default=300)
    options = parser.parse_args()
    valid = load_data().valid
    models = {name: ServedModel.load(Source(name, folder, "")) for name, folder, _ in SHIPPED}
    result: dict[str, Any] = {"schema": 1, "start_to_ready_seconds": measure_start(options.repeats)}
    with running() as (server, _):
        result["stroke"] = measure_strokes(server, valid, options.strokes)
        result["classify"] = {
            name: measure_throughput(server, model, valid, options.repeats)
            for name, model in models.items()
        }
        result["many_clients"] = measure_many_clients(server, valid, models["cnn"])
    print_result(result, options.json)


if __name__ == "__main__":
    main()
