"""How many cores there are, and keeping the matrix library (BLAS) to one of them."""

import os
import threading
from functools import cache
from time import monotonic, sleep

from threadpoolctl import ThreadpoolController

GRACE = 0.05
"""Seconds from the last use of `one_core_blas` until BLAS has all cores again."""


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def matrix_threads() -> int:
    """How many threads the matrix libraries that are loaded may use: the most of any of them."""
    return max((library["num_threads"] for library in ThreadpoolController().info()), default=1)


class _OneCoreBlas:
    """Keeps BLAS to one core while anybody is inside; it has one setting for all threads.

    Code that spreads its own work over the cores wants this: BLAS's idle helpers otherwise spin
    for a while after each call, on the cores that the next piece of work needs. It mostly comes
    back at once, as steps of a training do, so the limit is lifted only `GRACE` after the last has
    left: lifted and set again between any two steps of a CNN, it made them a tenth slower.
    A thread of its own sets and lifts it: threadpoolctl 3.8 heeds only the thread that was the
    first to set a limit, until that one gives it back, and silently ignores all others.
    """

    _limited: bool

    def __init__(self) -> None:
        self._forget()
        if hasattr(os, "register_at_fork"):  # a forked process has none of our threads
            os.register_at_fork(after_in_child=self._forget)

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if not self._limited:
                self._limited = True
                blas, is_set = _blas(), threading.Event()
                # a daemon: whoever never leaves does not keep the process from its end
                threading.Thread(
                    target=self._hold, args=(blas, is_set), name="digitnn-blas", daemon=True
                ).start()
                is_set.wait()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            self._left_at = monotonic()

    def _hold(self, blas: ThreadpoolController, is_set: threading.Event) -> None:
        """Limit BLAS, and lift the limit once nobody has been inside for a while."""
        limit = blas.limit(limits=1, user_api="blas").__enter__()
        is_set.set()
        while self._limited:
            sleep(GRACE)
            with self._lock:
                if self._inside == 0 and monotonic() - self._left_at >= GRACE:
                    limit.__exit__(None, None, None)
                    self._limited = False

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._left_at = 0.0
        self._limited = False


one_core_blas = _OneCoreBlas()


@cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()
