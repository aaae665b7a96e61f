"""Save the progress of a training in the folder RUN/checkpoint, and resume from it.

    lock             held by the process that trains, until it ends
    training.json    the training's identity, its conditions, and the command that resumes it
    step-...         checkpoints of a mini-batch training: see `checkpoints`
    evaluations.log  evaluations of a full-batch training: see `checkpoints`

The folder is removed when the run is finished. If the process is killed at any time before, the
training can be resumed from the folder.
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
    EvaluationLog,
    load_checkpoint,
    read_checked_json,
    save_checkpoint,
    saved_checkpoints,
    write_checked_json,
)
from digitnn.runs.identity import differences, fingerprint
from digitnn.runs.snapshots import SNAPSHOTS, save_snapshot
from digitnn.training.records import EpochRecord, Record
from digitnn.training.training import Training
from digitnn.wording import Notify

CHECKPOINT, LOCK, TRAINING, LOG = "checkpoint", "lock", "training.json", "evaluations.log"
TRAINING_FORMAT = 1


@dataclass(frozen=True)
class Checkpointing:
    """The options of saving and resuming a training.

    command: the command line that resumes it; notify: receives lines for the user; every: seconds
    between checkpoints within an epoch; resume: continue from the saved progress; snapshots: also
    save parameters during training. A run that already has snapshots always gets the later ones.
    """

    command: str
    notify: Notify
    every: float = 30.0
    resume: bool = False
    snapshots: bool = False


def is_unfinished(run: Path) -> bool:
    """Tell whether a training in `run` was started and has not finished."""
    return (run / CHECKPOINT).is_dir()


def resume_command(run: Path) -> str:
    """Return the command that resumes the training in `run`, or a description of it."""
    try:
        return f"`{read_checked_json(run / CHECKPOINT / TRAINING)['command']}`"
    except (CheckpointError, LookupError):
        return "the command that started it and --resume"


def read_unfinished(run: Path) -> tuple[dict[str, Any], tuple[EpochRecord, ...]]:
    """Return the identity of the training in `run` (see `identify`), and its epochs so far.

    The epochs come from the newest sound checkpoint; there are none before the first one. Nothing
    is written, since a process may be training there. Raises `CheckpointError` if all checkpoints
    are damaged, and `RunError` for a training of digitnn 0.1.0.
    """
    folder = run / CHECKPOINT
    identity = dict(_read_training(folder)["training"])
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
    """Remove the checkpoint of a finished run."""
    shutil.rmtree(run / CHECKPOINT, ignore_errors=True)


@contextmanager
def lock_checkpoint(run: Path) -> Iterator[Path]:
    """Lock RUN/checkpoint against other processes, within a `with` block.

    The folder is created if needed, and removed afterwards if nothing was saved in it. Raises
    `RunError` if another process has locked it.
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
        if not saved_checkpoints(folder) and not (folder / LOG).exists():
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                run.rmdir()  # if it is empty
        lock.release()


