"""Optimiser descriptions: the rule and its numbers; the engines carry it out."""

from dataclasses import dataclass, field
from typing import TypeAlias

from digitnn.schedules import Constant, Schedule


@dataclass(frozen=True)
class ConjugateGradient:
    """Nonlinear conjugate gradient over the whole training split, by SciPy.

    An epoch is one iteration: a line search along the next conjugate direction (Polak and
    Ribiere; Nocedal and Wright 2006, section 5.2), which evaluates the loss about twice.
    """


@dataclass(frozen=True)
class Adam:
    """Adam on mini-batches (Kingma and Ba 2015, algorithm 1).

    learning_rate: the peak that `schedule` scales; beta1, beta2: decay of the first and second
    moment; epsilon: added to the root of the second.
    """

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    schedule: Schedule = field(default_factory=Constant)


Optimiser: TypeAlias = ConjugateGradient | Adam
