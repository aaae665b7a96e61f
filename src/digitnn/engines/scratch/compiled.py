"""Whether the compiled passes (`kernels`) are there and wanted: numba, the optional extra "fast".

Everything runs without them, in NumPy, with the same bits. The first trainer looks for numba.
Nothing else does: a process that only reads a picture would wait longer for numba than for that.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any


class _Compiled:
    """The module `kernels` once it is loaded, unless it is switched off."""

    def __init__(self) -> None:
        self._module: Any = None
        self._lock = threading.Lock()
        self._switched_off = 0  # how many are inside `switched_off`

    @property
    def kernels(self) -> Any:
        """The compiled passes, or None: then do it in NumPy."""
        return None if self._switched_off else self._module

    def load(self) -> None:
        """Import them if numba is installed; if it cannot be imported, warn and do without."""
        if self._module is not None or find_spec("numba") is None:
            return
        try:
            self._module = import_module("digitnn.engines.scratch.kernels")
        except Exception as error:  # numba refuses a NumPy too new for it with errors of many types
            cause = " ".join(str(error).split())
            warnings.warn(
                f"numba is installed but cannot be imported ({cause}): training goes on without "
                'it, slower; for a version that fits, pip install -U "digitnn[fast]"',
                RuntimeWarning,
                stacklevel=2,
            )

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """NumPy only while inside, for all threads: to compare, and to test."""
        with self._lock:
            self._switched_off += 1
        try:
            yield
        finally:
            with self._lock:
                self._switched_off -= 1


compiled = _Compiled()
