"""GET /metrics counts what the server does."""

import re

from prometheus_client.parser import text_string_to_metric_families
from running_server import OCTETS, wait_until

from digitnn.serving.metrics import Metrics


def test_requests_are_counted_by_path_and_status(server):
    def count(method, path, status):
        labels = f'method="{method}",path="{path}",status="{status}"'
        return server.metric(f"digitnn_requests_total{{{labels}}}")

    expected = {
        ("POST", "/v1/classify", "200"): 3,
        ("POST", "/v1/classify", "422"): 2,
        ("GET", "/v1/models/{name}/filter", "404"): 1,
        ("GET", "other", "404"): 2,
        ("other", "/v1/models", "405"): 0,
    }
    before = {key: count(*key) for key in expected}
    seconds = server.metric('digitnn_request_seconds_count{path="/v1/classify"}')
    rejected = server.metric('digitnn_rejected_total{status="422"}')
    for body in (bytes(784), bytes(784), bytes(784 * 2), b"x", b""):
        server.post("/v1/classify", body, OCTETS)
    server.get("/v1/models/a/filter?stage=0&plane=0")
    server.get("/a-path-of-mine")
    server.get("/another/path")
    wait_until(lambda: count("GET", "other", "404") >= before["GET", "other", "404"] + 2)
    assert {key: count(*key) - before[key] for key in expected} == expected
    assert server.metric('digitnn_request_seconds_count{path="/v1/classify"}') == seconds + 5
    assert server.metric('digitnn_rejected_total{status="422"}') == rejected + 2
    assert "a-path-of-mine" not in server.get("/metrics").body.decode()


def test_the_text_is_what_prometheus_reads(server):
    answer = server.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {f.name: f for f in text_string_to_metric_families(answer.body.decode())}
    assert families.keys() >= {
        "digitnn_requests", "digitnn_request_seconds", "digitnn_rejected",
        "digitnn_in_flight", "digitnn_queue", "digitnn_worker_restarts",
    }  # fmt: skip
    assert all(family.documentation for family in families.values())
    assert all(re.fullmatch(r"digitnn_\w+", name) for name in families)


def test_methods_and_paths_that_clients_invent_make_no_new_series():
    metrics = Metrics(lambda: 1, lambda: 2, lambda: 3)
    for method in ("GET", "BREW", "X" * 50):
        metrics.count(method, "other", 404, 0.1)
    text = metrics.text().decode()
    assert 'method="other",path="other",status="404"} 2.0' in text
    assert "BREW" not in text
    assert "digitnn_in_flight 1.0" in text
    assert "digitnn_queue 2.0" in text
    assert "digitnn_worker_restarts 3.0" in text
