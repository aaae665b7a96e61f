"""The records that a training yields, one per mini-batch and one per epoch, and its clock."""

from dataclasses import dataclass
from time import perf_counter
from typing import TypeAlias

from digitnn.engines.protocols import Outcome


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