class UnfinishedRun:
    """A training and its locked checkpoint folder. identity: the result of `identify` for it."""

    def __init__(
        self,
        folder: Path,
        training: Training,
        identity: Mapping[str, Any],
        checkpointing: Checkpointing,
    ) -> None:
        self._folder, self._training, self._checkpointing = folder, training, checkpointing
        self._identity, self._fingerprint = identity, fingerprint(identity)
        self._failed = False
        self._saved_at = monotonic()

    def begin(self) -> None:
        """Resume from the progress in the folder, or start from the beginning if there is none.

        Raises `CheckpointError` if the folder belongs to another training, or if all checkpoints
        in it are damaged.
        """
        before, now = self._check_same(), describe_conditions()
        changed = differences(before, now) if before else []
        if changed:
            self._checkpointing.notify(f"results may differ in the last bits: {', '.join(changed)}")
        resumed = self._restore()
        about = {
            "format": TRAINING_FORMAT,
            "training": self._identity,
            "conditions": now,
            "command": self._checkpointing.command,
        }
        try:
            write_checked_json(self._folder / TRAINING, about)
        except OSError as error:
            raise RunError(f"cannot write to {self._folder}: {error.strerror or error}") from None
        if not resumed and self._checkpointing.resume:
            run = self._folder.parent
            self._checkpointing.notify(f"{run} has no checkpoint: starting from the beginning")

    def follow(self, records: Iterable[Record]) -> Iterator[Record]:
        """Yield `records`, saving after each epoch and whenever a checkpoint is due.

        A snapshot is saved before the checkpoint, so that a resumed training does not lack one.
        """
        run, notify = self._folder.parent, self._checkpointing.notify
        wanted = self._checkpointing.snapshots or (run / SNAPSHOTS).is_dir()
        failed = False
        for record in records:
            if wanted and isinstance(record, EpochRecord):
                try:
                    save_snapshot(run, self._training, record)
                except OSError as error:
                    if not failed:
                        why = error.strerror or error
                        notify(f"cannot write to {run / SNAPSHOTS} ({why}): training continues")
                    failed = True
            due = monotonic() - self._saved_at >= self._checkpointing.every
            if isinstance(record, EpochRecord) or due:
                self.save()
            yield record

    def save(self) -> None:
        """Write a checkpoint. If the disk is full, notify the user once and continue training."""
        if self._training.recipe.is_full_batch:
            return  # everything is in the log
        self._saved_at = monotonic()
        try:
            save_checkpoint(self._folder, self._training.checkpoint(), self._fingerprint)
            self._failed = False
        except OSError as error:
            if not self._failed:
                self._checkpointing.notify(
                    f"cannot write a checkpoint to {self._folder} ({error.strerror or error}): "
                    "training continues; the last one is intact"
                )
            self._failed = True

    def _check_same(self) -> Mapping[str, Any]:
        """Return the conditions under which this training ran so far, none for a new one.

        Raises `CheckpointError` if the folder belongs to another training.
        """
        if not (self._folder / TRAINING).exists():
            return {}
        try:
            about = _read_training(self._folder)
        except CheckpointError as error:
            # Every checkpoint also carries the fingerprint of its training.
            self._checkpointing.notify(f"{error}; the checkpoints are checked one by one")
            return {}
        require_same(self._folder.parent, about["training"], self._identity)
        return dict(about["conditions"])

    def _restore(self) -> bool:
        """Restore the training from the saved progress; return whether there was any."""
        training, notify, folder = self._training, self._checkpointing.notify, self._folder
        if training.recipe.is_full_batch:
            log = folder / LOG
            training.use_cache(EvaluationLog(log, self._fingerprint, notify))
            if was_there := log.exists():
                notify(f"{folder.parent} resumes: stored evaluations are not computed again")
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
                f"{folder.parent} resumes from step {checkpoint.step:,}, "
                f"after {epochs} of {training.recipe.epochs} epochs"
            )
            return True
        if found:
            raise CheckpointError(
                f"{folder} holds no usable checkpoint: remove {folder} to start from the beginning"
            )
        return False


def require_same(run: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise `CheckpointError`, which names the differences, unless two identities are equal."""
    if differ := differences(old, new):
        raise CheckpointError(
            f"{run} is another training: {'; '.join(differ)}: give the same options, or choose "
            "another --out"
        )


def _read_training(folder: Path) -> dict[str, Any]:
    """Return training.json.

    Raises `CheckpointError` if it is damaged, and `RunError` if digitnn 0.1.0 wrote it.
    """
    about = read_checked_json(folder / TRAINING)
    if "beside" in about["training"].get("recipe", ()):  # now `synthetic_mix`
        raise RunError(
            f"{folder} is of digitnn 0.1.0: finish the training with that version, or remove "
            f"{folder} to start from the beginning"
        )
    return about
