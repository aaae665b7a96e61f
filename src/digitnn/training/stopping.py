"""When a training ends before its last epoch, and which epoch's parameters it leaves."""

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
    """How long a training goes on, and what it leaves.

    patience: it ends once so many epochs in a row have validated no better than the best one before
    them; None: never.
    keep: "last" leaves the last parameters, "best" those of the epoch that validated best.
    max_seconds: it ends after the step that passes them, on the training's clock; None: never.
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
        """Why to stop after so many seconds and these epochs, if there is a reason."""
        if self.is_out_of_patience(history):
            return "patience"
        if self.max_seconds is not None and seconds >= self.max_seconds:
            return "max_seconds"
        return None

    def is_out_of_patience(self, history: Sequence[EpochRecord]) -> bool:
        """Whether the best epoch is `patience` epochs ago."""
        if self.patience is None or not history:
            return False
        return len(history) - 1 - history.index(best_epoch(history)) >= self.patience


def best_epoch(history: Sequence[EpochRecord]) -> EpochRecord:
    """The epoch that validated best, the first of equals.

    Better is more digits read rightly or, where as many are, a smaller loss: the accuracy is what
    counts in the end, but it comes in steps of one digit.
    """
    return max(history, key=lambda record: (record.valid_accuracy, -record.valid_loss))
