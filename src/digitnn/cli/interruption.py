"""Ctrl-C or SIGTERM asks a training to end after its current step; a second one ends at once."""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

Item = TypeVar("Item")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether somebody has asked to end, and by which signal."""

    signal_number: int | None = None

    def is_set(self) -> bool:
        """Somebody has."""
        return self.signal_number is not None


@contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """Within the block, the first signal is noted and the second does what it usually does."""
    stop = Stop()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.signal_number = number
        restore()

    for number in SIGNALS:
        signal.signal(number, ask_to_stop)
    try:
        yield stop
    finally:
        restore()


def until(stop: Stop, items: Iterable[Item]) -> Iterator[Item]:
    """Pass `items` on until `stop` is set."""
    for item in items:
        yield item
        if stop.is_set():
            return
