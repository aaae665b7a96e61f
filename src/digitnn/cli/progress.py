"""A training as a user follows it: its progress on stderr, and how a signal ends it early.

Progress is a bar on a terminal and plain lines elsewhere. Ctrl-C or SIGTERM ends a training after
its current step; a second one ends the process at once.
"""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from digitnn.cli.console import messages, say
from digitnn.training.records import EpochRecord, Record
from digitnn.training.training import Training
from digitnn.wording import percent

N_PLAIN_LINES = 10
"""Lines that a training prints, approximately, if stderr is not a terminal."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)

Yielded = TypeVar("Yielded")


class Stop:
    """A request to end: the number of the signal that made it, None before."""

    signal_number: int | None = None


@contextmanager
def stop_on_interrupt() -> Iterator[Stop]:
    """Within the block, note the first signal in the `Stop`; the second has its usual effect."""
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


def until(stop: Stop, items: Iterable[Yielded]) -> Iterator[Yielded]:
    """Yield `items` until `stop` is requested."""
    for item in items:
        yield item
        if stop.signal_number is not None:
            return


def watch_until(stop: Stop) -> Callable[[Training, str], Iterator[Record]]:
    """Return a function of a training and a title that shows its records until `stop`."""

    def watch(training: Training, title: str) -> Iterator[Record]:
        return until(stop, follow(training, title))

    return watch


def follow(training: Training, title: str) -> Iterator[Record]:
    """Yield the records of `training`, and show each."""
    return _with_bar(training, title) if messages().is_terminal else _with_lines(training, title)


def _epoch_line(training: Training, record: EpochRecord) -> str:
    """Return `epoch 3  loss 0.0812  train 97.51 %  valid 98.20 % ...`."""
    unit = "iteration" if training.recipe.is_full_batch else "epoch"
    return (
        f"{unit} {record.epoch}  loss {record.loss:.4f}  train {percent(record.accuracy)}  "
        f"valid {percent(record.valid_accuracy)}  {record.images_per_second:,.0f} images/s  "
        f"{record.seconds:.1f} s"
    )


def _with_lines(training: Training, title: str) -> Iterator[Record]:
    shown = 0
    for record in training:
        due = int(N_PLAIN_LINES * record.done + 1e-9)
        if isinstance(record, EpochRecord) and due > shown:
            shown = due
            say(f"{title}: {_epoch_line(training, record)}")
        yield record


def _with_bar(training: Training, title: str) -> Iterator[Record]:
    columns = (
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        BarColumn(None, table_column=Column(min_width=4, ratio=1)),
        TextColumn("{task.fields[figures]}", table_column=Column(no_wrap=True)),
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True, min_width=5)),
    )
    valid = ""
    with Progress(*columns, console=messages()) as progress:
        task = progress.add_task(title, total=1.0, figures="")
        for record in training:
            if isinstance(record, EpochRecord):
                valid = f"valid {100 * record.valid_accuracy:.1f} "
                if not training.recipe.is_full_batch:
                    say(f"{title}: {_epoch_line(training, record)}")
            figures = (  # short enough for a terminal of 80 columns
                f"{record.epoch}/{training.recipe.epochs} loss {record.loss:.3f} "
                f"train {100 * record.accuracy:.1f} {valid}% "
                f"{record.images_per_second / 1000:.3g}k/s"
            )
            progress.update(task, completed=record.done, figures=figures)
            yield record
