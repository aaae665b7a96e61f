"""A description of the machine for measured figures: processor, cores, versions, commit."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from digitnn.machine.cores import available_cores
from digitnn.machine.resources import device, threads

PACKAGES = ("digitnn", "numpy", "scipy", "torch", "scikit-learn")


def describe_machine() -> dict[str, Any]:
    """Return processor, cores, threads, device, system, versions, commit, as JSON values."""
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
    return {"processor": _processor(), "threads": threads(), "device": device(), **_versions()}


def source_commit() -> str | None:
    """Return the commit of the checkout, with "+changes" if it is edited; None if installed."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "--short=12", "HEAD")
        return commit + ("+changes" if _git(root, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=10
    )
    return done.stdout.strip()


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
