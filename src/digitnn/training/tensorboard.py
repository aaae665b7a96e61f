"""A training's records as scalars for TensorBoard, written by tensorboardX, which needs no torch.

loss, accuracy, learning_rate, images_per_second   every few steps, and at each epoch's end
valid_loss, valid_accuracy                         at each epoch's end

They stand over steps: mini-batches, or iterations where training is full batch.
"""

from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from time import time_ns

from digitnn.errors import MissingExtraError, RunError
from digitnn.recipes.optimisers import FullBatchOptimiser, learning_rate
from digitnn.training.records import EpochRecord, Record
from digitnn.training.training import Training

EVERY = 10
"""Steps from one point of a curve to the next."""


def prepare_folder(folder: Path) -> None:
    """Make `folder` for scalars; call it before training.

    Raises `MissingExtraError` without tensorboardX, `RunError` where nothing can be written.
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
    """Pass the `records` of `training` on, writing them to a new event file in `folder`.

    Whoever goes on with a training, or begins it anew, has TensorBoard forget what earlier files
    say of the steps from there on. The file is closed when the records end or are left.
    """
    from tensorboardX import SummaryWriter

    writer = None
    try:
        for record in records:
            step = _steps(training, record)
            if writer is None:
                # Its own names tell seconds only: a second file would overwrite the first.
                own = f".{time_ns()}"
                writer = SummaryWriter(
                    str(folder), purge_step=step, flush_secs=10, filename_suffix=own
                )
            if isinstance(record, EpochRecord) or step % EVERY == 0:
                for name, value in _scalars(training, record, step).items():
                    writer.add_scalar(name, value, step)
            yield record
    finally:
        if writer is not None:
            writer.close()


def _steps(training: Training, record: Record) -> int:
    """How many had been taken in all."""
    return round(record.done * _steps_in_all(training))


def _steps_in_all(training: Training) -> int:
    recipe = training.recipe
    return recipe.epochs * recipe.steps_an_epoch(len(training.train))


def _scalars(training: Training, record: Record, step: int) -> dict[str, float]:
    values = {
        "loss": record.loss,
        "accuracy": record.accuracy,
        "images_per_second": record.images_per_second,
    }
    optimiser = training.recipe.optimiser
    if not isinstance(optimiser, FullBatchOptimiser):
        values["learning_rate"] = learning_rate(optimiser, step - 1, _steps_in_all(training))
    if isinstance(record, EpochRecord):
        values |= {"valid_loss": record.valid_loss, "valid_accuracy": record.valid_accuracy}
    return values
