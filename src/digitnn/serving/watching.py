"""What watchers of a training receive: the course so far, and events as they come."""

import asyncio
from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import Any, TypeAlias

Data: TypeAlias = dict[str, Any]
Event: TypeAlias = tuple[str, Data]

MAX_PROGRESS_POINTS = 200
"""Progress events that a late watcher receives."""
MAX_WAITING = 300
"""Events that wait for a slow watcher."""


class History:
    """What a late watcher needs: the course so far, thinned out evenly, and the last showing."""

    def __init__(self) -> None:
        self._course: list[Event] = []
        self._latest: dict[str, Data] = {}
        self._seen = self._stored = 0
        self._stride = 1

    def add(self, event: str, data: Data) -> None:
        """Add an event; of the progress every `_stride`-th is stored, and the last."""
        if event != "epoch":
            self._latest[event] = data
        if event == "progress":
            self._seen += 1
            if (self._seen - 1) % self._stride:
                return
            self._stored += 1
        if event in ("progress", "epoch"):
            self._course.append((event, data))
        if self._stored == MAX_PROGRESS_POINTS:
            self._thin_out()

    def events(self) -> list[Event]:
        """Return all epochs and at most `MAX_PROGRESS_POINTS` progress, last weights, answer."""
        latest = dict(self._latest)
        if any(data is latest.get("progress") for _, data in self._course):
            del latest["progress"]
        return [*self._course, *latest.items()]

    def _thin_out(self) -> None:
        place = count()
        self._course = [item for item in self._course if item[0] == "epoch" or next(place) % 2 == 0]
        self._stored, self._stride = (self._stored + 1) // 2, 2 * self._stride


class Watcher:
    """The events that wait for one watcher: the past, and at most `MAX_WAITING` more."""

    def __init__(self, past: list[Event]) -> None:
        self.waiting = deque(past)
        self.wake = asyncio.Event()
        self._max_waiting = len(past) + MAX_WAITING

    def put(self, event: str, data: Data) -> None:
        """Add an event; if too many wait, drop the oldest that is neither state nor epoch."""
        if len(self.waiting) >= self._max_waiting:
            lasting = ("state", "epoch")
            fleeting = (i for i, (name, _) in enumerate(self.waiting) if name not in lasting)
            del self.waiting[next(fleeting, 0)]
        self.waiting.append((event, data))
        self.wake.set()

    def take(self) -> Iterator[Event]:
        """Yield and remove what waits, and what comes in the meantime."""
        while self.waiting:
            yield self.waiting.popleft()
        self.wake.clear()
