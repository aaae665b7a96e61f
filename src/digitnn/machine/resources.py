"""What a process computes with: how many threads, on which device. One setting for both engines.

A process has one matrix library and one PyTorch, so the setting is the process's. An engine heeds
it when `find_engine` gives it; whoever changes PyTorch's own setting after that has the last word.
"""

import os
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from digitnn.errors import UsageError
from digitnn.machine.cores import available_cores
from digitnn.wording import brief, did_you_mean

Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]

FEW = 8
"""Threads at most, unless somebody asks for more. A step here takes some milliseconds: the blocks
of a batch keep a handful of threads busy, and each further one that PyTorch wakes, dozens of times
a step, is one more to wait for. A judgement: it was not measured on more than two cores. It also
lets all machines of 8 cores and more compute alike."""
MOST = 1024
LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables by which people keep the matrix libraries of a process in bounds."""


@dataclass
class _Chosen:
    threads: int | None = None
    device: Device = "auto"


_chosen = _Chosen()


def use_resources(threads: int | None = None, device: str = "auto") -> None:
    """Let engines that are made from now on use so many threads, and that device.

    threads: None takes the cores there are, at most `FEW` or what `LIMITS` say; device: where
    PyTorch computes, "auto" on an accelerator if it sees one. Raises `UsageError` for a value that
    cannot be; whether there is such a device shows when the engine is made.
    """
    if threads is not None and not (type(threads) is int and 1 <= threads <= MOST):
        raise UsageError(f"threads must be a whole number from 1 to {MOST}, got {brief(threads)}")
    for known in get_args(Device):
        if device == known:
            _chosen.threads, _chosen.device = threads, known
            return
    raise UsageError(
        f"unknown device {brief(device)}; known: {', '.join(get_args(Device))}"
        f"{did_you_mean(str(device), get_args(Device))}"
    )


def threads() -> int:
    """How many threads an engine may use."""
    if _chosen.threads is not None:
        return _chosen.threads
    limits = [int(text) for name in LIMITS if (text := _first(name)).isdecimal() and int(text)]
    return min(available_cores(), *(limits or [FEW]))


def device() -> Device:
    """Where PyTorch should compute."""
    return _chosen.device


def _first(name: str) -> str:
    """The variable `name`, of "4,2" (four threads, two in each that nests) the 4."""
    return os.environ.get(name, "").split(",")[0].strip()
