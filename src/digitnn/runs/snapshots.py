"""The parameters as they were on the way: what `digitnn train --snapshots` keeps in a run.

    snapshots/epoch-000.safetensors   as training began
    snapshots/epoch-001.safetensors   after the first epoch, and so on, to the last one

In float32 as they are, so each of them is a network of that epoch. Of many epochs twelve are kept,
whose numbers grow by a like ratio: early on a network changes most. Of 90, say, after
1, 2, 3, 4, 6, 9, 13, 19, 28, 41, 61 and 90. Writing them does not touch what is learned.
"""

from math import isclose
from pathlib import Path

from digitnn.network.storage.safetensors import save_safetensors
from digitnn.training.records import EpochRecord
from digitnn.training.training import Training
from digitnn.wording import Notify

SNAPSHOTS = "snapshots"
MOST = 12
"""Epochs that are kept of a training, besides how it began."""


def snapshot_epochs(epochs: int, most: int = MOST) -> tuple[int, ...]:
    """Which of `epochs` are kept: all of a few, else the first, the last, and between them `most`
    whole numbers in all, each the nearest to an equal ratio of what is left that is not taken.
    """
    if epochs <= most:
        return tuple(range(1, epochs + 1))
    kept = [1]
    while (left := most - len(kept)) > 0:
        ratio = (epochs / kept[-1]) ** (1 / left)
        kept.append(max(kept[-1] + 1, round(kept[-1] * ratio)))
    return tuple(kept)


def snapshot_path(run: Path, epoch: int) -> Path:
    """Where in `run` the parameters after `epoch` are kept; 0: as it began."""
    return run / SNAPSHOTS / f"epoch-{epoch:03}.safetensors"


def saved_snapshots(run: Path) -> dict[int, Path]:
    """What `run` has kept, by epoch, from the first on."""
    found = {}
    for path in (run / SNAPSHOTS).glob("epoch-*.safetensors"):
        number = path.stem.removeprefix("epoch-")
        if number.isascii() and number.isdigit():
            found[int(number)] = path
    return dict(sorted(found.items()))


class Snapshots:
    """Keeps those of `training` in the folder `run`.

    notify: hears, once, of a disk that takes none; training goes on.
    """

    def __init__(self, run: Path, training: Training, notify: Notify) -> None:
        self._run, self._training, self._notify = run, training, notify
        self._epochs = frozenset(snapshot_epochs(training.recipe.epochs))
        self._failed = False

    def take(self, record: EpochRecord) -> None:
        """Write the parameters after the epoch of `record`, which was the latest, if it is kept.

        Whoever goes on from before that epoch writes the same bytes in place of these. An epoch
        that time cut short is none.
        """
        whole = isclose(record.done * self._training.recipe.epochs, record.epoch)
        if not whole or record.epoch not in self._epochs:
            return
        try:
            first = snapshot_path(self._run, 0)
            if not first.exists():
                save_safetensors(first, self._training.start())
            save_safetensors(snapshot_path(self._run, record.epoch), self._training.latest())
        except OSError as error:
            if not self._failed:
                where = self._run / SNAPSHOTS
                self._notify(
                    f"cannot write to {where} ({error.strerror or error}): training goes on"
                )
            self._failed = True
