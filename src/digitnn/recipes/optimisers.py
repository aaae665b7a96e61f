"""Optimiser descriptions: the rule and its numbers; the engines carry it out.

Every rule but Muon's is the one that PyTorch's optimiser of that name has, and both engines take
the same steps. In the formulas p are the parameters, g the gradient of the loss per image at step
t = 1, 2, ..., and rate is `learning_rate` times what `schedule` says at that step. What is
remembered from step to step begins at zero.

Weight decay acts on weights only, the parameters of two or more axes; biases are free.
"""

from dataclasses import dataclass, field
from math import isfinite
from typing import Any, TypeAlias

from digitnn.errors import UsageError
from digitnn.recipes.schedules import Constant, Schedule


@dataclass(frozen=True)
class ConjugateGradient:
    """Nonlinear conjugate gradient over the whole training split, by SciPy.

    An epoch is one iteration: a line search along the next conjugate direction (Polak and
    Ribiere; Nocedal and Wright 2006, section 5.2), which evaluates the loss about twice.
    """


@dataclass(frozen=True)
class LBfgs:
    """Limited-memory BFGS over the whole training split, by SciPy's L-BFGS-B without bounds.

    An epoch is one iteration: a line search along the direction that the last ten steps and changes
    of the gradient suggest (Nocedal and Wright 2006, algorithm 7.5). It mostly evaluates the loss
    once.
    """


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent, with momentum if wanted.

        g = g + weight_decay p
        u = momentum u + g
        p = p - rate u,  or with nesterov  p - rate (g + momentum u)

    Sutskever et al. 2013 have the rate inside the velocity u; here, as in PyTorch (dampening 0), it
    multiplies the whole velocity, so a change of rate acts at once.

    learning_rate: the peak that `schedule` scales.
    momentum: the share of the velocity that a step keeps.
    nesterov: whether the step looks ahead along the velocity.
    weight_decay: what of a weight is added to its gradient.
    schedule: the rate over time.
    """

    learning_rate: float
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        _check_positive(self, "learning_rate")
        _check_share(self, "momentum")
        _check_not_negative(self, "weight_decay")
        if type(self.nesterov) is not bool:
            raise UsageError(f"Sgd: nesterov must be True or False, got {self.nesterov!r}")
        if self.nesterov and not self.momentum:
            raise UsageError("Sgd: nesterov takes a momentum above 0, got 0")


@dataclass(frozen=True)
class RmsProp:
    """RMSprop (Tieleman and Hinton 2012, lecture 6.5), with momentum if wanted.

        g = g + weight_decay p
        v = alpha v + (1 - alpha) g^2
        u = momentum u + g / (sqrt(v) + epsilon)
        p = p - rate u

    As in PyTorch epsilon stands outside the root, and v, which begins at zero, is not corrected for
    that: the first steps are up to 1 / sqrt(1 - alpha) times longer.

    learning_rate: the peak that `schedule` scales.
    alpha: the decay of the mean square of the gradients.
    epsilon: added to its root.
    momentum: the share of the velocity that a step keeps.
    weight_decay: what of a weight is added to its gradient.
    schedule: the rate over time.
    """

    learning_rate: float
    alpha: float = 0.99
    epsilon: float = 1e-8
    momentum: float = 0.0
    weight_decay: float = 0.0
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        _check_positive(self, "learning_rate", "epsilon")
        _check_share(self, "alpha", "momentum")
        _check_not_negative(self, "weight_decay")


@dataclass(frozen=True)
class Adadelta:
    """Adadelta (Zeiler 2012, algorithm 1): steps whose size is that of the steps before.

        g = g + weight_decay p
        v = rho v + (1 - rho) g^2
        d = g sqrt(w + epsilon) / sqrt(v + epsilon)
        w = rho w + (1 - rho) d^2
        p = p - rate d

    d has the units of p, not of 1 / p as with Sgd, so that a rate of 1 suits most networks; it
    begins at sqrt(epsilon) or so and grows where steps keep their direction.

    learning_rate: the peak that `schedule` scales.
    rho: the decay of both mean squares, of gradients and of steps.
    epsilon: added to both, inside the roots.
    weight_decay: what of a weight is added to its gradient.
    schedule: the rate over time.
    """

    learning_rate: float = 1.0
    rho: float = 0.9
    epsilon: float = 1e-6
    weight_decay: float = 0.0
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        _check_positive(self, "learning_rate", "epsilon")
        _check_share(self, "rho")
        _check_not_negative(self, "weight_decay")


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015, algorithm 1).

        m = beta1 m + (1 - beta1) g
        v = beta2 v + (1 - beta2) g^2
        p = p - rate (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)

    learning_rate: the peak that `schedule` scales.
    beta1: the decay of the first moment.
    beta2: the decay of the second moment.
    epsilon: added to the root of the second moment.
    schedule: the rate over time.
    """

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        _check_positive(self, "learning_rate", "epsilon")
        _check_share(self, "beta1", "beta2")


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).

        p = p - rate weight_decay p,  then as Adam

    The decay does not pass through the moments, so it shrinks every weight at the same pace. As in
    PyTorch it is multiplied by the rate, the peak included; in the paper by the schedule alone.

    learning_rate: the peak that `schedule` scales.
    beta1: the decay of the first moment.
    beta2: the decay of the second moment.
    epsilon: added to the root of the second moment.
    weight_decay: the share of a weight that goes at a step, times the rate.
    schedule: the rate over time.
    """

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.01
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        _check_positive(self, "learning_rate", "epsilon")
        _check_share(self, "beta1", "beta2")
        _check_not_negative(self, "weight_decay")


NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""(a, b, c): a step of Newton and Schulz makes a X + b X X^T X + c (X X^T)^2 X of X."""


