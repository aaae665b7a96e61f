"""Run `digitnn read-collection` as a process of its own, and watch its time and memory."""

import json
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

CLI = "import sys; from digitnn.cli.app import main; sys.exit(main())"


class RunError(Exception):
    """The command failed; the message is the end of what it printed."""


@dataclass(frozen=True)
class Run:
    """One run of the command. rate: pictures per second between the first shard and the last.

    seconds: wall-clock, all of it; processor_seconds: of all processes; peak_megabytes: the
    largest sum of resident memory of the command and its workers.
    """

    pictures: int
    seconds: float
    processor_seconds: float
    rate: float
    peak_megabytes: float


def read_collection(source: Path, out: Path, *options: str) -> Run:
    """Run the command as a process of its own, and watch it. Raises `RunError`."""
    command = [sys.executable, "-c", CLI, "read-collection", str(source), "--out", str(out)]
    command += ["--progress", "json", "--json", *options]
    before, start = _children_seconds(), perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak: list[float] = [0.0]
    watcher = threading.Thread(target=_watch_memory, args=(process, peak))
    watcher.start()
    printed, messages = process.communicate()
    seconds = perf_counter() - start
    watcher.join()
    if process.returncode:
        raise RunError(f"read-collection failed: {messages[-400:]}")
    steps = [json.loads(line) for line in messages.splitlines() if line.startswith("{")]
    found = json.loads(printed)
    rate = _rate([step for step in steps if step["shards"]])
    processor = _children_seconds() - before
    return Run(found["rows"], seconds, processor, rate or found["pictures_per_second"], peak[0])


def _rate(steps: Sequence[dict[str, Any]]) -> float:
    if len(steps) < 2 or steps[0]["pictures"] == steps[-1]["pictures"]:
        return 0.0
    pictures = steps[-1]["pictures"] - steps[0]["pictures"]
    return float(pictures / (steps[-1]["seconds"] - steps[0]["seconds"]))


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch_memory(process: "subprocess.Popen[str]", peak: list[float]) -> None:
    """Keep the largest resident memory of a process and its children, until it ends."""
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(_resident, [process.pid, *_children(process.pid)])))
        sleep(0.1)


def _children(pid: int) -> list[int]:
    try:
        return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _resident(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
