"""Where PyTorch computes: on an accelerator if it sees one, else on the processor."""

import torch


def best_device() -> torch.device:
    """CUDA, MPS or whatever accelerator PyTorch finds; the processor otherwise."""
    return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
