"""Training on micro-batches, alone or as one of several processes, in PyTorch.

A step is the same whoever computes which micro-batch:

    gradient = ((g_0 + g_1) + g_2) + ...,   g_i = d(summed loss of micro-batch i) / dp / n

BatchNorm takes its statistics over a micro-batch ("ghost batch normalisation", Hoffer et al. 2017).
Its running statistics are updated with those of each micro-batch, in their order, with the momentum
1 - (1 - momentum)^(1/m), so that they reach as many images back as with whole batches.
Axes: n images, m micro-batches, k of them per process, p parameters, s statistics.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite, prod

import torch
from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor, nn

from digitnn.engines.micro_batches import GroupEnded, MicroBatches
from digitnn.engines.protocols import Outcome, check_batch, kept_units
from digitnn.engines.pytorch.engine import PytorchClassifier, PytorchEngine, PytorchTrainer
from digitnn.engines.pytorch.losses import SplitObjective
from digitnn.engines.pytorch.process_group import ProcessGroup, in_order
from digitnn.errors import PeerError
from digitnn.network.layers import Loss
from digitnn.network.network import Network, Params, Samples
from digitnn.recipes.optimisers import MiniBatchOptimiser

GO_ON, END = 0.0, 1.0
CONTROLS = 2
"""Numbers at the head of what is gathered before a step: `GO_ON` or `END`, and a checksum."""


class MicroBatchTrainer:
    """Trains a network on micro-batches. group: the other processes; None: there are none.

    In each step all processes compare a checksum of their parameters.
    """

    def __init__(
        self,
        whole: PytorchTrainer,
        network: Network,
        seed: int,
        cut: MicroBatches,
        group: ProcessGroup | None,
    ) -> None:
        self._whole, self._network, self._seed = whole, network, seed
        self._cut, self._group = cut, group
        self._params = list(whole.module.parameters())
        self._norms = [m for m in whole.module if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
        self._momenta = [
            1 - (1 - (norm.momentum or 0.0)) ** (1 / cut.count) for norm in self._norms
        ]
        for norm in self._norms:
            norm.momentum = 1.0  # a forward pass leaves the statistics of its micro-batch
        count = sum(p.numel() for p in self._params)
        like = self._params[0]
        self._rows = like.new_empty((cut.per_process, count)).detach()
        for p in self._params:
            p.grad = torch.zeros_like(p)

    def step(self, images: Samples, labels: UInt8[ndarray, " n"], learning_rate: float) -> Outcome:
        """Take one step, see `Trainer.step`. Only the own parts of the batch are looked at.

        Raises `GroupEnded` if the first process has ended the training, and `PeerError` if one has
        gone.
        """
        check_batch(self._network, images, labels)
        n, cut = len(labels), self._cut
        buffers = [(buffer, buffer.clone()) for buffer in self._whole.module.buffers()]
        measured = [self._measure(images, labels, part, at) for part, at in cut.own(n)]
        for buffer, before in buffers:
            buffer.copy_(before)
        gathered = self._gather(torch.stack(measured))
        outcome = Outcome(0.0, 0)
        for total, correct in gathered[:, :2].tolist():
            outcome += Outcome(total, int(correct))
        if not isfinite(outcome.total):
            return outcome
        self._write_gradient(self._sum())
        for at, statistics in zip(cut.cut(n), gathered[:, 2:], strict=True):
            if at.stop > at.start:
                self._move_statistics(statistics)
        self._whole.update(learning_rate)
        return outcome

    def _measure(
        self, images: Samples, labels: UInt8[ndarray, " n"], part: int, at: slice
    ) -> Float[Tensor, " x"]:
        """Write the gradient of a micro-batch into its row; return loss, correct, statistics."""
        row = self._rows[part % self._cut.per_process]
        measured = torch.zeros(2 + statistics_count(self._network), dtype=torch.float64)
        if at.stop == at.start:
            row.zero_()
            return measured
        own, steps = at.stop - at.start, self._whole.steps
        kept = kept_units(self._network, own, self._seed, steps, part)
        total, outcome = self._whole.forward(images[at], labels[at], kept)
        gradients = torch.autograd.grad(total / len(labels), self._params)
        for view, gradient in zip(self._views(row), gradients, strict=True):
            view.copy_(gradient)
        measured[0], measured[1] = outcome.total, outcome.correct
        if self._norms:
            measured[2:] = torch.cat([t for norm in self._norms for t in _statistics(norm)]).cpu()
        return measured

    def _gather(self, measured: Float[Tensor, "k x"]) -> Float[Tensor, "m x"]:
        """Return what all processes measured, in the order of the micro-batches."""
        if self._group is None:
            return measured
        controls = torch.tensor([GO_ON, self._checksum()], dtype=torch.float64)
        rows = self._group.gather(torch.cat((controls, measured.flatten())))
        if (rows[:, 0] == END).any():
            raise GroupEnded
        if (rows[:, 1] != rows[0, 1]).any():
            odd = int((rows[:, 1] != rows[0, 1]).nonzero()[0])
            raise PeerError(
                f"the parameters of process {odd} differ from those of process 0 at step "
                f"{self._whole.steps}: are their processors and libraries the same?"
            )
        return rows[:, CONTROLS:].reshape(self._cut.count, -1)

    def _sum(self) -> Float[Tensor, " p"]:
        if self._group is None:
            return in_order(self._rows)
        if self._cut.reduction == "ordered":
            return self._group.sum_in_order(self._rows)
        return self._group.sum_in_any_order(in_order(self._rows))

    def _write_gradient(self, gradient: Float[Tensor, " p"]) -> None:
        for p, view in zip(self._params, self._views(gradient), strict=True):
            assert p.grad is not None
            p.grad.copy_(view)

    def _views(self, row: Float[Tensor, " p"]) -> list[Tensor]:
        """Return a view for each parameter, in the memory layout of the parameter."""
        views, start = [], row.storage_offset()
        for p in self._params:
            views.append(row.as_strided(p.shape, p.stride(), start))
            start += p.numel()
        return views

    def _move_statistics(self, measured: Float[Tensor, " s"]) -> None:
        """Update the running statistics with those of one micro-batch."""
        start = 0
        for norm, momentum in zip(self._norms, self._momenta, strict=True):
            for running in _statistics(norm):
                own = measured[start : start + running.numel()]
                running.mul_(1 - momentum).add_(own.to(running), alpha=momentum)
                start += running.numel()
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked += 1

    def _checksum(self) -> float:
        """Return the sum of the parameters' bits as integers, modulo 2^52: exact as a float64."""
        kind = torch.int64 if self._params[0].dtype == torch.float64 else torch.int32
        sums = [p.detach().view(kind).sum(dtype=torch.int64) for p in self._params]
        return float(int(torch.stack(sums).sum()) % 2**52)

    def parameters(self) -> dict[str, ndarray]:
        """Return a copy of the current parameters and buffers."""
        return self._whole.parameters()

    def state(self) -> dict[str, ndarray]:
        """Return a copy of all that the next step depends on."""
        return self._whole.state()

    def restore(self, state: Mapping[str, ndarray]) -> None:
        """Continue from a `state`; raises `CheckpointError` for that of another trainer."""
        self._whole.restore(state)


