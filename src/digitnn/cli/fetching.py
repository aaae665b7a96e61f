"""Fetch data, with progress on stderr: bars on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from digitnn.cli.console import messages, say
from digitnn.wording import Notify

if TYPE_CHECKING:
    from digitnn.data.fetch.transports import Meter
    from digitnn.data.formats.storage import Found


def fetch_collection(collection: str, data_dir: Path | None = None) -> "Found":
    """Download `collection` if it is missing, and return its files. Raises like `find`."""
    from digitnn.data.fetch.sources import find

    with _progress() as (notify, meter):
        return find(collection, data_dir, notify=notify, meter=meter)


@contextmanager
def _progress() -> Iterator[tuple[Notify, "Meter"]]:
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
