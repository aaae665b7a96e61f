"""Cut a long computation into blocks that stay in cache, and run them on all cores.

NumPy's elementwise functions use one core, and a matrix product over the whole data set leaves
nothing in cache for the next function. So the images are cut into blocks, the blocks are dealt into
parts, and each thread takes one part at a time, block by block through the whole network, while
BLAS (the matrix library) is limited to one core.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from math import prod
from typing import TypeVar

from digitnn.machine.blas import one_core_blas
from digitnn.machine.resources import threads
from digitnn.network.layers import BatchNorm, Conv2d, Dense
from digitnn.network.network import Architecture, Network

PARTS = 16
"""The number of parts does not depend on the number of cores, so that sums over parts have the same
order, and the same bits, on 1 core as on 16."""

BLOCK_WITH_CONVOLUTION, BLOCK_WITHOUT_CONVOLUTION = 32, 1024
"""Images per block, measured in docs/decisions/006-the-speed-of-the-scratch-engine.md."""

MAX_TRAINING_BLOCK, MAX_PLANES = 64, 2**19
"""A training block has 64 images instead of 32 if no layer then puts out more numbers than this, 2
MB in single precision: small layers wait for the interpreter, large ones for memory."""

MAX_MEETING_BLOCK, FEW_PRODUCTS = 128, 10**6
"""With BatchNorm, where all blocks wait for each other at each of these layers, blocks are larger:
twice the numbers, and 128 images if an image takes fewer multiplications than this. One thread is
then faster than two that wait for the interpreter in turns."""

Result = TypeVar("Result")


def block_size(architecture: Architecture) -> int:
    """Return how many images to take through a network at once."""
    convolves = any(isinstance(layer, Conv2d) for layer in architecture)
    return BLOCK_WITH_CONVOLUTION if convolves else BLOCK_WITHOUT_CONVOLUTION


def training_block_size(network: Network) -> int:
    """Return how many images to take there and back at once."""
    size = block_size(network.layers)
    meets = any(isinstance(layer, BatchNorm) for layer in network.layers)
    numbers = 2 * MAX_PLANES if meets else MAX_PLANES
    larger = [MAX_TRAINING_BLOCK]
    if meets and products(network) < FEW_PRODUCTS:
        larger.insert(0, MAX_MEETING_BLOCK)
    largest = max(prod(shape) for shape in network.shapes())
    return next((n for n in larger if n > size and n * largest <= numbers), size)


def products(network: Network) -> int:
    """Return how many multiplications the dense and convolutional layers make for an image."""
    shapes, outputs = network.parameter_shapes(), network.shapes()[1:]
    return sum(
        prod(shapes[f"{index}.weight"]) * prod(output[1:])
        for index, (layer, output) in enumerate(zip(network.layers, outputs, strict=True))
        if isinstance(layer, Dense | Conv2d)
    )


def run_blocks(work: Callable[[Sequence[slice]], Result], n: int, block: int) -> list[Result]:
    """Cut range(n) into blocks, deal them into parts, and run `work` on each part.

    Returns the results in the order of the parts, however the threads are scheduled. A single part
    runs in the calling thread, with BLAS on all cores. The caller's `np.errstate` holds in every
    thread.
    """
    blocks = [slice(start, min(start + block, n)) for start in range(0, n, block)]
    parts = [part for p in range(PARTS) if (part := blocks[p::PARTS])]
    if len(parts) == 1:
        return [work(parts[0])]
    with one_core_blas:
        contexts = [copy_context() for _ in parts]  # two threads cannot enter one context
        return list(_pool(threads()).map(lambda own, part: own.run(work, part), contexts, parts))


@cache
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="digitnn")


if hasattr(os, "register_at_fork"):  # a forked child has no threads to wait for
    os.register_at_fork(after_in_child=_pool.cache_clear)
