"""Muon in PyTorch: orthogonalised steps for hidden weights, fused Adam for all other parameters.

The formulas and their source are those of `recipes.optimisers.Muon`. `orthogonalise` makes the
operations of `scratch.newton_schulz`, which derives them. A step of a small network takes
milliseconds, so there are few calls per tensor.
Axes: r rows, k columns.
"""

from collections.abc import Callable
from math import sqrt
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from digitnn.recipes.optimisers import NEWTON_SCHULZ

A, B, C = NEWTON_SCHULZ
NORM_EPSILON = 1e-7
FUSED_STEPS = 3


class Muon(torch.optim.Optimizer):
    """Updates two groups: `hidden` weights, of two or more axes, and the parameters of `adam`.

    other_rate: the learning rate of `adam`, in units of this one's. `state` holds the state of
    both; a hidden weight has its velocity, "momentum_buffer", zero at first.
    """

    def __init__(
        self,
        hidden: list[Tensor],
        adam: torch.optim.Adam,
        *,
        lr: float,
        momentum: float,
        iterations: int,
        other_rate: float,
        weight_decay: float,
    ) -> None:
        others = [p for group in adam.param_groups for p in group["params"]]
        groups: list[dict[str, Any]] = [{"params": hidden}, {"params": others, "fused": True}]
        super().__init__(groups, {"lr": lr})
        self._adam, self._other_rate = adam, other_rate
        self._momentum, self._iterations = momentum, iterations
        self._weight_decay = weight_decay

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Take one step along the gradients, which `closure`, if given, computes first."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        hidden, others = self.param_groups
        for p in hidden["params"]:
            if p.grad is not None:
                self._update(p, p.grad, hidden["lr"])
        self._adam.state = self.state
        for group in self._adam.param_groups:
            group["lr"] = others["lr"] * self._other_rate
        self._adam.step()
        return loss

    def _update(self, p: Tensor, gradient: Tensor, rate: float) -> None:
        """p = p - rate sqrt(max(r, k)) orthogonalise(G + momentum U), after U = momentum U + G."""
        velocity = self.state[p]["momentum_buffer"]
        velocity.mul_(self._momentum).add_(gradient)
        along = gradient.add(velocity, alpha=self._momentum).flatten(1)
        step = orthogonalise(along, self._iterations)
        if self._weight_decay:
            p.mul_(1 - rate * self._weight_decay)
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
