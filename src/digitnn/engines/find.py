"""Finds an engine by name, and imports it then."""

from importlib.util import find_spec

from digitnn.engines.protocols import Engine
from digitnn.errors import MissingExtraError, UsageError


def engines_installed() -> tuple[str, ...]:
    """Return the names of the engines that can run here."""
    return ("scratch", "pytorch") if find_spec("torch") else ("scratch",)


def find_engine(name: str) -> Engine:
    """Return the engine "scratch" or "pytorch".

    Raises `MissingExtraError` when PyTorch is not installed, `UsageError` for another name.
    """
    if name == "scratch":
        from digitnn.engines.scratch.engine import ScratchEngine

        return ScratchEngine()
    if name == "pytorch":
        if find_spec("torch") is None:
            raise MissingExtraError("torch", "torch", "the engine pytorch")
        from digitnn.engines.pytorch.engine import PytorchEngine

        return PytorchEngine()
    raise UsageError(f"unknown engine {name!r}; known: scratch, pytorch")
