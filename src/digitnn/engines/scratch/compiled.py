"""Access to the compiled passes (`kernels`), which need numba, the optional extra "fast".

Everything runs without them, in NumPy, with the same bits. Only a trainer imports numba: reading a
picture takes less time than that import.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any


class _Compiled:
    """Holds the module `kernels` once it is loaded, unless it is switched off."""

    def __init__(self) -> None:
        self._module: Any = None
        self._lock = threading.Lock()
        self._switched_off = 0  # the number of active `switched_off` blocks

    @property
    def kernels(self) -> Any:
        """The compiled passes, or None where NumPy shall do the work."""
        return None if self._switched_off else self._module

    def load(self) -> None:
        """Import the passes if numba is installed; warn if it cannot be imported."""
        if self._module is not None or find_spec("numba") is None:
            return
        try:
            self._module = import_module("digitnn.engines.scratch.kernels")
        except Exception as error:  # numba raises many types for a NumPy too new for it
            cause = " ".join(str(error).split())
            warnings.warn(
                f"numba is installed but cannot be imported ({cause}): training is slower without "
                'it; to install a version that fits: pip install -U "digitnn[fast]"',
                RuntimeWarning,
                stacklevel=2,
            )

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """Use NumPy only inside this block, in all threads, for comparisons and tests."""
        with self._lock:
            self._switched_off += 1
        try:
            yield
        finally:
            with self._lock:
                self._switched_off -= 1


compiled = _Compiled()
