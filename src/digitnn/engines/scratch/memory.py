"""Memory for the intermediate results of a training step.

An allocator returns large arrays to the system, which then maps them anew, page by page, in every
step: that took a tenth to a quarter of a step with convolutions. A block of images takes the same
arrays in each step; here it gets them out of one buffer, and gives all back at once.
`workspace` is its counterpart for inference, which keeps nothing for a way back.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

Array: TypeAlias = Shaped[ndarray, "..."]

ALIGNMENT = 64
"""Bytes: a cache line, and the longest vector of a processor."""

MIN_CHUNK = 2**20
"""Bytes of the first buffers; after the first step there is one, as large as all of them."""


class _Stack:
    """A buffer that hands out arrays one after the other, and takes back the last ones."""

    def __init__(self) -> None:
        self._chunks: list[ndarray] = []
        self._free = 0

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
        """Return an array with arbitrary content."""
        size = prod(shape) * dtype.itemsize
        if not self._chunks or len(self._chunks[-1]) - self._free < size:
            self._chunks.append(_aligned(max(size, MIN_CHUNK)))
            self._free = 0
        start = self._free
        self._free = start - (-size // ALIGNMENT) * ALIGNMENT
        return self._chunks[-1][start : start + size].view(dtype).reshape(shape)

    def mark(self) -> tuple[int, int]:
        """Return how much is handed out, for `release`."""
        return len(self._chunks), self._free

    def release(self, mark: tuple[int, int]) -> None:
        """Take back all arrays handed out since `mark`.

        If buffers were added since then, they are joined where nothing is in use, else left to
        whoever releases more.
        """
        chunks, free = mark
        if free == 0 and len(self._chunks) > 1:
            self._chunks = [_aligned(sum(map(len, self._chunks)))]
        if free == 0 or len(self._chunks) == chunks:
            self._free = free


class Memory:
    """The memory of one block of images, for one thread at a time.

    kept: what the way back needs, until `reset`; passing: what is needed until the end of a
    `passing_arrays` context, so that it stays in cache.
    """

    def __init__(self) -> None:
        self.kept, self.passing = _Stack(), _Stack()

    def reset(self) -> None:
        """Take all arrays back."""
        self.kept.release((0, 0))
        self.passing.release((0, 0))

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let `empty` and `passing` take arrays from here, in this thread and block."""
        _active.memory = self
        try:
            yield
        finally:
            _active.memory = None


class Memories:
    """Memories that are not in use; threads may share it."""

    def __init__(self) -> None:
        self._free: deque[Memory] = deque()

    def take(self) -> Memory:
        """Return a memory that nobody uses, the one given back last."""
        try:
            return self._free.pop()
        except IndexError:
            return Memory()

    def give_back(self, memory: Memory) -> None:
        """Reset a memory, and keep it for the next who needs one."""
        memory.reset()
        self._free.append(memory)


class _Active(threading.local):
    memory: Memory | None = None


_active = _Active()


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return an array with arbitrary content, from the active memory if there is one."""
    memory = _active.memory
    return np.empty(shape, dtype) if memory is None else memory.kept.empty(shape, dtype)


def passing(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return such an array for the innermost `passing_arrays` only."""
    memory = _active.memory
    return np.empty(shape, dtype) if memory is None else memory.passing.empty(shape, dtype)


@contextmanager
def passing_arrays() -> Iterator[None]:
    """Take back at the end of this block what `passing` has handed out in it."""
    memory = _active.memory
    if memory is None:
        yield
        return
    mark = memory.passing.mark()
    yield
    memory.passing.release(mark)


def product(a: Array, b: Array, place: Callable[..., Array] = empty) -> Array:
    """Return a @ b in memory from `place`; each is a matrix, or the one with more axes a stack."""
    stack = a.shape[:-2] if a.ndim >= b.ndim else b.shape[:-2]
    shape = (*stack, a.shape[-2], b.shape[-1])
    return np.matmul(a, b, out=place(shape, a.dtype))


def _aligned(size: int) -> ndarray:
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]