@dataclass(frozen=True, eq=False)
class MicroBatchEngine:
    """The PyTorch engine, training on micro-batches. group: None for a single process."""

    micro_batches: MicroBatches
    group: ProcessGroup | None = None

    def __post_init__(self) -> None:
        PytorchEngine()  # sets the threads
        if torch.cuda.is_available():
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.benchmark = False

    def classifier(self, network: Network, params: Params) -> PytorchClassifier:
        """Return a classifier with its own copy of the parameters."""
        return PytorchClassifier(network, params)

    def trainer(
        self, network: Network, params: Params, optimiser: MiniBatchOptimiser, loss: Loss, seed: int
    ) -> MicroBatchTrainer:
        """Return a trainer that starts from `params`; seed decides which units dropout keeps."""
        whole = PytorchTrainer(network, params, optimiser, loss, seed)
        return MicroBatchTrainer(whole, network, seed, self.micro_batches, self.group)

    def objective(
        self,
        network: Network,
        features: Float[ndarray, "n f"],
        labels: UInt8[ndarray, " n"],
        loss: Loss,
    ) -> SplitObjective:
        """Return the loss over all images, computed block by block."""
        return SplitObjective(network, features, labels, loss)

    def end(self, network: Network) -> None:
        """Meet the other processes, in the place of a step, and end their training.

        Called by the first process, at the end; its peers call it when they have taken all steps.
        """
        if self.group is not None:
            size = CONTROLS + self.micro_batches.per_process * (2 + statistics_count(network))
            self.group.gather(torch.full((size,), END, dtype=torch.float64))


def statistics_count(network: Network) -> int:
    """Return how many running statistics the network's BatchNorm layers have."""
    return sum(prod(shape) for shape in network.buffer_shapes().values())


def _statistics(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    return norm.running_mean, norm.running_var
