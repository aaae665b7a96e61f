"""Ctrl-C asks a training to end after its current step; a second Ctrl-C ends at once."""

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

Item = TypeVar("Item")


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Within the block, the first SIGINT sets the event and the second raises as usual."""
    stop = threading.Event()
    before = signal.getsignal(signal.SIGINT)

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask_to_stop)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def until(stop: threading.Event, items: Iterable[Item]) -> Iterator[Item]:
    """Pass `items` on until `stop` is set."""
    for item in items:
        yield item
        if stop.is_set():
            return
