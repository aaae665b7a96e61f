"""When a training ends before its last epoch, and which epoch's parameters it keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, TypeAlias, get_args

from digitnn.errors import UsageError
from digitnn.training.records import EpochRecord
from digitnn.wording import brief

Keep: TypeAlias = Literal["best", "last"]
Reason: TypeAlias = Literal["patience", "max_seconds"]


@dataclass(frozen=True)
class Stopping:
    """How long a training goes on, and which parameters it keeps.

    patience: the number of epochs in a row without a better validation result after which the
    training ends; None: no limit.
    keep: "last" keeps the last parameters, "best" those of the best epoch in validation.
    max_seconds: the training ends after the step that exceeds this time; None: no limit.
    """

    patience: int | None = None
    keep: Keep = "last"
    max_seconds: float | None = None

    def __post_init__(self) -> None:
        if self.patience is not None and not (type(self.patience) is int and self.patience >= 1):
            raise UsageError(
                f"patience must be a whole number of at least 1, got {brief(self.patience)}"
            )
        if self.keep not in get_args(Keep):
            raise UsageError(f"keep must be best or last, got {brief(self.keep)}")
        seconds = self.max_seconds
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if seconds is not None and not (is_number and isfinite(seconds) and seconds > 0):
            raise UsageError(f"max_seconds must be a number above 0, got {brief(seconds)}")

    def reason(self, history: Sequence[EpochRecord], seconds: float) -> Reason | None:
        """Return why to stop after so many seconds and these epochs, or None."""
        if self.is_out_of_patience(history):
            return "patience"
        if self.max_seconds is not None and seconds >= self.max_seconds:
            return "max_seconds"
        return None

    def is_out_of_patience(self, history: Sequence[EpochRecord]) -> bool:
        """Return whether the best epoch is `patience` epochs ago."""
        if self.patience is None or not history:
            return False
        return len(history) - 1 - history.index(best_epoch(history)) >= self.patience


def best_epoch(history: Sequence[EpochRecord]) -> EpochRecord:
    """Return the best epoch in validation, the first of equals.

    Best is the highest accuracy, then the smallest loss: accuracy is the goal, but it changes in
    steps of one image.
    """
    return max(history, key=lambda record: (record.valid_accuracy, -record.valid_loss))
