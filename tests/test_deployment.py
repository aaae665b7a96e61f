"""The files for deployment that docs/serving.md shows are well-formed and safe."""

import configparser
import json
import re
import shlex
from pathlib import Path

import typer.main

from digitnn.cli.serve import serve

TEXT = (Path(__file__).parents[1] / "docs" / "serving.md").read_text()
INSTRUCTIONS = {"FROM", "RUN", "USER", "WORKDIR", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "CMD"}


def block(language: str) -> str:
    """The fenced block of docs/serving.md in one language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    return str(found)


def check_command(words: list[str]) -> None:
    """The options of a `digitnn serve` are ones that it has."""
    app = typer.Typer(add_completion=False)
    app.command()(serve)
    command = typer.main.get_command(app)
    assert words[0].endswith("digitnn")
    assert words[1] == "serve"
    known = {name for param in command.params for name in param.opts}
    options = [word for word in words[2:] if word.startswith("--")]
    assert options
    assert set(options) <= known


def test_the_systemd_unit_starts_the_server_without_privileges() -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(block("ini"))
    assert unit.sections() == ["Unit", "Service", "Install"]
    service = unit["Service"]
    check_command(shlex.split(service["ExecStart"]))
    assert "--host" not in service["ExecStart"]  # the proxy is on the same machine
    assert service["DynamicUser"] == service["NoNewPrivileges"] == "yes"
    assert int(service["TimeoutStopSec"]) > 10  # what is in flight is finished within 10 s
    kept = shlex.split(service["ExecStart"])[-1]
    assert kept.startswith(f"/var/lib/{service['StateDirectory']}/")


def test_the_dockerfile_has_a_user_a_health_check_and_an_exec_form_command() -> None:
    lines = block("dockerfile").replace("\\\n", " ").strip().splitlines()
    found = {name: rest for name, _, rest in (line.partition(" ") for line in lines)}
    assert set(found) == INSTRUCTIONS
    assert lines[0].startswith("FROM python:3.")
    names = [line.split()[0] for line in lines]
    assert names.index("USER") < names.index("CMD")
    assert found["USER"] != "root"
    command = json.loads(found["CMD"])
    check_command(command)
    assert command[command.index("--port") + 1] == found["EXPOSE"]
    health = json.loads(found["HEALTHCHECK"].split("CMD", 1)[1])
    assert f":{found['EXPOSE']}/v2/health/ready" in health[-1]
    compile(health[-1], "the health check", "exec")


def test_the_proxy_passes_the_host_on_and_permits_bodies_of_the_servers_size() -> None:
    text = block("nginx")
    assert text.count("{") == text.count("}")
    assert "proxy_set_header Host $host;" in text
    assert "client_max_body_size 16m;" in text
    assert "proxy_buffering off;" in text  # else the events of a training come too late
    (name,) = re.findall(r"server_name (\S+);", text)
    assert f"--allow-host {name}" in block("ini")
