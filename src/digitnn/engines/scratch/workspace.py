"""Memory for the intermediate results of inference.

An allocator returns large arrays to the system, whose pages are then mapped anew for the next one;
that took as long as half of all computation. Two buffers hold every intermediate result here, and
both stay in cache.
"""

from math import prod

import numpy as np
from jaxtyping import Float32
from numpy import ndarray


class Workspace:
    """Two buffers, written in turns by operations of which each reads only what the last one wrote.

    For one thread at a time.
    """

    def __init__(self) -> None:
        self._last, self._next = np.empty(0, np.float32), np.empty(0, np.float32)

    def empty(self, *shape: int) -> Float32[ndarray, "*shape"]:
        """Return an array in the buffer that was not returned last, with arbitrary content."""
        self._last, self._next = self._next, self._last
        size = prod(shape)
        if self._last.size < size:
            self._last = np.empty(size, np.float32)
        return self._last[:size].reshape(shape)
