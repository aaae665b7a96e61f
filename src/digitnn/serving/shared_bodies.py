"""Long bodies in memory that the workers see too.

The server receives a body into it, and a worker computes from there: nothing is copied or sent
through a pipe. Workers only read, so one that is ended in the middle leaves nothing half-written.
"""

import mmap
import os
import weakref
from dataclasses import dataclass, field
from multiprocessing.reduction import DupFd
from typing import Any, Protocol

SLOT_BYTES = 2 << 20
"""The longest body that is received into shared memory."""

MIN_BYTES = 1 << 16
"""Shorter bodies are sent through the pipe, which costs less than a slot."""

SCOPE_KEY = "digitnn.shared_body"
"""Where the ASGI scope of a request holds its `SharedBody`; the body of its messages is empty."""


class _Handle(Protocol):
    def detach(self) -> int: ...


class _Lease:
    """A slot in use: free again when nothing refers to the lease any more."""

    def __init__(self, free: list[int], slot: int) -> None:
        weakref.finalize(self, free.append, slot).atexit = False


@dataclass(frozen=True, eq=False)
class SharedBody:
    """Bytes of a slot. view: them; start: where they begin in the shared memory."""

    view: memoryview
    start: int
    lease: object = field(repr=False)

    def __len__(self) -> int:
        return len(self.view)

    def __getitem__(self, part: slice) -> "SharedBody":
        """Return a part, which shares the slot."""
        begin, end, _ = part.indices(len(self))
        return SharedBody(self.view[begin:end], self.start + begin, self.lease)


class SharedBodies:
    """Slots of shared memory. Pickled for a process that starts, it becomes a read-only view."""

    def __init__(self, slots: int) -> None:
        self._file = os.memfd_create("digitnn-bodies")  # in no folder; pages come when written to
        os.ftruncate(self._file, slots * SLOT_BYTES)
        self._view = memoryview(mmap.mmap(self._file, slots * SLOT_BYTES))
        self._free = list(range(slots))

    def take(self, n: int) -> SharedBody | None:
        """Return n bytes of a slot; None if no slot is free or n is too large."""
        if n > SLOT_BYTES:
            return None
        try:
            slot = self._free.pop()  # the last that was used: it is in the cache
        except IndexError:
            return None
        start = slot * SLOT_BYTES
        return SharedBody(self._view[start : start + n], start, _Lease(self._free, slot))

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)

    def __reduce__(self) -> tuple[Any, ...]:
        return _read_only, (DupFd(self._file),)


def _read_only(handle: _Handle) -> memoryview:
    file = handle.detach()
    try:
        return memoryview(mmap.mmap(file, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(file)


def shared_bodies(slots: int) -> SharedBodies | None:
    """Return the slots; None where the system has no anonymous files, or permits none."""
    if not hasattr(os, "memfd_create"):
        return None
    try:
        return SharedBodies(slots)
    except OSError:
        return None
