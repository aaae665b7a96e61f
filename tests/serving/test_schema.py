"""/openapi.json describes the API: schemathesis sends what it permits, and what it does not."""

import json
import re
import subprocess
import sys

import pytest
from running_server import JSON, KNOWN_LINES, serving

EXAMPLES = 6
"""Requests that schemathesis generates for each operation, after those that it derives."""

CONFIG = """
# A schema cannot say which bytes are a picture, nor that a shape fits its data.
[[operations]]
include-path = ["/v1/read", "/v1/classify", "/v1/explain", "/v1/training/image",
  "/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"]
checks.positive_data_acceptance.enabled = false

# Not every engine trains every recipe.
[[operations]]
include-path = "/v1/training"
include-method = "POST"
checks.positive_data_acceptance.enabled = false

# An endless stream.
[[operations]]
include-path = "/v1/training/events"
enabled = false
"""


@pytest.fixture(scope="module")
def schema(server):
    answer = server.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def operations_of(schema):
    return [
        (method.upper(), path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


@pytest.mark.slow
def test_the_api_is_as_it_is_described(tmp_path):
    """Without MNIST, so that no training begins."""
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    with serving(tmp_path / "server", "--workers", "2") as server:
        done = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config),
             "run", f"{server.url}/openapi.json", "--max-examples", str(EXAMPLES),
             "--phases", "examples,coverage,fuzzing",
             "--generation-deterministic", "--no-shrink",
             "--request-timeout", "120", "--suppress-health-check", "all", "--warnings", "off",
             "--no-color"],
            cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        tested = re.search(r"Tested: (\d+)", done.stdout)
        described = operations_of(server.get("/openapi.json").json())
        assert tested is not None
        assert int(tested[1]) == len(described) - 1
        assert server.metric("digitnn_worker_restarts") == 0
        odd = [line for line in server.log.splitlines() if not KNOWN_LINES.fullmatch(line)]
        assert odd == []


def test_every_operation_is_described(schema):
    assert schema["openapi"].startswith("3.1")
    operations = operations_of(schema)
    assert {(method, path) for method, path, _ in operations} >= {
        ("POST", "/v1/read"),
        ("POST", "/v1/classify"),
        ("POST", "/v1/explain"),
        ("POST", "/v2/models/{name}/infer"),
        ("GET", "/v2/health/ready"),
        ("GET", "/metrics"),
    }
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(set(ids)) == len(ids)
    for method, path, operation in operations:
        assert operation["summary"], path
        assert operation["tags"], path
        assert {"500", "503"} < operation["responses"].keys(), path
        assert any(status.startswith("2") for status in operation["responses"])
        bare = ("/v1/training/pause", "/v1/training/resume", "/v1/training/stop")
        if method == "POST" and path not in (*bare, "/v1/training/keep"):
            assert operation["requestBody"]["content"], path


def test_every_reference_in_the_schema_leads_somewhere(schema):
    references = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(schema))
    assert references
    for reference in references:
        found = schema
        for step in reference.split("/"):
            found = found[step]
        assert found


def test_the_examples_of_the_schema_are_answered(server, schema):
    sent = 0
    for method, path, operation in operations_of(schema):
        content = operation.get("requestBody", {}).get("content", {})
        example = content.get("application/json", {}).get("example")
        if example is not None:
            address = path.format(name="cnn", version="1")
            answer = server.ask(method, address, json.dumps(example), JSON)
            assert answer.status == 200, answer
            sent += 1
    assert sent == 3


def test_no_operation_takes_a_path_or_an_address_of_another_host(schema):
    for _, path, operation in operations_of(schema):
        for parameter in operation.get("parameters", ()):
            assert not re.search("path|file|folder|dir|url|uri", parameter["name"]), path
    assert not re.search(r'"format": "(uri|url|path|file-path)', json.dumps(schema))
