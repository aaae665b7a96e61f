"""Work on many items in several threads, with the results in order and few of them in memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

MAX_WAITING_PER_THREAD = 4
"""Results held for each thread until they are taken: this bounds the memory."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def map_in_order(
    work: Callable[[_Item], _Result], items: Iterable[_Item], threads: int
) -> Iterator[_Result]:
    """Yield `work(item)` for each item, in order, computed in several threads.

    An exception in `work` is raised in its turn; the remaining items are dropped.
    """
    if threads == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[_Result]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="digitnn-items")
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > MAX_WAITING_PER_THREAD * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
