"""Learning rates over time, as pure functions of how much of the training is done."""

from dataclasses import dataclass
from typing import TypeAlias

from digitnn.errors import UsageError


@dataclass(frozen=True)
class Constant:
    """The peak rate from the first step to the last."""

    def __call__(self, done: float) -> float:
        """The share of the peak rate at `done` in 0..1 of all steps."""
        return 1.0


@dataclass(frozen=True)
class OneCycle:
    """Up in a straight line to the peak at `warm_up`, then down in a straight line to nothing.

    The shape of Smith and Topin 2018 ("Super-convergence"), without its momentum cycle.
    """

    warm_up: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.warm_up < 1:
            raise UsageError(f"warm_up must lie between 0 and 1, got {self.warm_up}")

    def __call__(self, done: float) -> float:
        """The share of the peak rate at `done` in 0..1 of all steps."""
        rising, falling = done / self.warm_up, (1 - done) / (1 - self.warm_up)
        return max(0.0, min(rising, falling))


Schedule: TypeAlias = Constant | OneCycle
