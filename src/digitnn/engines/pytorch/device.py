"""Where PyTorch computes: where it was told to, else on an accelerator if it sees one."""

import torch

from digitnn.errors import UsageError
from digitnn.machine import resources


def chosen_device() -> torch.device:
    """The device that `resources` names; for "auto" CUDA, MPS or whatever PyTorch finds, if any.

    Raises `UsageError` for one that is not there.
    """
    wanted = resources.device()
    if wanted == "auto":
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    if not torch.get_device_module(wanted).is_available():
        raise UsageError(
            f"device {wanted} was asked for, but PyTorch {torch.__version__} finds none here: "
            "ask for auto or cpu, or install a PyTorch that supports it"
        )
    return torch.device(wanted)
