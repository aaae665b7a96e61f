"""Read shards in several processes of this machine, and go on when the system kills one.

A shard whose worker dies is read again; if that dies too, picture by picture, and the picture at
which a worker dies then gets an error row.
"""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import TypeAlias, cast

from digitnn.errors import CollectionError
from digitnn.scaling.collections.batch import Losses
from digitnn.scaling.collections.plan import Shard
from digitnn.scaling.collections.worker import (
    At,
    Failed,
    Finished,
    Ready,
    Report,
    Task,
    Work,
    Worker,
)

WAIT_SECONDS = 0.25
"""A signal or a progress line waits at most this long."""

STOP_SECONDS = 1.0
"""Shards that are not finished so long after a stop are dropped."""

Event: TypeAlias = At | Finished | None
"""What a pool yields: the place that a worker has reached, a shard that is done, or time passed."""


@dataclass
class _Seat:
    """A worker's place in the pool: the worker of now, its task and how often workers died of it.

    at: the place in the shard that was reported last.
    """

    worker: Worker
    ready: bool = False
    task: Task | None = None
    deaths: int = 0
    at: int | None = None


@dataclass
class Pool:
    """Workers that read the shards of one job. It is a context that ends them."""

    work: Work
    workers: int
    _seats: list[_Seat] = field(default_factory=list)

    def __enter__(self) -> "Pool":
        self._seats = [_Seat(Worker.start(self.work)) for _ in range(self.workers)]
        return self

    def __exit__(self, *_: object) -> None:
        for seat in self._seats:
            seat.worker.connection.close()
            seat.worker.process.kill()
        for seat in self._seats:
            seat.worker.process.join()

    def read(
        self, shards: Iterable[Shard], stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[int, Event]]:
        """Yield (seat, event) until all shards are done, or at most `STOP_SECONDS` after `stopped`.

        Raises `CollectionError` if the job cannot go on: what was finished before stays.
        """
        waiting = iter(shards)
        exhausted, deadline = False, inf
        while True:
            if deadline == inf and stopped():
                exhausted, deadline = True, monotonic() + STOP_SECONDS
            for seat in self._seats:
                if seat.ready and seat.task is None and not exhausted:
                    shard = next(waiting, None)
                    exhausted = shard is None
                    if shard is not None:
                        seat.task, seat.deaths, seat.at = Task(shard), 0, None
                        self._send(seat)
            left = deadline - monotonic()
            if left <= 0 or (exhausted and all(seat.task is None for seat in self._seats)):
                return
            seats = {id(seat.worker.connection): index for index, seat in enumerate(self._seats)}
            connections = [seat.worker.connection for seat in self._seats]
            found = wait(connections, min(WAIT_SECONDS, left))
            for connection in found:
                index = seats[id(connection)]
                event = self._receive(self._seats[index], cast("Connection", connection))
                if event is not None:
                    yield index, event
            if not found:
                yield 0, None

    def _receive(self, seat: _Seat, connection: Connection) -> Event:
        try:
            report: Report = connection.recv()
        except (EOFError, OSError):
            self._replace_worker(seat)
            return None
        match report:
            case Ready():
                seat.ready = True
                if seat.task:
                    self._send(seat)
            case At(place):
                seat.at = place
                return report
            case Finished():
                seat.task = None
                return report
            case Failed(message):
                raise CollectionError(message)
        return None

    def _send(self, seat: _Seat) -> None:
        with suppress(OSError):  # it has died: the pipe says so when it is read
            seat.worker.connection.send(seat.task)

    def _replace_worker(self, seat: _Seat) -> None:
        """Start another worker for one that died, and let it try the task again."""
        code = seat.worker.end()
        if not seat.ready:
            raise CollectionError(
                f"a reading process {_how(code)} while it started; fewer --workers need less memory"
            )
        if seat.task:
            seat.deaths += 1
            seat.task = self._next_try(seat, seat.task, code)
        seat.worker, seat.ready, seat.at = Worker.start(self.work), False, None

    def _next_try(self, seat: _Seat, task: Task, code: int) -> Task:
        losses = task.losses
        if seat.deaths < 2:
            return task
        if not losses.alone:
            return replace(task, losses=Losses(alone=True))
        if seat.at is None or seat.at in losses.errors:
            raise CollectionError(
                f"shard {task.shard.number}: the process that reads it {_how(code)} again and again"
            )
        error = f"the process that read it {_how(code)}; perhaps there was too little memory"
        return replace(task, losses=replace(losses, errors={**losses.errors, seat.at: error}))


def _how(code: int) -> str:
    """Return how a process ended."""
    if code < 0:
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
    return f"ended with code {code}"
