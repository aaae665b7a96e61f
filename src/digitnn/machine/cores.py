"""The number of cores this process may use, within the limits of Linux's control groups.

https://docs.kernel.org/admin-guide/cgroup-v2.html, "CPU Interface Files", and for version 1
https://docs.kernel.org/scheduler/sched-bwc.html
"""

import os
import sys
from collections.abc import Iterator
from functools import cache
from math import ceil
from pathlib import Path

CGROUP_ROOT, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
QUOTA_FILES = (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
"""Quota and period in microseconds: in version 2 "150000 100000" in one file, else two files."""


def available_cores() -> int:
    """Return the number of cores this process may use: its affinity, or the container's limit."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _quota() or sys.maxsize)
    return os.cpu_count() or 1


@cache
def _quota() -> int | None:
    """Return the quota, read once, as every training step needs it."""
    return quota_in_cores()


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
