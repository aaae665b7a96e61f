"""Optimiser descriptions: the update rule and its hyperparameters; the engines implement it.

Every rule except Muon's equals that of PyTorch's optimiser of the same name, and both engines take
the same steps. In the formulas p are the parameters, g the gradient of the loss per image at step
t = 1, 2, ..., and rate is `learning_rate` times the value of `schedule` at that step. The state
kept between steps starts at zero.

Weight decay acts on weights only, the parameters of two or more axes, not on biases.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from digitnn.errors import UsageError, check_numbers
from digitnn.recipes.schedules import Constant, Schedule


@dataclass(frozen=True)
class ConjugateGradient:
    """Nonlinear conjugate gradient over the whole training split, by SciPy.

    An epoch is one iteration: a line search along the next conjugate direction (Polak and
    Ribiere; Nocedal and Wright 2006, section 5.2), with about two evaluations of the loss.
    """


@dataclass(frozen=True)
class LBfgs:
    """Limited-memory BFGS over the whole training split, by SciPy's L-BFGS-B without bounds.

    An epoch is one iteration: a line search along the direction that the last ten steps and changes
    of the gradient give (Nocedal and Wright 2006, algorithm 7.5), mostly with one evaluation of the
    loss.
    """


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent, with optional momentum.

        g = g + weight_decay p
        u = momentum u + g
        p = p - rate u,  or with nesterov  p - rate (g + momentum u)

    Sutskever et al. 2013 include the rate in the velocity u; here, as in PyTorch (dampening 0), it
    multiplies the velocity, so a change of the rate takes effect at once.

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
        check_numbers(self, "learning_rate", above=0)
        check_numbers(self, "momentum", at_least=0, below=1)
        check_numbers(self, "weight_decay", at_least=0)
        if type(self.nesterov) is not bool:
            raise UsageError(f"Sgd: nesterov must be True or False, got {self.nesterov!r}")
        if self.nesterov and not self.momentum:
            raise UsageError("Sgd: nesterov needs a momentum above 0, got 0")


@dataclass(frozen=True)
class RmsProp:
    """RMSprop (Tieleman and Hinton 2012, lecture 6.5), with optional momentum.

        g = g + weight_decay p
        v = alpha v + (1 - alpha) g^2
        u = momentum u + g / (sqrt(v) + epsilon)
        p = p - rate u

    As in PyTorch, epsilon is outside the root, and the bias of v, which starts at zero, is not
    corrected: the first steps are up to 1 / sqrt(1 - alpha) times longer.

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
        check_numbers(self, "learning_rate", "epsilon", above=0)
        check_numbers(self, "alpha", "momentum", at_least=0, below=1)
        check_numbers(self, "weight_decay", at_least=0)


@dataclass(frozen=True)
class Adadelta:
    """Adadelta (Zeiler 2012, algorithm 1), which derives the step size from previous steps.

        g = g + weight_decay p
        v = rho v + (1 - rho) g^2
        d = g sqrt(w + epsilon) / sqrt(v + epsilon)
        w = rho w + (1 - rho) d^2
        p = p - rate d

    d has the units of p, not of 1 / p as with Sgd, so a rate of 1 suits most networks; it starts
    near sqrt(epsilon) and grows where steps keep their direction.

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
        check_numbers(self, "learning_rate", "epsilon", above=0)
        check_numbers(self, "rho", at_least=0, below=1)
        check_numbers(self, "weight_decay", at_least=0)


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
        check_numbers(self, "learning_rate", "epsilon", above=0)
        check_numbers(self, "beta1", "beta2", at_least=0, below=1)


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).

        p = p - rate weight_decay p,  then as Adam

    The decay bypasses the moments, so it shrinks all weights at the same relative rate. As in
    PyTorch it is multiplied by the rate including the peak; in the paper, by the schedule alone.

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
        check_numbers(self, "learning_rate", "epsilon", above=0)
        check_numbers(self, "beta1", "beta2", at_least=0, below=1)
        check_numbers(self, "weight_decay", at_least=0)


NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""(a, b, c): a step of Newton and Schulz makes a X + b X X^T X + c (X X^T)^2 X of X."""


@dataclass(frozen=True)
class Muon:
    """Momentum with orthogonalised steps for hidden weights (Jordan et al. 2024, "Muon").

    Every weight except that of the last layer is a matrix, one row for each output unit or channel;
    U is its velocity and G its gradient:

        U = momentum U + G
        p = p - rate weight_decay p
        p = p - rate sqrt(max(rows, columns)) orthogonal(G + momentum U)

    orthogonal(A) is A with its singular values brought near 1, by `iterations` steps of Newton and
    Schulz from A / (|A| + 1e-7), with the Frobenius norm |A|: all directions are learned equally
    fast, even those in which the gradient is weak. A matrix with orthonormal rows has entries of
    1 / sqrt(columns) in the root mean square; the root in front makes the step of an entry about
    the rate, which is also about that of Adam.

    All other parameters take Adam's steps (see `others`): biases, BatchNorm's, the last layer's.
    A network with a single weight has only those.

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
        check_numbers(self, "learning_rate", "other_rate", "epsilon", above=0)
        check_numbers(self, "momentum", "beta1", "beta2", at_least=0, below=1)
        check_numbers(self, "weight_decay", at_least=0)
        check_numbers(self, "iterations", whole=True, at_least=1)

    @cached_property
    def others(self) -> Adam:
        """The optimiser of the parameters that are not orthogonalised."""
        rate = self.learning_rate * self.other_rate
        return Adam(rate, self.beta1, self.beta2, self.epsilon, self.schedule)


FullBatchOptimiser: TypeAlias = ConjugateGradient | LBfgs
MiniBatchOptimiser: TypeAlias = Sgd | RmsProp | Adadelta | Adam | AdamW | Muon
Optimiser: TypeAlias = FullBatchOptimiser | MiniBatchOptimiser


def learning_rate_at(optimiser: MiniBatchOptimiser, step: int, steps: int) -> float:
    """Return the rate of step `step` = 0, 1, ... of `steps`: the schedule at its middle."""
    return optimiser.learning_rate * optimiser.schedule((step + 0.5) / steps)
