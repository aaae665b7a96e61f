"""What torchrun tells a process that it starts, in environment variables.

https://docs.pytorch.org/docs/stable/elastic/run.html#environment-variables lists them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from digitnn.errors import UsageError


@dataclass(frozen=True)
class Launch:
    """The place of this process among those that torchrun started.

    rank: its number, from 0; size: how many there are; local_rank, local_size: the same on its
    machine; nodes: how many machines.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int
    nodes: int

    @property
    def leads(self) -> bool:
        """Whether this is the process that shows progress and writes files."""
        return self.rank == 0

    def command(self) -> str:
        """Return how such processes are started, up to the arguments of digitnn."""
        several = f"--nnodes {self.nodes} ... " if self.nodes > 1 else ""
        return f"torchrun {several}--nproc-per-node {self.local_size} -m digitnn"


def find_launch(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """Return the place of this process; None if torchrun did not start it.

    Raises `UsageError` if its variables contradict each other.
    """
    if "TORCHELASTIC_RUN_ID" not in environment:
        return None
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE")
    try:
        rank, size, local_rank, local_size, nodes = (int(environment[name]) for name in names)
    except (LookupError, ValueError):
        raise UsageError(
            f"torchrun sets {', '.join(names)} to whole numbers, but they are "
            f"{', '.join(environment.get(name, 'absent') for name in names)}: start digitnn with "
            "torchrun, or remove TORCHELASTIC_RUN_ID from the environment"
        ) from None
    return Launch(rank, size, local_rank, local_size, nodes)
