"""The records that a training yields, its clock, and when it ends before its last epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal, TypeAlias, get_args

from digitnn.engines.protocols import Outcome
from digitnn.errors import UsageError, check_numbers
from digitnn.wording import brief


@dataclass(frozen=True)
class StepRecord:
    """One mini-batch, with the running means of its epoch.

    done: the completed share of the training, 0..1; loss: nats per image; images_per_second: since
    training began.
    """

    done: float
    epoch: int
    loss: float
    accuracy: float
    images_per_second: float


@dataclass(frozen=True)
class EpochRecord:
    """One pass over the training split, or one iteration of a full-batch optimiser.

    loss, accuracy: means over the training images during the epoch (nats, 0..1);
    valid_loss, valid_accuracy: after the epoch; seconds: since training began, validation included;
    evaluations: full-batch gradients computed so far, for full-batch optimisers only.
    """

    done: float
    epoch: int
    loss: float
    accuracy: float
    valid_loss: float
    valid_accuracy: float
    seconds: float
    images_per_second: float
    evaluations: int | None = None


Record: TypeAlias = StepRecord | EpochRecord


@dataclass(frozen=True)
class Stage:
    """The progress of a loop, before validation and without times.

    outcome: summed over the `seen` images of this epoch; images: trained on in all epochs.
    """

    done: float
    epoch: int
    outcome: Outcome
    seen: int
    images: int
    ends_epoch: bool
    evaluations: int | None = None


class Clock:
    """Measures the seconds of a training, including those before it was interrupted."""

    def __init__(self) -> None:
        self._start = perf_counter()

    def seconds(self) -> float:
        """Return the seconds since training began."""
        return perf_counter() - self._start

    def advance_to(self, seconds: float) -> None:
        """Advance the clock to at least `seconds`."""
        self._start = min(self._start, perf_counter() - seconds)


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
        if self.patience is not None:
            check_numbers(self, "patience", whole=True, at_least=1)
        if self.max_seconds is not None:
            check_numbers(self, "max_seconds", above=0)
        if self.keep not in get_args(Keep):
            raise UsageError(f"keep must be best or last, got {brief(self.keep)}")

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
