"""How many cores this process may use, within what Linux's control groups leave a container.

https://docs.kernel.org/admin-guide/cgroup-v2.html, "CPU Interface Files", and for version 1
https://docs.kernel.org/scheduler/sched-bwc.html
"""

import os
import sys
from collections.abc import Iterator
from functools import cache
from math import ceil
from pathlib import Path

GROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
FILES = (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
"""Version 2 has "150000 100000" in one file, version 1 in two: microseconds of each period."""


def available_cores() -> int:
    """How many cores this process may use: its affinity, or less if a container gives less."""
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), _quota() or sys.maxsize)
    return os.cpu_count() or 1


@cache
def _quota() -> int | None:
    """Read once: this is asked for at every step of a training."""
    return quota_in_cores()


def quota_in_cores(groups: Path = GROUPS, own: Path = OWN) -> int | None:
    """The least limit of our group and the groups around it, in cores rounded up; None: no limit.

    groups: where they are mounted; own: the file that names ours.
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
    """The limit of one group, if it has one."""
    for names in FILES:
        try:
            quota, period = " ".join((group / name).read_text() for name in names).split()
            if int(quota) > 0:
                yield ceil(int(quota) / int(period))
        except (OSError, ValueError):  # no such file, or "max"
            continue
