"""Show the progress of downloads and trainings on stderr, and end a training at a signal.

Progress is a bar on a terminal and plain lines elsewhere. Ctrl-C or SIGTERM ends a training after
its current step; a second one ends the process at once.
"""

import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from digitnn.cli.console import messages, say
from digitnn.wording import Notify, percent

if TYPE_CHECKING:
    from digitnn.data.fetch.transports import Meter
    from digitnn.data.formats.storage import Found
    from digitnn.training.records import EpochRecord, Record
    from digitnn.training.training import Training

N_PLAIN_LINES = 10
"""Lines that a training prints, approximately, if stderr is not a terminal."""
SIGNALS = (signal.SIGINT, signal.SIGTERM)

Yielded = TypeVar("Yielded")


class Stop:
    """A request to end: the number of the signal that made it, None before."""

    signal_number: int | None = None

    def until(self, items: Iterable[Yielded]) -> Iterator[Yielded]:
        """Yield `items` until the request is made."""
        for item in items:
            yield item
            if self.signal_number is not None:
                return

    def watch(self, training: "Training", title: str) -> Iterator["Record"]:
        """Yield the records of `training` and show each, until the request is made."""
        return self.until(follow(training, title))


@contextmanager
def stop_on_interrupt(stop: Stop | None = None) -> Iterator[Stop]:
    """Within the block, note the first signal in the `Stop`; the second has its usual effect."""
    stop = stop or Stop()
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


def follow(training: "Training", title: str) -> Iterator["Record"]:
    """Yield the records of `training`, and show each."""
    return _with_bar(training, title) if messages().is_terminal else _with_lines(training, title)


def _epoch_line(training: "Training", record: "EpochRecord") -> str:
    """Return `epoch 3  loss 0.0812  train 97.51 %  valid 98.20 % ...`."""
    unit = "iteration" if training.recipe.is_full_batch else "epoch"
    valid = "" if record.valid_accuracy is None else f"valid {percent(record.valid_accuracy)}  "
    return (
        f"{unit} {record.epoch}  loss {record.loss:.4f}  train {percent(record.accuracy)}  "
        f"{valid}{record.images_per_second:,.0f} images/s  "
        f"{record.seconds:.1f} s"
    )


def _with_lines(training: "Training", title: str) -> Iterator["Record"]:
    from digitnn.training.records import EpochRecord

    shown = 0
    for record in training:
        due = int(N_PLAIN_LINES * record.done + 1e-9)
        if isinstance(record, EpochRecord) and due > shown:
            shown = due
            say(f"{title}: {_epoch_line(training, record)}")
        yield record


def _with_bar(training: "Training", title: str) -> Iterator["Record"]:
    from digitnn.training.records import EpochRecord

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
                if record.valid_accuracy is not None:
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


def fetch_collection(collection: str, data_dir: Path | None = None) -> "Found":
    """Download `collection` if it is missing, and return its files. Raises like `find`."""
    from digitnn.data.fetch.sources import find

    with _download_bars() as (notify, meter):
        return find(collection, data_dir, notify=notify, meter=meter)


@contextmanager
def _download_bars() -> Iterator[tuple[Notify, "Meter"]]:
    """Yield (notify, meter) for one download; the bars disappear at the end."""
    from digitnn.data.fetch.transports import no_meter

    if not messages().is_terminal:
        yield say, no_meter
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=messages(), transient=True) as progress:
        tasks: dict[str, TaskID] = {}

        def meter(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=None)
            progress.update(tasks[what], completed=done, total=total)

        yield say, meter
