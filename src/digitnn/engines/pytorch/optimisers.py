"""An optimiser description as an optimiser of `torch.optim`, with the same formulas."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from digitnn.engines.pytorch import muon as orthogonalised
from digitnn.recipes.optimisers import Adadelta, Adam, AdamW, MiniBatchOptimiser, Muon, RmsProp, Sgd

Groups = list[dict[str, Any]]


def sgd(optimiser: Sgd, groups: Groups) -> torch.optim.Optimizer:
    """Return SGD, with dampening 0, PyTorch's default."""
    return torch.optim.SGD(
        groups,
        lr=optimiser.learning_rate,
        momentum=optimiser.momentum,
        nesterov=optimiser.nesterov,
        fused=True,
    )


def rms_prop(optimiser: RmsProp, groups: Groups) -> torch.optim.Optimizer:
    """Return RMSprop, not centred; PyTorch has no fused form of it."""
    return torch.optim.RMSprop(
        groups,
        lr=optimiser.learning_rate,
        alpha=optimiser.alpha,
        eps=optimiser.epsilon,
        momentum=optimiser.momentum,
    )


def adadelta(optimiser: Adadelta, groups: Groups) -> torch.optim.Optimizer:
    """Return Adadelta; PyTorch has no fused form of it."""
    return torch.optim.Adadelta(
        groups, lr=optimiser.learning_rate, rho=optimiser.rho, eps=optimiser.epsilon
    )


def adam(optimiser: Adam, groups: Groups) -> torch.optim.Adam:
    """Return Adam, fused: one pass over each parameter."""
    return torch.optim.Adam(
        groups,
        lr=optimiser.learning_rate,
        betas=(optimiser.beta1, optimiser.beta2),
        eps=optimiser.epsilon,
        fused=True,
    )


def adam_w(optimiser: AdamW, groups: Groups) -> torch.optim.Optimizer:
    """Return AdamW, fused."""
    return torch.optim.AdamW(
        groups,
        lr=optimiser.learning_rate,
        betas=(optimiser.beta1, optimiser.beta2),
        eps=optimiser.epsilon,
        fused=True,
    )


def muon(optimiser: Muon, groups: Groups) -> torch.optim.Optimizer:
    """Return our Muon: that of `torch.optim` scales by other rules, takes hidden weights only and
    computes in half precision, for large networks."""
    weights, biases = groups
    *hidden, last = weights["params"]
    return orthogonalised.Muon(
        hidden,
        adam(optimiser.others, [{"params": [last, *biases["params"]]}]),
        lr=optimiser.learning_rate,
        momentum=optimiser.momentum,
        iterations=optimiser.iterations,
        other_rate=optimiser.other_rate,
        weight_decay=optimiser.weight_decay,
    )


OPTIMISERS: Mapping[type[MiniBatchOptimiser], Callable[[Any, Groups], torch.optim.Optimizer]] = {
    Sgd: sgd,
    RmsProp: rms_prop,
    Adadelta: adadelta,
    Adam: adam,
    AdamW: adam_w,
    Muon: muon,
}


def build_optimiser(
    optimiser: MiniBatchOptimiser, parameters: Iterable[Tensor]
) -> torch.optim.Optimizer:
    """Return the optimiser of `parameters`; only those of two or more axes have weight decay.

    It has two groups, weights (with Muon: hidden weights) and all others: a new learning rate must
    be set in both. The state of each parameter exists from the beginning, zero, where PyTorch would
    create it in the first step.
    """
    found = list(parameters)
    decay = 0.0 if isinstance(optimiser, Adam) else optimiser.weight_decay
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


def state_names(optimiser: MiniBatchOptimiser, group: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what `torch.optim` calls the state of each parameter of the group."""
    match optimiser:
        case Sgd():
            return ("momentum_buffer",) if optimiser.momentum else ()
        case RmsProp():
            return ("step", "square_avg", *(("momentum_buffer",) if optimiser.momentum else ()))
        case Adadelta():
            return ("step", "square_avg", "acc_delta")
        case Muon() if not group.get("fused"):  # a hidden weight
            return ("momentum_buffer",)
        case _:
            return ("step", "exp_avg", "exp_avg_sq")
