"""Signs of life of the workers: which running trials have lost theirs.

A worker writes a pulse, a number that grows, into its running trial. Optuna's own heartbeat needs a
database, compares clocks of two machines, and overlooks a worker that is killed before its first
beat; this works on every storage, a journal too. A trial is lost if

- its worker ran on this machine and its process is gone, which is known at once, or
- its pulse has not changed for `GRACE_SECONDS` on the clock of the one who looks.
"""

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.trial import FrozenTrial

    from digitnn.scaling.tuning.ledger import Ledger

WORKER, PULSE = "worker", "pulse"
"""Attributes of trials: who runs it; how often the worker has given a sign of life."""

PULSE_SECONDS, GRACE_SECONDS = 15.0, 60.0


def describe_worker() -> dict[str, Any]:
    """Return what tells this process from every other: machine, process id and start."""
    return {"machine": _machine(), "process": os.getpid(), "started": _started(os.getpid())}


def is_gone(worker: Any) -> bool:
    """Tell whether a described worker ran on this machine and is no longer there.

    False if that cannot be known.
    """
    if not isinstance(worker, dict) or worker.get("machine") != _machine():
        return False
    if not isinstance(worker.get("process"), int) or worker.get("started") is None:
        return False
    return _started(worker["process"]) != worker["started"]


class Watch:
    """Finds the running trials whose worker gives no sign of life. clock: in seconds."""

    def __init__(
        self, grace_seconds: float = GRACE_SECONDS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._grace_seconds, self._clock = grace_seconds, clock
        self._seen: dict[int, tuple[Any, float]] = {}

    def lost(self, ledger: "Ledger") -> list["FrozenTrial"]:
        """Return the running trials whose worker is gone, or has been silent since long ago.

        Also the trials that were cut short and not retried: who did the one may be killed before
        the other.
        """
        now = self._clock()
        open_trials = ledger.having("running", "cut short")
        pulses = {trial.number: trial.user_attrs.get(PULSE) for trial in open_trials}
        self._seen = {
            number: self._seen[number]
            if number in self._seen and self._seen[number][0] == pulse
            else (pulse, now)
            for number, pulse in pulses.items()
        }
        return [trial for trial in open_trials if self._is_lost(trial, ledger, now)]

    def _is_lost(self, trial: "FrozenTrial", ledger: "Ledger", now: float) -> bool:
        is_running = ledger.outcomes[trial.number] == "running"
        if is_running and is_gone(trial.user_attrs.get(WORKER)):
            return True
        return now - self._seen[trial.number][1] >= self._grace_seconds


@contextmanager
def beating(trial: "Trial", seconds: float = PULSE_SECONDS) -> Iterator[None]:
    """Give signs of life of `trial` during the block."""
    trial.set_user_attr(WORKER, describe_worker())
    done = Event()

    def beat() -> None:
        count = 0
        while not done.wait(seconds):
            count += 1
            try:
                trial.storage.set_trial_user_attr(trial._trial_id, PULSE, count)
            except Exception:
                continue  # a storage that is away for a moment; training tells if it stays away
        trial.storage.remove_session()

    thread = Thread(target=beat, name="digitnn-pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _machine() -> str:
    """Return a name of this machine, this boot and this container."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(parts)


def _started(process: int) -> str | None:
    """Return when a process started, in the system's ticks; None if it is gone or unknown."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]
