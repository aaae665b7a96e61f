"""Let the C library keep the memory that a training step frees.

By default glibc returns large arrays to the system, which maps them anew, page by page, for the
next step: with PyTorch's convolutions that took 5 to 20 % of a step (docs/decisions/006). Other C
libraries are left alone.
"""

import ctypes
import platform
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""

LARGEST_ARRAY = 2**25
"""Bytes. Larger arrays are still mapped; glibc takes no higher threshold."""

KEPT = 2**30
"""Bytes that may be free at the end of the heap."""


@cache
def keep_freed_memory() -> bool:
    """Keep freed memory for later steps, in the whole process; return whether that was possible."""
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_ARRAY) and mallopt(M_TRIM_THRESHOLD, KEPT))
