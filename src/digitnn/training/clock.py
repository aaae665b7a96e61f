"""The seconds of a training that may have been left and taken up."""

from time import perf_counter


class Clock:
    """Runs from when it is made; what was spent before a checkpoint is put on top."""

    def __init__(self) -> None:
        self._start = perf_counter()

    def seconds(self) -> float:
        """Since training began."""
        return perf_counter() - self._start

    def advance_to(self, seconds: float) -> None:
        """At least so many have passed."""
        self._start = min(self._start, perf_counter() - seconds)
