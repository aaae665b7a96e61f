"""The records that a training yields, its clock, and when it ends before its last epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal, NamedTuple, TypeAlias, get_args

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


class Validation(NamedTuple):
    """Loss (nats per image) and accuracy (0..1) on the validation split."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class EpochRecord:
    """One pass over the training split, or one iteration of a full-batch optimiser.

    loss, accuracy: means over the training images during the epoch (nats, 0..1);
    valid_loss, valid_accuracy: after the epoch, None without a validation split; seconds: since
    training began, validation included;
    evaluations: full-batch gradients computed so far, for full-batch optimisers only.
    """

    done: float
    epoch: int
    loss: float
    accuracy: float
    valid_loss: float | None
    valid_accuracy: float | None
    seconds: float
    images_per_second: float
    evaluations: int | None = None

    @property
    def valid_error(self) -> float | None:
        """The share of the validation images that are misclassified, 0..1."""
        return None if self.valid_accuracy is None else 1 - self.valid_accuracy

    @property
    def validation(self) -> Validation:
        """Loss and accuracy on the validation split, of a training that has one."""
        assert self.valid_loss is not None
        assert self.valid_accuracy is not None
        return Validation(self.valid_loss, self.valid_accuracy)


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

    @property
    def needs_validation(self) -> bool:
        """Whether the validation split decides when to stop or which epoch to keep."""
        return self.patience is not None or self.keep == "best"

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

    def rank(record: EpochRecord) -> tuple[float, float]:
        return record.validation.accuracy, -record.validation.loss

    return max(history, key=rank)
