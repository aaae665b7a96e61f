"""What the processes of a data-parallel training exchange.

Gradients are exchanged as gloo moves them on CPUs and NCCL on GPUs; everything else goes through
gloo. torchrun tells each process its number and where the others are, in environment variables.
Axes: r processes, m micro-batches, k of them per process, p parameters, c parameters per process.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from digitnn.engines.pytorch.modules import chosen_device
from digitnn.errors import PeerError, UsageError

TIMEOUT = timedelta(minutes=10)
"""For one exchange. While the first process validates and saves, the others wait in one. A process
that is killed closes its connections, which the others notice at once."""


class ProcessGroup:
    """All processes that torchrun started, connected to each other.

    rank: the number of this process, from 0; size: how many there are.
    local_rank, nodes: the number of this process on its machine, and the machines.
    """

    def __init__(self, local_rank: int, nodes: int) -> None:
        device = chosen_device()
        if device.type not in ("cpu", "cuda"):
            raise UsageError(
                f"several processes train on cpu or cuda, not on {device.type}: give --device cpu"
            )
        if device.type == "cuda":
            torch.cuda.set_device(local_rank)
        self.device = device
        if nodes == 1:
            _stay_on_this_machine()
        with _connected():
            self._store, self.rank, self.size = next(rendezvous("env://", timeout=TIMEOUT))
            backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
            dist.init_process_group(
                backend, store=self._store, rank=self.rank, world_size=self.size, timeout=TIMEOUT
            )

    def collect(self, value: Any) -> list[Any]:
        """Return the `value` of every process, by its number."""
        values: list[Any] = [None] * self.size
        with _connected():
            dist.all_gather_object(values, value)
        return values

    def share(self, value: Any = None) -> Any:
        """Return, in every process, the `value` of the first one."""
        values = [value]
        with _connected():
            dist.broadcast_object_list(values, src=0)
        return values[0]

    def gather(self, row: Float[Tensor, " x"]) -> Float[Tensor, "r x"]:
        """Return the `row`, on the CPU, of every process."""
        rows = row.new_empty(self.size * len(row))
        with _connected():
            dist.all_gather_single(rows, row)
        return rows.view(self.size, -1)

    def sum_in_order(self, rows: Float[Tensor, "k p"]) -> Float[Tensor, " p"]:
        """Return the sum of the rows of all processes, each added to the sum of those before it.

        The columns are cut into a piece per process. A process receives its piece of all m rows,
        adds them up, and sends the sum to the others. It moves 2 p numbers or fewer per process,
        as an all-reduce does, where gathering all rows would move m p.
        """
        own, columns = rows.shape
        piece = -(-columns // self.size)
        sent = rows.new_zeros(self.size, own, piece)
        for rank, part in enumerate(torch.split(rows, piece, dim=1)):
            sent[rank, :, : part.shape[1]] = part
        received = torch.empty_like(sent)
        total = rows.new_empty(self.size * piece)
        with _connected():
            dist.all_to_all_single(received, sent)
            dist.all_gather_single(total, in_order(received.view(-1, piece)))
        return total[:columns]

    def sum_in_any_order(self, row: Float[Tensor, " p"]) -> Float[Tensor, " p"]:
        """Return the sum of the `row` of each process, which is overwritten by it."""
        with _connected():
            dist.all_reduce(row)
        return row

    def is_first_to_report(self) -> bool:
        """Tell whether no process has called this before, so that an error is printed once."""
        try:
            return bool(self._store.add("digitnn/reports", 1) == 1)
        except RuntimeError:  # the store is gone with torchrun: better twice than never
            return True

    def leave(self) -> None:
        """Wait until all processes are here: each has then received what was sent before.

        The connections stay open until the process ends: gloo was seen to abort a process that
        closed its own after its peers had.
        """
        with suppress(RuntimeError):  # a process that has left already was here
            dist.barrier()


def in_order(rows: Float[Tensor, "m p"]) -> Float[Tensor, " p"]:
    """Return ((row 0 + row 1) + row 2) + ...; `torch.sum` promises no order."""
    total = rows[0].clone()
    for row in rows[1:]:
        total += row
    return total


@contextmanager
def _connected() -> Iterator[None]:
    """Turn a broken connection, which PyTorch reports as a `RuntimeError`, into a `PeerError`."""
    try:
        yield
    except RuntimeError as error:
        raise PeerError("another process of this training ended or does not answer") from error


def _stay_on_this_machine() -> None:
    """Let gloo listen on the loopback interface only, unless the user chose another."""
    loopback = {name for _, name in socket.if_nameindex()} & {"lo", "lo0"}
    if loopback:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback.pop())
