"""Learning rate schedules: the share of the peak rate after a share `done`, 0..1, of the steps."""

from dataclasses import dataclass
from math import cos, floor, pi
from typing import TypeAlias

from digitnn.errors import check_numbers


@dataclass(frozen=True)
class Constant:
    """The peak rate from the first step to the last."""

    def __call__(self, done: float) -> float:
        return 1.0


@dataclass(frozen=True)
class OneCycle:
    """Linear rise to the peak at `warm_up`, then linear fall to 0.

    The shape of Smith and Topin 2018 ("Super-convergence"), without its momentum cycle.

    warm_up: a share of all steps, between 0 and 1.
    """

    warm_up: float = 0.25

    def __post_init__(self) -> None:
        check_numbers(self, "warm_up", above=0, below=1)

    def __call__(self, done: float) -> float:
        rising, falling = done / self.warm_up, (1 - done) / (1 - self.warm_up)
        return max(0.0, min(rising, falling))


@dataclass(frozen=True)
class Step:
    """Multiplication by `factor` after each share `every` of the training.

    every: a share of all steps; every=0.25 has four rates: 1, factor, factor^2, factor^3.
    factor: what the rate is multiplied by, between 0 and 1.
    """

    every: float
    factor: float = 0.1

    def __post_init__(self) -> None:
        check_numbers(self, "every", "factor", above=0, below=1)

    def __call__(self, done: float) -> float:
        stairs = floor(done / self.every + 1e-9)  # 0.3 / 0.1 falls short of 3 by rounding
        return self.factor**stairs


@dataclass(frozen=True)
class Cosine:
    """Linear rise to the peak at `warm_up`, then fall to 0 along half a cosine.

    Loshchilov and Hutter 2017 ("SGDR"), equation 5, without its restarts.

    warm_up: a share of all steps, at least 0 and below 1; 0 starts at the peak.
    """

    warm_up: float = 0.0

    def __post_init__(self) -> None:
        check_numbers(self, "warm_up", at_least=0, below=1)

    def __call__(self, done: float) -> float:
        if done < self.warm_up:
            return done / self.warm_up
        falling = min(1.0, (done - self.warm_up) / (1 - self.warm_up))
        return (1 + cos(pi * falling)) / 2


Schedule: TypeAlias = Constant | OneCycle | Step | Cosine
