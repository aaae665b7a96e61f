"""A run while it is trained: the folder RUN/checkpoint, which one process holds at a time.

    lock             held by the process that trains; the system lets go of it when that dies
    training.json    what is trained, under which conditions, and the command that goes on
    step-...         mini-batches: see `checkpoints`
    evaluations.log  full batch: see `evaluation_log`

It goes when the run is finished. Until then a kill at any instant leaves a folder to go on from.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from filelock import FileLock, Timeout

from digitnn.atomic_files import remove_leftovers
from digitnn.errors import CheckpointError, RunError
from digitnn.machine.describe import describe_conditions
from digitnn.runs.checkpoints import (
    load_checkpoint,
    read_checked_json,
    save_checkpoint,
    saved_checkpoints,
    write_checked_json,
)
from digitnn.runs.evaluation_log import EvaluationLog
from digitnn.runs.identity import differences, fingerprint
from digitnn.runs.snapshots import SNAPSHOTS, Snapshots
from digitnn.training.training import EpochRecord, Record, Training
from digitnn.wording import Notify

CHECKPOINT, LOCK, ABOUT, LOG = "checkpoint", "lock", "training.json", "evaluations.log"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Keeping:
    """How a training is kept while it runs.

    command: what a user types to go on; every: at most so many seconds of mini-batches are lost;
    resume: go on from what is there already; notify: hears, in lines, what a user should know;
    snapshots: keep parameters of the way too, as is done anyway where some were kept before.
    """

    command: str
    notify: Notify
    every: float = 30.0
    resume: bool = False
    snapshots: bool = False


def is_unfinished(run: Path) -> bool:
    """Whether a training was begun in `run` that has not come to its end."""
    return (run / CHECKPOINT).is_dir()


def how_to_go_on(run: Path) -> str:
    """The command that does, as far as it can be read."""
    try:
        return f"`{read_checked_json(run / CHECKPOINT / ABOUT)['command']}`"
    except (CheckpointError, LookupError):
        return "the command that began it, with --resume"


def read_unfinished(run: Path) -> tuple[dict[str, Any], tuple[EpochRecord, ...]]:
    """What is trained in `run`, as `identify` says it, and its epochs so far.

    They are those of the newest sound checkpoint, none where nothing was saved yet. Only reads: a
    process may be training there meanwhile. Raises `CheckpointError` where all that was saved is
    damaged.
    """
    folder = run / CHECKPOINT
    identity = dict(read_checked_json(folder / ABOUT)["training"])
    damage = None
    for path in saved_checkpoints(folder):
        try:
            progress = load_checkpoint(path, fingerprint(identity)).progress
            return identity, tuple(EpochRecord(**record) for record in progress["history"])
        except CheckpointError as error:
            damage = damage or error
    if damage is not None:
        raise damage
    return identity, ()


def remove_checkpoint(run: Path) -> None:
    """The training is over and its run is whole."""
    shutil.rmtree(run / CHECKPOINT, ignore_errors=True)


@contextmanager
def hold(run: Path) -> Iterator[Path]:
    """Make RUN/checkpoint if need be and keep other processes out of it.

    If nothing was saved in it, it is gone afterwards. Raises `RunError` if another one is in.
    """
    folder = run / CHECKPOINT
    lock = FileLock(folder / LOCK, blocking=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise RunError(
            f"another process is training in {run}: wait for it, or choose another --out"
        ) from None
    except OSError as error:
        raise RunError(f"cannot write a run to {run}: {error.strerror or error}") from None
    try:
        for place in (run, folder):
            remove_leftovers(place)
        yield folder
    finally:
        if not _has_progress(folder):
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                run.rmdir()  # if it is empty
        lock.release()


class Unfinished:
    """A training in a folder that is held; identity: what `identify` says of it."""

    def __init__(
        self, folder: Path, training: Training, identity: Mapping[str, Any], keeping: Keeping
    ) -> None:
        self._folder, self._training, self._keeping = folder, training, keeping
        self._identity, self._fingerprint = identity, fingerprint(identity)
        self._failed = False
        self._saved_at = monotonic()

    def begin(self) -> None:
        """Go on from what the folder holds, or from the beginning if it holds nothing.

        Raises `CheckpointError` if that is another training's, or damaged beyond use.
        """
        before, now = self._check_same(), describe_conditions()
        changed = differences(before, now) if before else []
        if changed:
            self._keeping.notify(f"equal bits are not certain: {', '.join(changed)}")
        resumed = self._take_up()
        about = {
            "format": FORMAT_VERSION,
            "training": self._identity,
            "conditions": now,
            "command": self._keeping.command,
        }
        try:
            write_checked_json(self._folder / ABOUT, about)
        except OSError as error:
            raise RunError(f"cannot write to {self._folder}: {error.strerror or error}") from None
        if not resumed and self._keeping.resume:
            run = self._folder.parent
            self._keeping.notify(f"{run} holds nothing to go on from: starts from the beginning")

    def follow(self, records: Iterable[Record]) -> Iterator[Record]:
        """Pass `records` on, saving after each epoch and whenever it is time.

        A snapshot comes before the checkpoint: who goes on from that finds what led to it.
        """
        run, notify = self._folder.parent, self._keeping.notify
        wanted = self._keeping.snapshots or (run / SNAPSHOTS).is_dir()
        snapshots = Snapshots(run, self._training, notify) if wanted else None
        for record in records:
            if snapshots and isinstance(record, EpochRecord):
                snapshots.take(record)
            late = monotonic() - self._saved_at >= self._keeping.every
            if isinstance(record, EpochRecord) or late:
                self.save()
            yield record

    def save(self) -> None:
        """Write a checkpoint; a disk that takes none is told of once and no reason to stop."""
        if self._training.recipe.is_full_batch:
            return  # the log has it already
        self._saved_at = monotonic()
        try:
            save_checkpoint(self._folder, self._training.checkpoint(), self._fingerprint)
            self._failed = False
        except OSError as error:
            if not self._failed:
                self._keeping.notify(
                    f"cannot write a checkpoint to {self._folder} ({error.strerror or error}): "
                    "training goes on; the last one is intact"
                )
            self._failed = True

    def _check_same(self) -> Mapping[str, Any]:
        """Raise `CheckpointError` for another training; the conditions of this one so far."""
        path = self._folder / ABOUT
        if not path.exists():
            return {}
        try:
            about = read_checked_json(path)
        except CheckpointError as error:
            # What belongs to this training also carries its fingerprint.
            self._keeping.notify(f"{error}; what was saved is checked by itself")
            return {}
        require_same(self._folder.parent, about["training"], self._identity)
        return dict(about["conditions"])

    def _take_up(self) -> bool:
        """Hand the training what was saved of it; whether there was anything."""
        training, notify, folder = self._training, self._keeping.notify, self._folder
        if training.recipe.is_full_batch:
            log = folder / LOG
            training.use_cache(EvaluationLog(log, self._fingerprint, notify))
            if was_there := log.exists():
                notify(f"{folder.parent} goes on: what was evaluated is not computed again")
            return was_there
        damaged = []
        for path in (found := saved_checkpoints(folder)):
            try:
                checkpoint = load_checkpoint(path, self._fingerprint)
                training.resume(checkpoint)
            except CheckpointError as error:
                damaged.append(path)
                notify(str(error))
                continue
            for other in damaged:
                shutil.rmtree(other, ignore_errors=True)
            epochs = len(training.history)
            notify(
                f"{folder.parent} goes on from step {checkpoint.step:,}, "
                f"after {epochs} of {training.recipe.epochs} epochs"
            )
            return True
        if found:
            raise CheckpointError(
                f"{folder} holds no checkpoint that can be used: "
                f"remove {folder} to start from the beginning"
            )
        return False


def require_same(run: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise `CheckpointError`, naming what differs, unless both identities are of one training."""
    if differ := differences(old, new):
        raise CheckpointError(
            f"{run} is of another training: {'; '.join(differ)}: ask for the same, or choose "
            "another --out"
        )


def _has_progress(folder: Path) -> bool:
    return bool(saved_checkpoints(folder)) or (folder / LOG).exists()
