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

SNAPSHOTS = "snapshots"
MAX_SNAPSHOTS = 12
"""Epochs that are kept, not counting the parameters before training."""


def snapshot_epochs(epochs: int) -> tuple[int, ...]:
    """Return the epochs to keep: all if there are at most `MAX_SNAPSHOTS`, else so many of them.

    The first and the last are kept. In between, each is the free integer nearest to the constant
    ratio that leads from the previous one to the last.
    """
    if epochs <= MAX_SNAPSHOTS:
        return tuple(range(1, epochs + 1))
    kept = [1]
    while (left := MAX_SNAPSHOTS - len(kept)) > 0:
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


def save_snapshot(run: Path, training: Training, record: EpochRecord) -> None:
    """Save the current parameters if the epoch of `record`, just finished, is to be kept.

    A resumed training overwrites them with the same bytes. An epoch that --max-seconds cut short is
    not kept. Raises `OSError` if the disk is full or read-only.
    """
    whole = isclose(record.done * training.recipe.epochs, record.epoch)
    if not whole or record.epoch not in snapshot_epochs(training.recipe.epochs):
        return
    first = snapshot_path(run, 0)
    if not first.exists():
        save_safetensors(first, training.initial_params())
    save_safetensors(snapshot_path(run, record.epoch), training.last_params())
