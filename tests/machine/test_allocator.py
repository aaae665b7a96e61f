"""Freed memory stays in the process, where the C library is glibc."""

import platform
import subprocess
import sys

import pytest

from digitnn.machine import allocator

STEPS = """
import resource, sys
import numpy as np
from digitnn.machine.allocator import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
for step in range(30):
    if step == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(size, np.uint8) for size in (3_000_000, 20_000_000, 9_000_000, 30_000_000)]
    del arrays
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    command = [sys.executable, "-c", STEPS, how]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_the_arrays_of_a_step_are_not_mapped_anew() -> None:
    assert page_faults("keep") < page_faults("default") / 5


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: pytest.fail("it was opened"))
    allocator.keep_freed_memory.cache_clear()
    assert allocator.keep_freed_memory() is False
    allocator.keep_freed_memory.cache_clear()
