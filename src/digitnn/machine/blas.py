"""Limits the number of cores that the matrix library (BLAS) uses."""

import os
import threading
from collections.abc import Callable
from time import monotonic, sleep

from threadpoolctl import ThreadpoolController

GRACE_SECONDS = 0.05
"""From the last use of `one_core_blas` until BLAS may use all cores again."""


class _OneCoreBlas:
    """A context that limits BLAS to one core, in all threads, while any thread is inside.

    For code that distributes its own work over the cores: BLAS's idle threads spin for a while
    after each call, on cores that the next piece of work needs. The steps of a training enter
    again at once, so the limit is lifted only `GRACE_SECONDS` after the last exit: lifting and
    setting it between two steps of a CNN made them 10 % slower.
    A separate thread sets and lifts the limit: threadpoolctl 3.8 accepts limits only from the
    thread that first set one, until that thread lifts it, and silently ignores all others.
    """

    _limited: bool
    _setter: threading.Thread | None
    _free_threads: int | None = None

    def __init__(self) -> None:
        self._reset()
        if hasattr(os, "register_at_fork"):  # a forked process does not have our threads
            os.register_at_fork(after_in_child=self._reset)

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if not self._limited:
                self._limited = True
                is_set = threading.Event()
                # looked up each time: SciPy loads its own BLAS when it is imported
                self._start_thread(self._hold, ThreadpoolController(), is_set)
                is_set.wait()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            self._left_at = monotonic()

    def set_free_to(self, threads: int) -> None:
        """Let BLAS use so many threads from now on, outside the context."""
        with self._lock:
            self._free_threads = threads
            if not self._limited:
                self._start_thread(_set_threads, ThreadpoolController(), threads).join()

    def _start_thread(self, work: Callable[..., None], *arguments: object) -> threading.Thread:
        """Do `work` in a thread, after the previous one has ended and released its limits.

        It is a daemon, so that a context never left does not keep the process alive.
        """
        if self._setter is not None:
            self._setter.join()
        self._setter = threading.Thread(
            target=work, args=arguments, name="digitnn-blas", daemon=True
        )
        self._setter.start()
        return self._setter

    def _hold(self, blas: ThreadpoolController, is_set: threading.Event) -> None:
        """Limit BLAS, and lift the limit `GRACE_SECONDS` after the last exit."""
        limit = blas.limit(limits=1, user_api="blas").__enter__()
        is_set.set()
        while self._limited:
            sleep(GRACE_SECONDS)
            with self._lock:
                if self._inside == 0 and monotonic() - self._left_at >= GRACE_SECONDS:
                    limit.__exit__(None, None, None)
                    if self._free_threads is not None:
                        _set_threads(blas, self._free_threads)
                    self._limited = False

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._left_at = 0.0
        self._limited = False
        self._setter = None


one_core_blas = _OneCoreBlas()


def _set_threads(libraries: ThreadpoolController, threads: int) -> None:
    """Set the number of threads permanently, unlike threadpoolctl's limits."""
    for library in libraries.select(user_api="blas").lib_controllers:
        library.set_num_threads(threads)
