"""The threads, the device and the precision that a process computes with, and its cores.

A process has one matrix library and one PyTorch, so it has one setting, for both engines. An engine
applies it when `find_engine` returns it; a later change of PyTorch's own setting overrides it.

Linux's control groups may limit the cores: https://docs.kernel.org/admin-guide/cgroup-v2.html,
"CPU Interface Files", and for version 1 https://docs.kernel.org/scheduler/sched-bwc.html
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from digitnn.errors import UsageError
from digitnn.wording import brief, did_you_mean

Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]
Precision: TypeAlias = Literal["float32", "bfloat16"]

DEFAULT_PRECISION: Precision = "float32"
MAX_DEFAULT_THREADS = 8
"""The number of threads is at most this, unless the user asks for more. A step takes only a few
milliseconds: the blocks of a batch occupy few threads, and PyTorch synchronises its threads dozens
of times per step. The value is an estimate, not measured on more than two cores. It also gives all
machines with 8 or more cores identical results."""
MAX_THREADS = 1024
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables that limit the threads of matrix libraries."""


@dataclass
class _Chosen:
    threads: int | None = None
    device: Device = "auto"
    precision: Precision = DEFAULT_PRECISION


_chosen = _Chosen()


def use_resources(
    threads: int | None = None, device: str = "auto", precision: str = DEFAULT_PRECISION
) -> None:
    """Set the threads, the device and the precision of engines created from now on.

    threads: None means the available cores, at most `MAX_DEFAULT_THREADS` or the lowest of
    `THREAD_VARIABLES`; device: where PyTorch computes, "auto" for an accelerator if there is one;
    precision: of the factors of PyTorch's products in training on mini-batches. Parameters and sums
    are float32 in any case.
    Raises `UsageError` for an invalid value; whether the device exists is checked by the engine.
    """
    if threads is not None and not (type(threads) is int and 1 <= threads <= MAX_THREADS):
        raise UsageError(
            f"threads must be a whole number from 1 to {MAX_THREADS}, got {brief(threads)}"
        )
    chosen_device: Device = _one_of(device, "device", get_args(Device))
    chosen_precision: Precision = _one_of(precision, "precision", get_args(Precision))
    _chosen.threads, _chosen.device, _chosen.precision = threads, chosen_device, chosen_precision


def _one_of(name: str, what: str, known: tuple[Any, ...]) -> Any:
    """Return `name` if it is among the known ones."""
    if name in known:
        return name
    raise UsageError(
        f"unknown {what} {brief(name)}; known: {', '.join(known)}{did_you_mean(str(name), known)}"
    )


def threads() -> int:
    """Return how many threads an engine may use."""
    if _chosen.threads is not None:
        return _chosen.threads
    limits = [
        int(text) for name in THREAD_VARIABLES if (text := _first(name)).isdecimal() and int(text)
    ]
    return min(available_cores(), *(limits or [MAX_DEFAULT_THREADS]))


def device() -> Device:
    """Return the device on which PyTorch should compute."""
    return _chosen.device


def precision() -> Precision:
    """Return the precision of the factors of PyTorch's products in training on mini-batches."""
    return _chosen.precision


def _first(name: str) -> str:
    """Return the first number of the variable `name`: 4 for "4,2", where nested regions have 2."""
    return os.environ.get(name, "").split(",")[0].strip()


CGROUP_ROOT, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
QUOTA_FILES = (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
"""Quota and period in microseconds: in version 2 "150000 100000" in one file, else two files."""


def available_cores() -> int:
    """Return the number of cores this process may use: its affinity, or the container's limit."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), quota_in_cores() or sys.maxsize)
    return os.cpu_count() or 1


@cache  # every training step needs it
def quota_in_cores(groups: Path = CGROUP_ROOT, own: Path = OWN_CGROUPS) -> int | None:
    """Return the lowest limit of our group and its ancestors, in cores rounded up, or None.

    groups: where the groups are mounted; own: the file that names our group.
    """
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return None
    quotas: list[int] = []
    for line in lines:
        _, controllers, name = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            root = groups / controllers
            inner = root / name.lstrip("/")
            outward = (inner, *inner.parents)
            for group in outward[: outward.index(root) + 1]:
                quotas += _quotas(group)
    return min(quotas, default=None)


def _quotas(group: Path) -> Iterator[int]:
    """Yield the limit of one group, if it has one."""
    for names in QUOTA_FILES:
        try:
            quota, period = " ".join((group / name).read_text() for name in names).split()
            if int(quota) > 0:
                yield ceil(int(quota) / int(period))
        except (OSError, ValueError):  # no such file, or "max"
            continue
