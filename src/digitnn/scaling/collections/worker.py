"""The process that reads shards, and what its parent knows of it.

A worker reads a shard, commits its file and says so; pictures never pass through the parent. The
system may kill a worker at any time, as for lack of memory: the parent then starts another.
"""

import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from time import monotonic
from typing import TypeAlias

from digitnn.errors import CollectionError, DigitnnError
from digitnn.machine.blas import one_core_blas
from digitnn.machine.resources import use_resources
from digitnn.reader.reader import Reader
from digitnn.scaling.collections.batch import NO_LOSSES, Losses, ReadingOptions, read_selection
from digitnn.scaling.collections.output import Output, Totals
from digitnn.scaling.collections.plan import Shard
from digitnn.wording import error_text

REPORT_SECONDS = 0.5
"""Between two reports of the pictures read so far."""


@dataclass(frozen=True)
class Work:
    """What every shard of a job is read with."""

    options: ReadingOptions
    output: Output


@dataclass(frozen=True)
class Task:
    """A shard to read, and what is known of pictures that killed a worker."""

    shard: Shard
    losses: Losses = NO_LOSSES


@dataclass(frozen=True)
class Ready:
    """The reader is loaded."""


@dataclass(frozen=True)
class At:
    """The place of the picture in its shard that is read now."""

    place: int


@dataclass(frozen=True)
class Finished:
    """A shard's file is in the output folder."""

    number: int
    pictures: int
    totals: Totals


@dataclass(frozen=True)
class Failed:
    """The job cannot go on: the disk is full, a table is damaged."""

    message: str


Report: TypeAlias = Ready | At | Finished | Failed


@dataclass(frozen=True)
class Worker:
    """A process and the parent's end of its pipe."""

    process: SpawnProcess
    connection: Connection

    @classmethod
    def start(cls, work: Work) -> "Worker":
        """Start a process; it sends `Ready`, and then reports on each `Task` that it is sent."""
        context = get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, work), name="digitnn-reading")
        process.daemon = True
        process.start()
        theirs.close()  # so that the pipe breaks when the process ends
        return cls(process, ours)

    def end(self) -> int:
        """Kill the process and return its exit code, below 0 for the signal that had ended it."""
        self.connection.close()
        if self.process.exitcode is None:
            self.process.join(0.5)  # a process that was just killed is still ending
        self.process.kill()
        self.process.join()
        return self.process.exitcode or 0


def _serve(connection: Connection, work: Work) -> None:
    """Read shard after shard, until the pipe breaks or the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal
    threading.Thread(target=_die_with_parent, daemon=True).start()
    use_resources(1)
    try:
        with one_core_blas:
            reader = work.options.reader()
            connection.send(Ready())
            while True:
                task = connection.recv()
                connection.send(_read_shard(connection, work, reader, task))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except DigitnnError as error:
        connection.send(Failed(str(error)))


def _read_shard(
    connection: Connection, work: Work, reader: Reader, task: Task
) -> Finished | Failed:
    """Read a shard and commit its file; report the place now and then."""
    last = monotonic()

    def at(place: int) -> None:
        nonlocal last
        if task.losses.alone or monotonic() - last >= REPORT_SECONDS:
            connection.send(At(place))
            last = monotonic()

    shard = task.shard
    try:
        rows = read_selection(reader, work.options, shard.selection, at, task.losses)
        totals = work.output.commit(shard.number, rows)
    except CollectionError as error:
        return Failed(str(error))
    except OSError as error:
        reason = error.strerror or error_text(error)
        where = error.filename or work.output.folder
        return Failed(f"{where}: {reason}; what is done stays, and the same command goes on")
    except Exception as error:
        return Failed(f"unexpected {type(error).__name__}: {error_text(error)}")
    return Finished(shard.number, len(shard.selection), totals)


def _die_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
