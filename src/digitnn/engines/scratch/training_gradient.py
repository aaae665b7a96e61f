"""The gradient of a mini-batch, block by block on all cores, BatchNorm included.

BatchNorm needs the statistics of the whole batch. So the network is cut before each BatchNorm into
stages: all blocks go through a stage, then their statistics are combined, and all go through the
next; backwards likewise. Without BatchNorm there is one stage, and each block goes there and back
at once. The blocks, and the order in which anything is added over them, do not depend on the number
of cores, so neither do the bits.
Axes: n images of a block, k classes.
"""

from __future__ import annotations  # those of nested functions would be built at each call

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial, reduce
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from digitnn.engines.protocols import Outcome
from digitnn.engines.scratch.backpropagation import (
    LayerFunction,
    LayerPass,
    ParamsByLayer,
    layer_functions,
    parameters_by_layer,
    run_backward,
    run_forward,
)
from digitnn.engines.scratch.blocks import run_blocks
from digitnn.engines.scratch.layers import Gradients, dropout_training, without_parameters
from digitnn.engines.scratch.memory import Memories, Memory
from digitnn.engines.scratch.normalisation import Statistics
from digitnn.engines.scratch.normalisation_in_blocks import Centred, Normalised, centred, normalise
from digitnn.network import layers
from digitnn.network.network import Architecture, Params

BlockLoss: TypeAlias = Callable[[Float[ndarray, "n k"], slice], tuple[Outcome, ndarray]]
"""Maps the logits of a block, and its place in the batch, to its loss and dL/dlogits."""

Chain: TypeAlias = Sequence[tuple[int, LayerFunction]]


@dataclass(frozen=True)
class Batch:
    """A batch in training mode: `count` images in blocks of `block`.

    inputs: returns the standardised images of a slice; kept: a mask of the kept units for each
    Dropout, by the index of the layer; loss: see `BlockLoss`; write: takes each block's share of
    every gradient, and the number of the block; memories: for intermediate results, kept from step
    to step.
    """

    count: int
    block: int
    inputs: Callable[[slice], Float[ndarray, "n ..."]]
    kept: Mapping[int, Bool[ndarray, "count ..."]]
    loss: BlockLoss
    write: Callable[[Gradients, int], None]
    memories: Memories


@dataclass(frozen=True)
class Stage:
    """The layers from one BatchNorm up to the next.

    norm: the BatchNorm and its index, None before the first; relu: whether a ReLU follows it, which
    is fused with it; chain: the layers after that.
    """

    norm: tuple[int, layers.BatchNorm] | None
    relu: bool
    chain: tuple[tuple[int, LayerFunction], ...]


@lru_cache
def stages(architecture: Architecture) -> tuple[Stage, ...]:
    """Return the stages of a network, in order; the first may be without layers."""
    norms = [
        (index, layer)
        for index, layer in enumerate(architecture)
        if isinstance(layer, layers.BatchNorm)
    ]
    ends = [*(index for index, _ in norms), len(architecture)]
    found = []
    for norm, end in zip([None, *norms], ends, strict=True):
        first = 0 if norm is None else norm[0] + 1
        relu = norm is not None and architecture[first : first + 1] == (layers.Relu(),)
        first += relu
        chain = layer_functions(architecture[first:end])
        found.append(Stage(norm, relu, tuple((first + at, function) for at, function in chain)))
    return tuple(found)


@dataclass(eq=False)
class _Block:
    """A block of images between two visits, and what its way back needs.

    x: the output of its last layer, on the way back the gradient of it; centred, activated: inputs
    and outputs of the BatchNorm layers so far; passes: of the stages so far.
    """

    at: slice
    x: ndarray = field(default_factory=lambda: np.empty(0))
    centred: list[Centred] = field(default_factory=list)
    activated: list[ndarray] = field(default_factory=list)
    passes: list[list[LayerPass]] = field(default_factory=list)
    gradients: Gradients = field(default_factory=dict)
    memory: Memory | None = None
    outcome: Outcome = field(default_factory=lambda: Outcome(0.0, 0))


