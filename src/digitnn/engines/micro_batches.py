"""A batch cut into micro-batches, which the processes of a data-parallel training share.

The cut depends on the number of micro-batches only. Each process computes the gradients of its own
ones, and all processes add the gradients in the order of the micro-batches. So neither the cut nor
the order of any sum depends on the number of processes, and the result has the same bits.
Axes: n images of a batch, m micro-batches.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol, TypeAlias, get_args, runtime_checkable

from digitnn.engines.protocols import check_size
from digitnn.errors import TrainingError, UsageError
from digitnn.network.network import Network

Reduction: TypeAlias = Literal["ordered", "all-reduce"]
"""How gradients are added: in the order of the micro-batches, or in whatever order is fastest."""

DEFAULT_COUNT = 4
MAX_COUNT = 4096


@dataclass(frozen=True)
class MicroBatches:
    """The cut of every batch, and the share of one process.

    count: micro-batches per batch; reduction: how their gradients are added; rank, size: the number
    of this process, from 0, and how many there are. The result depends on count and reduction; with
    "all-reduce" its last bits depend on size too.
    """

    count: int
    reduction: Reduction = "ordered"
    rank: int = 0
    size: int = 1

    def __post_init__(self) -> None:
        if type(self.count) is not int or not 1 <= self.count <= MAX_COUNT:
            raise UsageError(
                f"micro-batches must be a whole number from 1 to {MAX_COUNT}, got {self.count!r}"
            )
        if self.reduction not in get_args(Reduction):
            raise UsageError(
                f"reduction must be one of {', '.join(get_args(Reduction))}, got {self.reduction!r}"
            )
        if self.size < 1 or self.count % self.size:
            raise UsageError(
                f"{self.size} processes cannot share {self.count} micro-batches equally: start a "
                f"number of processes that divides {self.count}, or give another --micro-batches"
            )

    @property
    def per_process(self) -> int:
        """The number of micro-batches that each process computes."""
        return self.count // self.size

    def cut(self, n: int) -> list[slice]:
        """Return the parts of a batch of `n` images; the first ones have one more if they differ.

        If there are fewer images than micro-batches, the last parts are empty.
        """
        short, longer = divmod(n, self.count)
        ends = [short * part + min(part, longer) for part in range(self.count + 1)]
        return [slice(start, end) for start, end in pairwise(ends)]

    def own(self, n: int) -> Iterator[tuple[int, slice]]:
        """Yield the number and the part of each micro-batch of this process, empty ones too."""
        first = self.rank * self.per_process
        yield from list(enumerate(self.cut(n)))[first : first + self.per_process]

    def check(self, network: Network, n: int) -> None:
        """Raise `TrainingError` unless `network` can train on the parts of `n` images."""
        smallest = min(at.stop - at.start for at in self.cut(n) if at.stop > at.start)
        try:
            check_size(network, smallest)
        except TrainingError as error:
            raise TrainingError(
                f"{n} images are cut into {self.count} micro-batches: {error}"
            ) from None


@runtime_checkable
class CutsBatches(Protocol):
    """An engine whose trainers compute the micro-batches of one process only."""

    @property
    def micro_batches(self) -> MicroBatches:
        """The cut, and the share of this process."""
        ...


class GroupEnded(Exception):
    """The first process has ended the training; raised in the others, and caught there."""
