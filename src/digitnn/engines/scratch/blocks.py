"""Cutting a long computation into blocks that stay in cache, and running them on all cores.

NumPy's elementwise functions use one core, and a product of matrices as long as the data set
leaves nothing in cache for the function after it. So the images are cut into blocks, the blocks are
dealt into parts, and each thread takes a part at a time, block by block through the whole network,
with BLAS (the library that multiplies matrices) told to use one core.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import TypeVar

from digitnn.machine.blas import one_core_blas
from digitnn.machine.resources import threads
from digitnn.network.layers import Conv2d
from digitnn.network.network import Architecture

PARTS = 16
"""Blocks are dealt into this many parts, whatever the number of cores, so that sums over parts
have the same order, and the same bits, on 1 core as on 16."""

WITH_CONVOLUTIONS, WITHOUT_CONVOLUTIONS = 32, 1024
"""Images in a block. With convolutions: of 8, 16, 32 and 64, 32 took the least time, forward and
backward; 64 came within 2 %, 16 within 12 %. Without: products of so many rows run nearly as fast
as longer ones, and what follows still finds them in a core's own cache; 384 to 4096 take the same
time within a tenth, 64 half as much again."""

Result = TypeVar("Result")


def block_of(architecture: Architecture) -> int:
    """How many images to take through a network at once."""
    convolves = any(isinstance(layer, Conv2d) for layer in architecture)
    return WITH_CONVOLUTIONS if convolves else WITHOUT_CONVOLUTIONS


def run_blocks(work: Callable[[Sequence[slice]], Result], n: int, block: int) -> list[Result]:
    """Cut range(n) into blocks, deal them into parts, and run `work` on each part.

    Returns the results in the order of the parts, however the threads were scheduled. A single
    part is too little to share out: it runs here, and BLAS may use the cores as it can. What the
    caller has told NumPy of overflow (`np.errstate`) holds in every thread.
    """
    blocks = [slice(start, min(start + block, n)) for start in range(0, n, block)]
    parts = [part for p in range(PARTS) if (part := blocks[p::PARTS])]
    if len(parts) == 1:
        return [work(parts[0])]
    with one_core_blas:
        contexts = [copy_context() for _ in parts]  # one cannot be entered by two threads
        return list(_pool(threads()).map(lambda own, part: own.run(work, part), contexts, parts))


@cache
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="digitnn")


if hasattr(os, "register_at_fork"):  # a child has none of the threads, and would wait for them
    os.register_at_fork(after_in_child=_pool.cache_clear)
