"""Cutting a long computation into blocks that stay in cache, and running them on all cores.

NumPy's elementwise functions use one core, and a product of matrices as long as the data set
leaves nothing in cache for the function after it. So the images are cut into blocks, and each
thread takes blocks of its own through the whole network, with BLAS told to use one core.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

PARTS = 16
"""Blocks are dealt into this many parts, whatever the number of cores, so that sums over parts
have the same order, and the same bits, on 1 core as on 16."""

Result = TypeVar("Result")


def run_blocks(work: Callable[[Sequence[slice]], Result], n: int, block: int) -> list[Result]:
    """Cut range(n) into blocks, deal them into parts, and run `work` on each part.

    Returns the results in the order of the parts, however the threads were scheduled.
    """
    blocks = [slice(start, min(start + block, n)) for start in range(0, n, block)]
    parts = [part for p in range(PARTS) if (part := blocks[p::PARTS])]
    with _one_core_blas:
        if len(parts) == 1:
            return [work(parts[0])]
        return list(_pool(available_cores()).map(work, parts))


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="digitnn")


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


class _OneCoreBlas:
    """Keeps BLAS to one core while anybody is inside; it has one setting for all threads.

    A thread of its own sets and restores it, because threadpoolctl heeds only the thread that was
    the first to set a limit, and whoever enters first need not be the last to leave.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._setter = ThreadPoolExecutor(1, thread_name_prefix="digitnn-blas")
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._limit = self._setter.submit(_limit_blas).result()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._setter.submit(self._limit.__exit__, None, None, None).result()


def _limit_blas() -> Any:
    return _blas().limit(limits=1, user_api="blas").__enter__()


_one_core_blas = _OneCoreBlas()
