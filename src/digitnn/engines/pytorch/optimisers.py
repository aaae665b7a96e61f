"""An optimiser description as an optimiser of `torch.optim`, with the same formulas; and our Muon.

Muon takes orthogonalised steps for hidden weights, and fused Adam's for all other parameters. The
formulas and their source are those of `recipes.optimisers.Muon`. `orthogonalise` makes the
operations of `scratch.newton_schulz`, which derives them. A step of a small network takes
milliseconds, so there are few calls per tensor.
Axes: r rows, k columns.
"""

from collections.abc import Callable, Iterable, Mapping
from math import sqrt
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim.adam import adam

from digitnn.recipes import optimisers
from digitnn.recipes.optimisers import NEWTON_SCHULZ, MiniBatchOptimiser

Groups = list[dict[str, Any]]

A, B, C = NEWTON_SCHULZ
NORM_EPSILON = 1e-7
FUSED_STEPS = 3


class Muon(torch.optim.Optimizer):
    """Updates two groups: hidden weights, of two or more axes, and the parameters of Adam.

    `torch.optim.Muon` scales by other rules, takes hidden weights only and computes in half
    precision, for large networks. `state` holds the state of both groups; a hidden weight has its
    velocity, "momentum_buffer", zero at first.
    """

    def __init__(self, optimiser: optimisers.Muon, groups: Groups) -> None:
        weights, biases = groups
        *hidden, last = weights["params"]
        others = {"params": [last, *biases["params"]], "fused": True}
        super().__init__([{"params": hidden}, dict(others)], {"lr": optimiser.learning_rate})
        self._optimiser = optimiser
        self._adam = OPTIMISERS[optimisers.Adam](optimiser.others, [others])

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Take one step along the gradients, which `closure`, if given, computes first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self.update()
        return loss

    def update(self) -> None:
        """Take the step of `step`, without the hooks around it."""
        hidden, others = self.param_groups
        with torch.inference_mode():  # which dispatches faster than `no_grad`
            for p in hidden["params"]:
                if p.grad is not None:
                    self._update(p, p.grad, hidden["lr"])
        self._adam.state = self.state
        for group in self._adam.param_groups:
            group["lr"] = others["lr"] * self._optimiser.other_rate
        take_step(self._adam)

    def _update(self, p: Tensor, gradient: Tensor, rate: float) -> None:
        """p = p - rate sqrt(max(r, k)) orthogonalise(G + momentum U), after U = momentum U + G."""
        optimiser, velocity = self._optimiser, self.state[p]["momentum_buffer"]
        velocity.mul_(optimiser.momentum).add_(gradient)
        along = gradient.add(velocity, alpha=optimiser.momentum).flatten(1)
        step = orthogonalise(along, optimiser.iterations)
        if optimiser.weight_decay:
            p.mul_(1 - rate * optimiser.weight_decay)
        p.sub_(step.reshape(p.shape), alpha=rate * sqrt(max(along.shape)))


def orthogonalise(x: Float[Tensor, "r k"], iterations: int) -> Float[Tensor, "r k"]:
    """Return `x` with its singular values moved to about 1, unless they are tiny."""
    if x.shape[0] > x.shape[1]:
        return orthogonalise(x.T, iterations).T
    x = x / (x.norm() + NORM_EPSILON)
    for done in range(0, iterations, FUSED_STEPS):
        x = _factor(x @ x.T, min(FUSED_STEPS, iterations - done)) @ x
    return x


def _factor(gram: Float[Tensor, "r r"], count: int) -> Float[Tensor, "r r"]:
    """Return the product of the matrices by which `count` steps multiply X."""
    factor = step = _step(gram)
    for _ in range(count - 1):
        gram = step @ gram @ step
        step = _step(gram)
        factor = step @ factor
    return factor


