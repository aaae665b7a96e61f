"""Cutting a long computation into blocks that stay in cache, and running them on all cores.

NumPy's elementwise functions use one core, and a product of matrices as long as the data set
leaves nothing in cache for the function after it. So the images are cut into blocks, and each
thread takes blocks of its own through the whole network, with BLAS told to use one core.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from digitnn.cores import available_cores, one_core_blas

PARTS = 16
"""Blocks are dealt into this many parts, whatever the number of cores, so that sums over parts
have the same order, and the same bits, on 1 core as on 16."""

Result = TypeVar("Result")


def run_blocks(work: Callable[[Sequence[slice]], Result], n: int, block: int) -> list[Result]:
    """Cut range(n) into blocks, deal them into parts, and run `work` on each part.

    Returns the results in the order of the parts, however the threads were scheduled.
    """
    blocks = [slice(start, min(start + block, n)) for start in range(0, n, block)]
    parts = [part for p in range(PARTS) if (part := blocks[p::PARTS])]
    with one_core_blas:
        if len(parts) == 1:
            return [work(parts[0])]
        return list(_pool(available_cores()).map(work, parts))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="digitnn")
