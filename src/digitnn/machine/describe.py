"""What a figure was measured on: processor, cores, versions, commit."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from digitnn.machine.cores import available_cores
from digitnn.machine.resources import device, threads

PACKAGES = ("digitnn", "numpy", "scipy", "torch", "scikit-learn")


def describe_machine() -> dict[str, Any]:
    """Processor, cores, what is used of it, system, versions, commit, as plain builtins."""
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
    """What equal bits ask for besides equal input: processor, threads, device, versions."""
    return {"processor": _processor(), "threads": threads(), "device": device(), **_versions()}


def source_commit() -> str | None:
    """The commit of the checkout that digitnn runs from, with "+changes" if it was edited.

    None for an installed package.
    """
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
    """The name that the system gives the processor; a bare architecture where it gives none."""
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
