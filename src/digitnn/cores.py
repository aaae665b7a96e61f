"""How many cores there are, and keeping the matrix library (BLAS) to one of them."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _OneCoreBlas:
    """Keeps BLAS to one core while anybody is inside; it has one setting for all threads.

    Code that spreads its own work over the cores wants this: BLAS's idle helpers otherwise spin
    for a while after each call, on the cores that the next piece of work needs.
    A thread of its own sets and restores it: threadpoolctl 3.8 heeds only the thread that was the
    first to set a limit, until that one gives it back, and silently ignores all others.
    """

    def __init__(self) -> None:
        self.forget()
        if hasattr(os, "register_at_fork"):  # a child has no setter thread, and would wait for it
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """Begin anew: nobody inside."""
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


one_core_blas = _OneCoreBlas()


def _limit_blas() -> Any:
    return _blas().limit(limits=1, user_api="blas").__enter__()


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
