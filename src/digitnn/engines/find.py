"""The engines there are, by name; each is imported when it is asked for."""

from importlib.util import find_spec

from digitnn.engines.protocols import Engine
from digitnn.errors import MissingExtraError, UsageError


def find_engine(name: str) -> Engine:
    """The engine "scratch" or "pytorch", imported now.

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
