"""What a training tells while it runs: a record a mini-batch, a record an epoch."""

from dataclasses import dataclass
from typing import TypeAlias

from digitnn.engines.protocols import Outcome


@dataclass(frozen=True)
class StepRecord:
    """One mini-batch: how far the training is (0..1), and the epoch's running means.

    loss in nats an image; images_per_second since training began.
    """

    done: float
    epoch: int
    loss: float
    accuracy: float
    images_per_second: float


@dataclass(frozen=True)
class EpochRecord:
    """One pass over the training split, or one iteration of a full-batch optimiser.

    loss, accuracy: means over the images of the epoch as they were learned from (nats, 0..1);
    valid_loss, valid_accuracy: after the epoch; seconds: since training began, all included;
    evaluations: gradients of the whole split computed so far, full batch only.
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
    """How far a loop has come, before anybody has validated or looked at a clock.

    outcome: summed over the `seen` images of this epoch; images: learned from in all epochs.
    """

    done: float
    epoch: int
    outcome: Outcome
    seen: int
    images: int
    ends_epoch: bool
    evaluations: int | None = None