@dataclass(frozen=True)
class Muon:
    """Momentum whose steps are orthogonalised, for hidden weights (Jordan et al. 2024, "Muon").

    Every weight but that of the last layer is a matrix, a row for each unit or channel that it
    makes; U is its velocity and G its gradient:

        U = momentum U + G
        p = p - rate weight_decay p
        p = p - rate sqrt(max(rows, columns)) orthogonal(G + momentum U)

    orthogonal(A) is A with its singular values brought near 1, by `iterations` steps of Newton and
    Schulz from A / (|A| + 1e-7), |A| the root of the sum of squares of its entries: all directions
    are learned equally fast, also those in which the gradient is weak. A
    matrix with orthonormal rows has entries of 1 / sqrt(columns) in the root mean square; the root
    in front brings the step of an entry to about the rate, which is also about that of Adam.

    All other parameters take Adam's steps (see `others`): biases, BatchNorm's, the last layer's.
    With a single weight there is nothing else.

    learning_rate: the peak that `schedule` scales, of the orthogonalised steps.
    momentum: the share of the velocity that a step keeps.
    iterations: of Newton and Schulz; 3 bring singular values above 0.02 of the norm near 1.
    other_rate: Adam's rate for the other parameters, in units of the orthogonalised steps' rate.
    beta1: the decay of Adam's first moment.
    beta2: the decay of Adam's second moment.
    epsilon: added to the root of Adam's second moment.
    weight_decay: the share of a hidden weight that goes at a step, times the rate.
    schedule: the rate over time.
    """

    learning_rate: float
    momentum: float = 0.9
    iterations: int = 3
    other_rate: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.99
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    schedule: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        _check_positive(self, "learning_rate", "other_rate", "epsilon")
        _check_share(self, "momentum", "beta1", "beta2")
        _check_not_negative(self, "weight_decay")
        if type(self.iterations) is not int or self.iterations < 1:
            raise _refused(self, "iterations", "a whole number of at least 1")

    @property
    def others(self) -> Adam:
        """What the parameters take that are not orthogonalised."""
        rate = self.learning_rate * self.other_rate
        return Adam(rate, self.beta1, self.beta2, self.epsilon, self.schedule)


FullBatchOptimiser: TypeAlias = ConjugateGradient | LBfgs
MiniBatchOptimiser: TypeAlias = Sgd | RmsProp | Adadelta | Adam | AdamW | Muon
Optimiser: TypeAlias = FullBatchOptimiser | MiniBatchOptimiser


def learning_rate_at(optimiser: MiniBatchOptimiser, step: int, steps: int) -> float:
    """The rate of the step that follows `step` others, of `steps` in all: that of its middle."""
    return optimiser.learning_rate * optimiser.schedule((step + 0.5) / steps)


def _check_positive(optimiser: Any, *names: str) -> None:
    for name in names:
        if not (_is_number(value := getattr(optimiser, name)) and value > 0):
            raise _refused(optimiser, name, "a finite number above 0")


def _check_not_negative(optimiser: Any, *names: str) -> None:
    for name in names:
        if not (_is_number(value := getattr(optimiser, name)) and value >= 0):
            raise _refused(optimiser, name, "a finite number of at least 0")


def _check_share(optimiser: Any, *names: str) -> None:
    for name in names:
        if not (_is_number(value := getattr(optimiser, name)) and 0 <= value < 1):
            raise _refused(optimiser, name, "a number of at least 0 and below 1")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _refused(optimiser: Any, name: str, expected: str) -> UsageError:
    kind, got = type(optimiser).__name__, getattr(optimiser, name)
    return UsageError(f"{kind}: {name} must be {expected}, got {got!r}")
