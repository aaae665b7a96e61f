"""A pool of worker processes, and the queue before them.

Each worker is fed by a thread of the server: it sends requests through a pipe and waits for the
replies, so the event loop never computes and never blocks. A worker that crashes, or takes too
long, costs the requests that it had; another one takes its place.
"""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from digitnn.serving.models import Source
from digitnn.serving.processes import Context
from digitnn.serving.replies import STOPPING, ApiError, Reply
from digitnn.serving.shared_bodies import SharedBodies, shared_bodies
from digitnn.serving.worker import Body, WorkerSettings, receive, send, work

MAX_TOGETHER = 64
"""Requests of one kind that a worker takes at once, if they may be computed together."""


@dataclass(eq=False)
class _Job:
    """A request that waits or is computed. together: jobs with the same value may be merged."""

    kind: str
    options: Any
    body: Body
    together: Hashable | None
    answer: "asyncio.Future[Reply]"
    loop: asyncio.AbstractEventLoop

    def finish(self, reply: Reply) -> None:
        def finish() -> None:
            if not self.answer.done():
                self.answer.set_result(reply)

        try:
            self.loop.call_soon_threadsafe(finish)
        except RuntimeError:  # the server has stopped
            return


@dataclass(eq=False)
class _Worker:
    """A process and its end of the pipe."""

    process: Any
    pipe: Connection

    @property
    def has_ended(self) -> bool:
        """Whether an idle worker is gone: there is nothing to read then but the pipe's end.

        `is_alive` may tell it later.
        """
        try:
            return self.pipe.poll() or not self.process.is_alive()
        except OSError:
            return True


