"""A description of the machine for measured figures: processor, cores, versions, commit."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from digitnn.machine.resources import available_cores, device, threads

PACKAGES = ("digitnn", "numpy", "scipy", "torch", "scikit-learn")


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, settings, system, versions and commit as JSON values."""
    return {
        "processor": _processor(),
        "cores": available_cores(),
        "threads": threads(),
        "device": device(),
        "system": platform.platform(terse=True),
        "versions": _versions(),
        "commit": source_commit(),
    }


def describe_conditions() -> dict[str, Any]:
    """Return what equal bits require besides equal input: processor, threads, device, versions."""
    settings = {"threads": threads(), "device": device()}
    return {"processor": _processor(), **settings, **_versions()}


def source_commit() -> str | None:
    """Return the commit of the checkout, with "+changes" if it is edited; None if installed."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return None
    command = ["git", "describe", "--always", "--exclude=*", "--abbrev=12", "--dirty=+changes"]
    try:
        found = subprocess.run(command, cwd=root, capture_output=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.decode().strip()


def _processor() -> str:
    """Return the name of the processor, or the architecture if the system gives no name."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
