"""Writes a training's records as TensorBoard scalars, with tensorboardX, which needs no torch.

loss, accuracy, learning_rate, images_per_second   every few steps, and at each epoch's end
valid_loss, valid_accuracy                         at each epoch's end

The x axis counts steps: mini-batches, or the iterations of a full-batch optimiser.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from time import time_ns

from digitnn.errors import MissingExtraError, RunError
from digitnn.recipes.optimisers import FullBatchOptimiser, learning_rate_at
from digitnn.training.records import EpochRecord, Record
from digitnn.training.training import Training

STEPS_PER_POINT = 10
"""Steps between two points of a curve."""


def prepare_folder(folder: Path) -> None:
    """Create `folder` for scalars, before training.

    Raises `MissingExtraError` without tensorboardX, `RunError` if the folder is not writable.
    """
    try:
        import_module("tensorboardX")
    except ImportError:
        raise MissingExtraError("tensorboardX", "tensorboard", "--tensorboard") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "probe").touch()
        (folder / "probe").unlink()
    except OSError as error:
        raise RunError(f"cannot write scalars to {folder}: {error.strerror or error}") from None


def log_scalars(training: Training, records: Iterable[Record], folder: Path) -> Iterator[Record]:
    """Yield the `records` of `training`, writing them to a new event file in `folder`.

    A resumed or restarted training makes TensorBoard discard earlier files' points from its first
    step on. The file is closed when the records end or the generator is closed.
    """
    from tensorboardX import SummaryWriter

    writer = None
    try:
        for record in records:
            step = round(record.done * _total_steps(training))
            if writer is None:
                # tensorboardX names files by the second: a second file would overwrite the first
                own = f".{time_ns()}"
                writer = SummaryWriter(
                    str(folder), purge_step=step, flush_secs=10, filename_suffix=own
                )
            if isinstance(record, EpochRecord) or step % STEPS_PER_POINT == 0:
                for name, value in _scalars(training, record, step).items():
                    writer.add_scalar(name, value, step)
            yield record
    finally:
        if writer is not None:
            writer.close()


def _total_steps(training: Training) -> int:
    recipe = training.recipe
    return recipe.epochs * recipe.steps_per_epoch(len(training.train))


def _scalars(training: Training, record: Record, step: int) -> dict[str, float]:
    values = {
        "loss": record.loss,
        "accuracy": record.accuracy,
        "images_per_second": record.images_per_second,
    }
    optimiser = training.recipe.optimiser
    if not isinstance(optimiser, FullBatchOptimiser):
        values["learning_rate"] = learning_rate_at(optimiser, step - 1, _total_steps(training))
    if isinstance(record, EpochRecord):
        valid = {"valid_loss": record.valid_loss, "valid_accuracy": record.valid_accuracy}
        values |= {name: value for name, value in valid.items() if value is not None}
    return values
