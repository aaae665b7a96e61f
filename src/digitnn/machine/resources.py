"""The threads and the device that a process computes with: one setting for both engines.

A process has one matrix library and one PyTorch, so the setting belongs to the process. An engine
applies it when `find_engine` returns it; a later change of PyTorch's own setting overrides it.
"""

import os
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from digitnn.errors import UsageError
from digitnn.machine.cores import available_cores
from digitnn.wording import brief, did_you_mean

Device: TypeAlias = Literal["auto", "cpu", "cuda", "mps"]

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


_chosen = _Chosen()


def use_resources(threads: int | None = None, device: str = "auto") -> None:
    """Set the threads and the device of engines created from now on.

    threads: None means the available cores, at most `MAX_DEFAULT_THREADS` or the lowest of
    `THREAD_VARIABLES`; device: where PyTorch computes, "auto" for an accelerator if there is one.
    Raises `UsageError` for an invalid value; whether the device exists is checked by the engine.
    """
    if threads is not None and not (type(threads) is int and 1 <= threads <= MAX_THREADS):
        raise UsageError(
            f"threads must be a whole number from 1 to {MAX_THREADS}, got {brief(threads)}"
        )
    for known in get_args(Device):
        if device == known:
            _chosen.threads, _chosen.device = threads, known
            return
    raise UsageError(
        f"unknown device {brief(device)}; known: {', '.join(get_args(Device))}"
        f"{did_you_mean(str(device), get_args(Device))}"
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


def _first(name: str) -> str:
    """Return the first number of the variable `name`: 4 for "4,2", where nested regions have 2."""
    return os.environ.get(name, "").split(",")[0].strip()