@dataclass(eq=False)
class WorkerPool:
    """Several workers and their queue. seconds: that a worker may take for a request."""

    context: Context
    settings: WorkerSettings
    count: int
    seconds: float = 60.0
    restarts: int = 0
    shared: SharedBodies | None = None
    _jobs: deque[_Job] = field(default_factory=deque)
    _added: list[Source] = field(default_factory=list)
    _change: threading.Condition = field(default_factory=threading.Condition)
    _workers: dict[int, _Worker] = field(default_factory=dict)
    _ready: int = 0
    _closing: bool = False
    _feeding: int = 0

    def start(self) -> None:
        """Start all workers; they are ready a little later."""
        self.shared = shared_bodies(2 * self.count + 4)
        self._feeding = self.count
        for number in range(self.count):
            self._workers[number] = self._start_process()
        for number in range(self.count):
            threading.Thread(
                target=self._feed, args=(number,), name=f"digitnn-worker-{number}", daemon=True
            ).start()

    @property
    def is_ready(self) -> bool:
        """Whether all workers have loaded their networks."""
        return self._ready == self.count and not self._closing

    @property
    def waiting(self) -> int:
        """How many requests no worker has taken yet."""
        return len(self._jobs)

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The ids of the worker processes."""
        return tuple(worker.process.pid for worker in self._workers.values())

    async def submit(
        self, kind: str, options: Any, body: Body, together: Hashable | None = None
    ) -> Reply:
        """Return the reply of a worker, an error too. See `_Job` for together."""
        loop = asyncio.get_running_loop()
        job = _Job(kind, options, body, together, loop.create_future(), loop)
        with self._change:
            if self._closing or not self._feeding:
                return STOPPING.reply
            self._jobs.append(job)
            self._change.notify()
        return await job.answer

    def add(self, source: Source) -> None:
        """Serve one more network, in workers of later days too."""
        with self._change:
            self._added.append(source)
            self._change.notify_all()

    def close(self) -> None:
        """End the workers; requests that wait are answered with 503."""
        with self._change:
            self._closing = True
            jobs, self._jobs = list(self._jobs), deque()
            self._change.notify_all()
        for job in jobs:
            job.finish(STOPPING.reply)
        for worker in self._workers.values():
            worker.process.terminate()  # its feeding thread sees the end of the pipe
        for worker in self._workers.values():
            worker.process.join(2)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join(5)

    def _start_process(self) -> _Worker:
        ours, theirs = self.context.Pipe()
        settings = WorkerSettings(
            (*self.settings.sources, *self._added),
            self.settings.max_images,
            self.settings.megapixels,
        )
        arguments = (theirs, settings, self.shared)
        process = self.context.Process(target=work, args=arguments, daemon=True)
        process.start()
        theirs.close()  # so that its end is seen when the process ends
        return _Worker(process, ours)

    def _feed(self, number: int) -> None:
        """Serve the jobs until the pool is closed, or no worker can be started any more."""
        try:
            if self._await_ready(number):
                self._serve(number)
        finally:
            with self._change:
                self._feeding -= 1
                jobs = [] if self._feeding else list(self._jobs)
            for job in jobs:
                job.finish(STOPPING.reply)

    def _serve(self, number: int) -> None:
        """Give jobs to one worker and their replies back."""
        known = 0  # of `_added`
        while (jobs := self._take(known)) is not None:
            if self._workers[number].has_ended and not self._replace(number):
                self._put_back(jobs)
                return
            worker = self._workers[number]
            try:
                if len(self._added) > known:
                    for source in self._added[known:]:
                        self._ask(worker, "add", [{"source": source.to_json()}], [b""])
                    known = len(self._added)
                if jobs:
                    options, bodies = [job.options for job in jobs], [job.body for job in jobs]
                    replies = self._ask(worker, jobs[0].kind, options, bodies)
                    for job, reply in zip(jobs, replies, strict=True):
                        job.finish(reply)
            except (OSError, EOFError) as error:
                if self._closing:
                    return
                if len(jobs) > 1:  # each alone: only the one that makes it crash is lost
                    self._put_back(jobs)
                elif jobs:
                    jobs[0].finish(_lost(isinstance(error, TimeoutError), self.seconds).reply)
                if not self._replace(number):
                    return
                known = len(self._added)

    def _take(self, known: int) -> list[_Job] | None:
        """Wait for jobs, several if they may be merged; empty to add a network; None at the end."""
        with self._change:
            while not self._jobs and not self._closing and len(self._added) == known:
                self._change.wait()
            if self._closing:
                return None
            self._jobs = deque(job for job in self._jobs if not job.answer.done())
            if not self._jobs:  # a network was added, or those who asked have gone
                return []
            first = self._jobs.popleft()
            if first.together is None:
                return [first]
            same = [job for job in self._jobs if job.together == first.together]
            merged = same[: MAX_TOGETHER - 1]
            self._jobs = deque(job for job in self._jobs if job not in merged)
            return [first, *merged]

    def _put_back(self, jobs: Sequence[_Job]) -> None:
        """Let jobs that were taken together wait again, each for itself."""
        with self._change:
            for job in reversed(jobs):
                job.together = None
                self._jobs.appendleft(job)
            self._change.notify_all()

    def _ask(
        self,
        worker: _Worker,
        kind: str,
        options: Sequence[Any],
        bodies: Sequence[Body],
    ) -> list[Reply]:
        """Send requests and return the replies. Raises `OSError` or `EOFError` if it crashed."""
        send(worker.pipe, [kind, options], bodies)
        if not worker.pipe.poll(self.seconds):
            raise TimeoutError
        header, found = receive(worker.pipe)
        return [
            Reply(status, media_type, bytes(body))
            for (status, media_type), body in zip(header, found, strict=True)
        ]

    def _await_ready(self, number: int) -> bool:
        """Wait until a worker has loaded its networks; start another one if it cannot."""
        for _ in range(3):
            try:
                self._workers[number].pipe.recv_bytes()
            except (OSError, EOFError):
                if self._closing:
                    return False
                sys.stderr.write("digitnn serve: a worker ended while it started\n")
                self._workers[number] = self._start_process()
                continue
            with self._change:
                self._ready += 1
            return True
        return False

    def _replace(self, number: int) -> bool:
        """Start another worker in the place of one that crashed or hangs."""
        worker = self._workers[number]
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        code = worker.process.exitcode
        sys.stderr.write(f"digitnn serve: a worker ended with exit code {code}; started another\n")
        with self._change:
            self.restarts += 1
            self._ready -= 1
        self._workers[number] = self._start_process()
        return self._await_ready(number)


def _lost(late: bool, seconds: float) -> ApiError:
    if late:
        return ApiError(503, "too_slow", f"the request took more than {seconds:g} s: stopped")
    return ApiError(500, "worker_crashed", "the process that computed this request crashed")
