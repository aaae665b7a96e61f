"""An optimiser description as one of `torch.optim`; names of numbers differ, formulas agree."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from digitnn.optimisers import Adam, AdamW, MiniBatchOptimiser, RmsProp, Sgd

Groups = list[dict[str, Any]]


def sgd(optimiser: Sgd, groups: Groups) -> torch.optim.Optimizer:
    """With dampening 0, PyTorch's default."""
    return torch.optim.SGD(
        groups,
        lr=optimiser.learning_rate,
        momentum=optimiser.momentum,
        nesterov=optimiser.nesterov,
        fused=True,
    )


def rms_prop(optimiser: RmsProp, groups: Groups) -> torch.optim.Optimizer:
    """Not centred; PyTorch has no fused form of it."""
    return torch.optim.RMSprop(
        groups,
        lr=optimiser.learning_rate,
        alpha=optimiser.alpha,
        eps=optimiser.epsilon,
        momentum=optimiser.momentum,
    )


def adam(optimiser: Adam, groups: Groups) -> torch.optim.Optimizer:
    """Fused: one pass over each parameter."""
    return torch.optim.Adam(
        groups,
        lr=optimiser.learning_rate,
        betas=(optimiser.beta1, optimiser.beta2),
        eps=optimiser.epsilon,
        fused=True,
    )


def adam_w(optimiser: AdamW, groups: Groups) -> torch.optim.Optimizer:
    """Fused as well."""
    return torch.optim.AdamW(
        groups,
        lr=optimiser.learning_rate,
        betas=(optimiser.beta1, optimiser.beta2),
        eps=optimiser.epsilon,
        fused=True,
    )


OPTIMISERS: Mapping[type[MiniBatchOptimiser], Callable[[Any, Groups], torch.optim.Optimizer]] = {
    Sgd: sgd,
    RmsProp: rms_prop,
    Adam: adam,
    AdamW: adam_w,
}


def build_optimiser(
    optimiser: MiniBatchOptimiser, parameters: Iterable[Tensor]
) -> torch.optim.Optimizer:
    """The optimiser of `parameters`; its weight decay acts on those of two or more axes only.

    There are two groups, weights and the rest: a new learning rate goes into both. What it
    remembers of each is there from the beginning, zero, where PyTorch would wait for a first step.
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
                for name in remembered(optimiser)
            }
    return built


def remembered(optimiser: MiniBatchOptimiser) -> tuple[str, ...]:
    """What `torch.optim` keeps of each parameter, under its names."""
    match optimiser:
        case Sgd():
            return ("momentum_buffer",) if optimiser.momentum else ()
        case RmsProp():
            return ("step", "square_avg", *(("momentum_buffer",) if optimiser.momentum else ()))
        case _:
            return ("step", "exp_avg", "exp_avg_sq")
