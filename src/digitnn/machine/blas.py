"""How many cores the matrix library (BLAS) may use."""

import os
import threading
from collections.abc import Callable
from time import monotonic, sleep

from threadpoolctl import ThreadpoolController

GRACE = 0.05
"""Seconds from the last use of `one_core_blas` until BLAS has all cores again."""


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
    _setter: threading.Thread | None
    _outside: int | None = None

    def __init__(self) -> None:
        self._forget()
        if hasattr(os, "register_at_fork"):  # a forked process has none of our threads
            os.register_at_fork(after_in_child=self._forget)

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if not self._limited:
                self._limited = True
                is_set = threading.Event()
                # looked up now: SciPy brings a library of its own, whenever it is imported
                self._begin(self._hold, ThreadpoolController(), is_set)
                is_set.wait()

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            self._left_at = monotonic()

    def set_free_to(self, threads: int) -> None:
        """From now on, while nobody is inside, BLAS uses so many threads."""
        with self._lock:
            self._outside = threads
            if not self._limited:
                self._begin(_set_threads, ThreadpoolController(), threads).join()

    def _begin(self, work: Callable[..., None], *arguments: object) -> threading.Thread:
        """Do `work` in a thread, after the one before is dead and with it its claim to set limits.

        A daemon: whoever never leaves does not keep the process from its end.
        """
        if self._setter is not None:
            self._setter.join()
        self._setter = threading.Thread(
            target=work, args=arguments, name="digitnn-blas", daemon=True
        )
        self._setter.start()
        return self._setter

    def _hold(self, blas: ThreadpoolController, is_set: threading.Event) -> None:
        """Limit BLAS, and lift the limit once nobody has been inside for a while."""
        limit = blas.limit(limits=1, user_api="blas").__enter__()
        is_set.set()
        while self._limited:
            sleep(GRACE)
            with self._lock:
                if self._inside == 0 and monotonic() - self._left_at >= GRACE:
                    limit.__exit__(None, None, None)
                    if self._outside is not None:
                        _set_threads(blas, self._outside)
                    self._limited = False

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._left_at = 0.0
        self._limited = False
        self._setter = None


one_core_blas = _OneCoreBlas()


def _set_threads(libraries: ThreadpoolController, threads: int) -> None:
    """For good: threadpoolctl's own limits are taken back by whoever set them."""
    for library in libraries.select(user_api="blas").lib_controllers:
        library.set_num_threads(threads)
