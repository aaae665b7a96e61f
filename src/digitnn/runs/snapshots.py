"""Save parameters during training: what `digitnn train --snapshots` keeps in a run.

    snapshots/epoch-000.safetensors   before training
    snapshots/epoch-001.safetensors   after epoch 1, and so on to the last epoch

Each holds all parameters in float32. Of many epochs at most twelve are kept, whose numbers grow by
a constant ratio because a network changes most early on: of 90 epochs 1, 2, 3, 4, 6, 9, 13, 19, 28,
41, 61 and 90. Saving does not affect training.
"""

from math import isclose
from pathlib import Path

from digitnn.network.storage.safetensors import save_safetensors
from digitnn.training.records import EpochRecord
from digitnn.training.training import Training
from digitnn.wording import Notify

SNAPSHOTS = "snapshots"
MAX_SNAPSHOTS = 12
"""Epochs that are kept, not counting the parameters before training."""


def snapshot_epochs(epochs: int, most: int = MAX_SNAPSHOTS) -> tuple[int, ...]:
    """Return the epochs to keep: all if there are at most `most`, else `most` of them.

    The first and the last are kept. In between, each is the free integer nearest to the constant
    ratio that leads from the previous one to the last.
    """
    if epochs <= most:
        return tuple(range(1, epochs + 1))
    kept = [1]
    while (left := most - len(kept)) > 0:
        ratio = (epochs / kept[-1]) ** (1 / left)
        kept.append(max(kept[-1] + 1, round(kept[-1] * ratio)))
    return tuple(kept)


def snapshot_path(run: Path, epoch: int) -> Path:
    """Return the path in `run` of the parameters after `epoch`; epoch 0 is before training."""
    return run / SNAPSHOTS / f"epoch-{epoch:03}.safetensors"


def saved_snapshots(run: Path) -> dict[int, Path]:
    """Return the snapshots in `run` by epoch, in order."""
    found = {}
    for path in (run / SNAPSHOTS).glob("epoch-*.safetensors"):
        number = path.stem.removeprefix("epoch-")
        if number.isascii() and number.isdigit():
            found[int(number)] = path
    return dict(sorted(found.items()))


class Snapshots:
    """Saves snapshots of `training` in the folder `run`.

    notify: receives one line if the disk is full or read-only; training continues.
    """

    def __init__(self, run: Path, training: Training, notify: Notify) -> None:
        self._run, self._training, self._notify = run, training, notify
        self._epochs = frozenset(snapshot_epochs(training.recipe.epochs))
        self._failed = False

    def take(self, record: EpochRecord) -> None:
        """Save the current parameters if the epoch of `record`, just finished, is to be kept.

        A resumed training overwrites them with the same bytes. An epoch that --max-seconds cut
        short is not kept.
        """
        whole = isclose(record.done * self._training.recipe.epochs, record.epoch)
        if not whole or record.epoch not in self._epochs:
            return
        try:
            first = snapshot_path(self._run, 0)
            if not first.exists():
                save_safetensors(first, self._training.initial_params())
            save_safetensors(snapshot_path(self._run, record.epoch), self._training.last_params())
        except OSError as error:
            if not self._failed:
                where = self._run / SNAPSHOTS
                self._notify(
                    f"cannot write to {where} ({error.strerror or error}): training continues"
                )
            self._failed = True
