"""Whether the compiled passes are there and wanted: numba, the optional extra "fast".

Everything runs without them, in NumPy, with the same bits. The first trainer looks for numba; to
import it takes about as long as reading a picture, so nothing else does.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any


class _Compiled:
    """The module `kernels` once it is loaded, unless it is switched off."""

    def __init__(self) -> None:
        self._module: Any = None
        self._wanted = True

    @property
    def kernels(self) -> Any:
        """The compiled passes, or None: then do it in NumPy."""
        return self._module if self._wanted else None

    def load(self) -> None:
        """Import them if numba is installed."""
        if self._module is None and find_spec("numba") is not None:
            self._module = import_module("digitnn.scratch.kernels")

    @contextmanager
    def switched_off(self) -> Iterator[None]:
        """NumPy only while inside, for all threads: to compare, and to test."""
        before, self._wanted = self._wanted, False
        try:
            yield
        finally:
            self._wanted = before


compiled = _Compiled()
