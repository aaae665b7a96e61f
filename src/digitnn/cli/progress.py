"""A training as it goes: a bar on a terminal, plain lines elsewhere. All on stderr."""

from collections.abc import Iterator

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column

from digitnn.cli.console import messages, say
from digitnn.training.records import EpochRecord, Record
from digitnn.training.training import Training
from digitnn.wording import percent

PLAIN_LINES = 10
"""How many lines a training prints about, where there is no terminal."""


def follow(training: Training, title: str) -> Iterator[Record]:
    """Pass the records of `training` on, showing each."""
    return _with_bar(training, title) if messages().is_terminal else _with_lines(training, title)


def describe(record: EpochRecord, unit: str) -> str:
    """One line about an epoch: `epoch 3  loss 0.0812  train 97.51 %  valid 98.20 % ...`."""
    return (
        f"{unit} {record.epoch}  loss {record.loss:.4f}  train {percent(record.accuracy)}  "
        f"valid {percent(record.valid_accuracy)}  {record.images_per_second:,.0f} images/s  "
        f"{record.seconds:.1f} s"
    )


def _unit(training: Training) -> str:
    return "iteration" if training.recipe.is_full_batch else "epoch"


def _with_lines(training: Training, title: str) -> Iterator[Record]:
    shown = 0
    for record in training:
        tenths = int(PLAIN_LINES * record.done + 1e-9)
        if isinstance(record, EpochRecord) and tenths > shown:
            shown = tenths
            say(f"{title}: {describe(record, _unit(training))}")
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
                    say(f"{title}: {describe(record, _unit(training))}")
            figures = (  # short: a terminal of 80 columns shows all of it
                f"{record.epoch}/{training.recipe.epochs} loss {record.loss:.3f} "
                f"train {100 * record.accuracy:.1f} {valid}% "
                f"{record.images_per_second / 1000:.3g}k/s"
            )
            progress.update(task, completed=record.done, figures=figures)
            yield record