def training_gradient(
    architecture: Architecture, params: Params, batch: Batch
) -> tuple[Outcome, Statistics]:
    """Write the gradients; return the loss, and the new running statistics."""
    found, by_layer = stages(architecture), parameters_by_layer(params)
    norms: list[Normalised] = []
    statistics: Statistics = {}
    starts = range(0, batch.count, batch.block)
    blocks = [_Block(slice(at, min(at + batch.block, batch.count))) for at in starts]

    def visit(work: Callable[[_Block], None]) -> None:
        def some_blocks(part: Sequence[slice]) -> None:
            for at in part:
                own = blocks[at.start // batch.block]
                if own.memory is None:
                    own.memory = batch.memories.take()
                with own.memory.active():
                    work(own)
                if not own.passes:  # it has been all the way back
                    batch.memories.give_back(own.memory)

        run_blocks(some_blocks, batch.count, batch.block)

    def forward(own: _Block) -> None:
        """Take a block through its next stage, to what the BatchNorm after it needs of it."""
        number = len(own.passes)
        if number == 0:
            own.x = batch.inputs(own.at)
        else:
            own.x = norms[number - 1].forward(own.centred[-1])
            own.activated.append(own.x)
        chain = _in_training(architecture, found[number].chain, batch, own.at)
        own.x, passes = run_forward(chain, by_layer, own.x)
        own.passes.append(passes)
        if number < len(found) - 1:
            own.centred.append(centred(own.x))

    def backward(own: _Block) -> None:
        """Take a block back through a stage, to what its BatchNorm needs of it."""
        number = len(own.passes) - 1
        dx, gradients = run_backward(own.passes.pop(), own.x, need_dx=number > 0)
        own.gradients |= gradients
        norm = found[number].norm
        if norm is not None:
            assert dx is not None
            y = own.activated.pop()
            own.x, sums = norms[number - 1].backward_sums(own.centred[-1], y, dx)
            own.gradients |= {f"{norm[0]}.{name}": gradient for name, gradient in sums.items()}
        else:
            batch.write(own.gradients, own.at.start // batch.block)

    def turn(own: _Block) -> None:
        forward(own)
        own.outcome, own.x = batch.loss(own.x, own.at)
        backward(own)

    for stage in found[1:]:
        visit(forward)
        norm, moved = _combined(stage, by_layer, [own.centred[-1] for own in blocks])
        norms.append(norm)
        statistics |= moved
    visit(turn)
    for number in range(len(found) - 1, 0, -1):
        layer = found[number].norm
        assert layer is not None
        dweight, dbias = (
            reduce(np.add, [own.gradients[f"{layer[0]}.{name}"] for own in blocks])
            for name in ("weight", "bias")
        )

        def back(own: _Block, norm: Normalised, sums: tuple[ndarray, ndarray]) -> None:
            own.x = norm.backward(own.centred.pop(), own.x, *sums)
            backward(own)

        visit(partial(back, norm=norms[number - 1], sums=(dweight, dbias)))
    return sum((own.outcome for own in blocks), Outcome(0.0, 0)), statistics


def _combined(
    stage: Stage, params: ParamsByLayer, blocks: Sequence[Centred]
) -> tuple[Normalised, Statistics]:
    """Return the BatchNorm of a stage with the statistics of the batch, and the running ones."""
    assert stage.norm is not None
    index, layer = stage.norm
    norm, moved = normalise(layer, params[index], blocks, stage.relu)
    return norm, {f"{index}.{name}": average for name, average in moved.items()}


def _in_training(architecture: Architecture, chain: Chain, batch: Batch, at: slice) -> Chain:
    """Return the chain with each Dropout dropping its units for this block."""
    if not batch.kept:
        return chain
    return [
        (index, _dropping(architecture[index], function, batch.kept.get(index), at))
        for index, function in chain
    ]


def _dropping(
    layer: layers.Layer, function: LayerFunction, kept: ndarray | None, at: slice
) -> LayerFunction:
    if kept is None:
        return function
    drop = without_parameters(lambda layer, x: dropout_training(layer, kept[at], x))
    return partial(drop, layer)
