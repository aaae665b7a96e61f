"""How `digitnn serve` begins, or says in one line why it cannot."""

import importlib.util
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from commands import assert_one_error_line
from running_server import OCTETS, PNG, form, serving, wait_until, workers_of

from digitnn.serving.server import listen
from digitnn.serving.settings import Settings

IMAGE = bytes(784)


def test_a_port_in_use_is_told_with_one_that_is_free(digitnn):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = digitnn("serve", "--port", str(port))
    assert_one_error_line(done, 2, f"port {port}", "in use", "--port")
    proposed = int(done.err.rpartition("--port ")[2])
    assert port < proposed <= 65535
    listen("127.0.0.1", proposed).close()


def test_an_address_that_is_not_ours_is_told(digitnn):
    for host in ("192.0.2.1", "no..name", "a" * 70):  # none of them is looked up elsewhere
        done = digitnn("serve", "--port", "0", "--host", host)
        assert_one_error_line(done, 2, f"cannot listen on {host}")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("missing", "no such folder"),
        ("file", "is a file, not a run"),
        ("empty", "it lacks network.json"),
        ("damaged", "it lacks params.safetensors"),
        ("ensemble", "is an ensemble, not one network"),
    ],
)
def test_a_model_that_is_no_run_is_told(digitnn, what, words):
    path = Path("my-run")
    if what == "file":
        path.write_text("{}")
    elif what != "missing":
        path.mkdir()
    if what == "damaged":
        (path / "network.json").write_text("{}")
    if what == "ensemble":
        (path / "members").mkdir()
    done = digitnn("serve", "--port", "0", "--model", str(path))
    assert_one_error_line(done, 1, "my-run", words)


@pytest.mark.parametrize("library", ["fastapi", "uvicorn", "prometheus_client", "multipart"])
def test_a_missing_library_names_the_extra(digitnn, monkeypatch, library):
    found = importlib.util.find_spec

    def find_spec(name, *more):
        return None if library in name else found(name, *more)

    monkeypatch.setattr("importlib.util.find_spec", find_spec)
    assert_one_error_line(digitnn("serve", "--port", "0"), 1, "pip install 'digitnn[serve]'")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--port", "-1"), ("--port", "65536"), ("--port", "http"), ("--workers", "-1"),
     ("--max-megabytes", "0"), ("--max-megabytes", "nan"), ("--request-seconds", "0"),
     ("--request-seconds", "inf"), ("--max-waiting", "-1")],
)  # fmt: skip
def test_an_option_out_of_range_is_told(digitnn, option, value):
    assert_one_error_line(digitnn("serve", option, value), 2, option.strip("-").split("-")[0])


def test_help_imports_no_server():
    code = (
        "import sys; from digitnn.cli.app import main; main(['serve', '--help']);"
        "sys.exit(any(name in sys.modules for name in ('fastapi', 'uvicorn', 'torch')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--port" in done.stdout


def test_it_listens_on_this_machine_only_unless_told(server):
    assert server.host == "127.0.0.1"
    assert "other machines" not in server.log
    assert Settings().host == "127.0.0.1"


@pytest.mark.slow
def test_it_says_in_one_line_that_others_can_reach_it(tmp_path):
    with serving(tmp_path / "open", "--workers", "1", "--host", "0.0.0.0") as server:
        wait_until(lambda: "other machines" in server.log)
        assert len(server.log.splitlines()) == 2
        assert "listens on 0.0.0.0" in server.log
        for host, status in (("10.1.2.3:8000", 200), ("evil.example", 403), ("localhost", 200)):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(f"GET /v2 HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                assert client.recv(1000).split()[1] == str(status).encode()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit, and /proc")
def test_uploads_are_never_written_to_disk(tmp_path, row_of_fives):
    """From its start on, no process of the server can write a byte to any file."""
    import resource

    with serving(tmp_path / "server", "--workers", "1") as server:
        for process in (server.process.pid, *workers_of(server)):
            resource.prlimit(process, resource.RLIMIT_FSIZE, (0, 0))
        padded = row_of_fives + bytes(3_000_000)
        answer = server.post("/v1/read?single=true", *form([(f"{n}.png", padded) for n in "abcde"]))
        assert answer.status == 200
        assert [picture["error"] for picture in answer.json()["pictures"]] == [None] * 5
        assert server.post("/v1/classify", bytes(784 * 2000), OCTETS).status == 200
        assert server.post("/v1/explain", padded + bytes(12_000_000), PNG).status == 200


@pytest.mark.slow
def test_a_run_of_the_users_own_is_served_with_a_name_of_its_own(tmp_path, digitnn, small_mnist):
    for name in ("my run", "cnn"):
        done = digitnn(
            "train", "mlp", "--engine", "scratch", "--epochs", "1", "--out", f"runs/{name}",
            "--data-dir", str(small_mnist),
        )  # fmt: skip
        assert done.code == 0, done.err
    runs = [str(tmp_path / "runs" / name) for name in ("my run", "cnn")]
    options = ("--workers", "1", "--model", runs[0], "--model", runs[1])
    with serving(tmp_path / "server", *options) as server:
        listed = [model["name"] for model in server.get("/v1/models").json()["models"]]
        assert listed == ["reader", "classic", "cnn", "my-run", "cnn-2"]
        for name in listed[3:]:
            answer = server.post(f"/v1/classify?model={name}", IMAGE, OCTETS)
            assert answer.json()["model"] == name