def _step(gram: Float[Tensor, "r r"]) -> Float[Tensor, "r r"]:
    """Return a + b X X^T + c (X X^T)^2."""
    step = torch.addmm(gram, gram, gram, beta=B, alpha=C)
    step.diagonal().add_(A)
    return step


OPTIMISERS: Mapping[type[MiniBatchOptimiser], Callable[[Any, Groups], torch.optim.Optimizer]] = {
    optimisers.Sgd: lambda own, groups: torch.optim.SGD(
        groups, own.learning_rate, own.momentum, nesterov=own.nesterov, fused=True
    ),
    optimisers.RmsProp: lambda own, groups: torch.optim.RMSprop(
        groups, own.learning_rate, own.alpha, own.epsilon, momentum=own.momentum
    ),
    optimisers.Adadelta: lambda own, groups: torch.optim.Adadelta(
        groups, own.learning_rate, own.rho, own.epsilon
    ),
    optimisers.Adam: lambda own, groups: torch.optim.Adam(
        groups, own.learning_rate, (own.beta1, own.beta2), own.epsilon, fused=True
    ),
    optimisers.AdamW: lambda own, groups: torch.optim.AdamW(
        groups, own.learning_rate, (own.beta1, own.beta2), own.epsilon, fused=True
    ),
    optimisers.Muon: Muon,
}
"""The optimiser of each description; PyTorch has no fused form of RMSprop and Adadelta."""


def build_optimiser(
    optimiser: MiniBatchOptimiser, parameters: Iterable[Tensor]
) -> torch.optim.Optimizer:
    """Return the optimiser of `parameters`; only those of two or more axes have weight decay.

    It has two groups, weights (with Muon: hidden weights) and all others: a new learning rate must
    be set in both. The state of each parameter exists from the beginning, zero, where PyTorch would
    create it in the first step.
    """
    found = list(parameters)
    decay = 0.0 if isinstance(optimiser, optimisers.Adam) else optimiser.weight_decay
    groups = [
        {"params": [p for p in found if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in found if p.ndim < 2], "weight_decay": 0.0},
    ]
    built = OPTIMISERS[type(optimiser)](optimiser, groups)
    for group in built.param_groups:
        for p in group["params"]:
            built.state[p] = {
                name: torch.zeros((), device=p.device if group.get("fused") else "cpu")
                if name == "step"
                else torch.zeros_like(p)
                for name in state_names(optimiser, group)
            }
    return built


@torch.no_grad()
def take_step(optimiser: torch.optim.Optimizer) -> None:
    """Take the step of `optimiser.step()`, to the bit.

    For Adam and AdamW it calls the function that `step` calls, and so for Muon. In a small network
    the hooks and lists around that function take longer than the function itself.
    """
    if isinstance(optimiser, Muon):
        optimiser.update()
        return
    if not isinstance(optimiser, torch.optim.Adam):  # which AdamW is too
        optimiser.step()
        return
    for group in optimiser.param_groups:
        params = group["params"]
        states = [optimiser.state[p] for p in params]
        beta1, beta2 = group["betas"]
        adam(
            params,
            [p.grad for p in params],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],
            [state["step"] for state in states],
            fused=True,
            decoupled_weight_decay=group["decoupled_weight_decay"],
            amsgrad=False,
            beta1=beta1,
            beta2=beta2,
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=False,
        )


def state_names(optimiser: MiniBatchOptimiser, group: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what `torch.optim` calls the state of each parameter of the group."""
    match optimiser:
        case optimisers.Sgd():
            return ("momentum_buffer",) if optimiser.momentum else ()
        case optimisers.RmsProp():
            return ("step", "square_avg", *(("momentum_buffer",) if optimiser.momentum else ()))
        case optimisers.Adadelta():
            return ("step", "square_avg", "acc_delta")
        case optimisers.Muon() if not group.get("fused"):  # a hidden weight
            return ("momentum_buffer",)
        case _:
            return ("step", "exp_avg", "exp_avg_sq")
