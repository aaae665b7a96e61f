"""Muon in PyTorch: orthogonalised steps for hidden weights, fused Adam for all else.

The formulas and their source are those of `recipes.optimisers.Muon`; why `orthogonal` does what it
says is derived in `scratch.newton_schulz`, whose operations these are. A small network's
step takes milliseconds, so each tensor is given few calls.
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
TINY = 1e-7
AT_ONCE = 3


class Muon(torch.optim.Optimizer):
    """Two groups: `hidden` weights, of two or more axes, and `others`, which `adam` moves.

    adam: an optimiser of `others`. other_rate: its learning rate in units of this one's. What both
    remember is in `state`: of a hidden weight the velocity, "momentum_buffer", zero at first.
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
        """One step along the gradients; `closure` computes them first, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        hidden, others = self.param_groups
        for p in hidden["params"]:
            if p.grad is not None:
                self._move(p, p.grad, hidden["lr"])
        self._adam.state = self.state
        for group in self._adam.param_groups:
            group["lr"] = others["lr"] * self._other_rate
        self._adam.step()
        return loss

    def _move(self, p: Tensor, gradient: Tensor, rate: float) -> None:
        """p = p - rate sqrt(max(r, k)) orthogonal(G + momentum U), after U = momentum U + G."""
        velocity = self.state[p]["momentum_buffer"]
        velocity.mul_(self._momentum).add_(gradient)
        along = gradient.add(velocity, alpha=self._momentum).flatten(1)
        step = orthogonal(along, self._iterations)
        if self._weight_decay:
            p.mul_(1 - rate * self._weight_decay)
        p.sub_(step.reshape(p.shape), alpha=rate * sqrt(max(along.shape)))


def orthogonal(x: Float[Tensor, "r k"], iterations: int) -> Float[Tensor, "r k"]:
    """`x` with its singular values near 1, unless they are tiny, after so many steps."""
    if x.shape[0] > x.shape[1]:
        return orthogonal(x.T, iterations).T
    x = x / (x.norm() + TINY)
    for done in range(0, iterations, AT_ONCE):
        x = _factor(x @ x.T, min(AT_ONCE, iterations - done)) @ x
    return x


def _factor(gram: Float[Tensor, "r r"], count: int) -> Float[Tensor, "r r"]:
    """The matrix by which `count` steps multiply X, from X X^T alone."""
    factor = step = _step(gram)
    for _ in range(count - 1):
        gram = step @ gram @ step
        step = _step(gram)
        factor = step @ factor
    return factor


def _step(gram: Float[Tensor, "r r"]) -> Float[Tensor, "r r"]:
    """a + b X X^T + c (X X^T)^2."""
    step = torch.addmm(gram, gram, gram, beta=B, alpha=C)
    step.diagonal().add_(A)
    return step
