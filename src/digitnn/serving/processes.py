"""How the processes of a server are started. Imports little: they load while the server imports."""

from importlib.util import find_spec
from multiprocessing import forkserver, get_all_start_methods, get_context
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import TypeAlias

Context: TypeAlias = ForkServerContext | SpawnContext
"""Forking the server itself would copy its threads and sockets."""

PRELOADED = ("digitnn.serving.tasks", "digitnn.serving.training_process")
"""Imported once, by the process that the others are forked from."""


def start_context() -> Context:
    """Return the way to start processes, and begin to import what they need."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    context = get_context("forkserver")
    torch = ("digitnn.engines.pytorch.engine",) if find_spec("torch") else ()
    context.set_forkserver_preload([*torch, *PRELOADED])
    forkserver.ensure_running()
    return context
