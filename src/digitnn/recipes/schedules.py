"""Learning rates over time, as pure functions of how much of the training is done."""

from dataclasses import dataclass
from math import cos, floor, pi
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

    warm_up: a share of all steps, between 0 and 1.
    """

    warm_up: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.warm_up < 1:
            raise UsageError(f"warm_up must lie between 0 and 1, got {self.warm_up}")

    def __call__(self, done: float) -> float:
        """The share of the peak rate at `done` in 0..1 of all steps."""
        rising, falling = done / self.warm_up, (1 - done) / (1 - self.warm_up)
        return max(0.0, min(rising, falling))


@dataclass(frozen=True)
class Step:
    """Times `factor` whenever another `every` of the training is done.

    every: a share of all steps; every=0.25 has four rates: 1, factor, factor^2, factor^3.
    factor: what the rate is multiplied by, between 0 and 1.
    """

    every: float
    factor: float = 0.1

    def __post_init__(self) -> None:
        for name in ("every", "factor"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise UsageError(f"{name} must lie between 0 and 1, got {value}")

    def __call__(self, done: float) -> float:
        """The share of the peak rate at `done` in 0..1 of all steps."""
        stairs = floor(done / self.every + 1e-9)  # 0.3 / 0.1 falls short of 3 by rounding
        return self.factor**stairs


@dataclass(frozen=True)
class Cosine:
    """Up in a straight line to the peak at `warm_up`, then down along half a cosine to nothing.

    Loshchilov and Hutter 2017 ("SGDR"), equation 5, without its restarts.

    warm_up: a share of all steps, at least 0 and below 1; 0 begins at the peak.
    """

    warm_up: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.warm_up < 1:
            raise UsageError(f"warm_up must be at least 0 and below 1, got {self.warm_up}")

    def __call__(self, done: float) -> float:
        """The share of the peak rate at `done` in 0..1 of all steps."""
        if done < self.warm_up:
            return done / self.warm_up
        falling = min(1.0, (done - self.warm_up) / (1 - self.warm_up))
        return (1 + cos(pi * falling)) / 2


Schedule: TypeAlias = Constant | OneCycle | Step | Cosine
