"""All parameters of a network as one vector, and as views of it by name.

An optimiser works on one vector, whatever the network, and the layers see what it writes there
without a copy.
Axes: p parameters.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.engines.protocols import precision
from digitnn.network.layers import Shape
from digitnn.network.network import Params


@dataclass(frozen=True)
class Weight:
    """The place of a weight, a parameter of two or more axes, in the vector.

    at: its slice. rows: the length of its first axis, that is its output units or channels. hidden:
    whether other weights follow, so that its output is not the logits.
    """

    at: slice
    rows: int
    hidden: bool


@dataclass(frozen=True)
class Layout:
    """The place of each parameter in the vector, in the order of `shapes`.

    Kernels (u, c, i, j) are stored as (u, i, j, c), as `convolution` multiplies them.
    """

    shapes: Mapping[str, Shape]

    @property
    def size(self) -> int:
        """The number of parameters, p."""
        return sum(prod(shape) for shape in self.shapes.values())

    def views(self, vector: Float[ndarray, " p"]) -> dict[str, ndarray]:
        """Return each parameter as a view of `vector`."""
        views = {}
        for name, at in self._places().items():
            part, shape = vector[at], self.shapes[name]
            if len(shape) == 4:
                u, c, i, j = shape
                views[name] = part.reshape(u, i, j, c).transpose(0, 3, 1, 2)
            else:
                views[name] = part.reshape(shape)
        return views

    def weights(self) -> list[Weight]:
        """Return the weights in order; the last belongs to the last layer."""
        places = self._places()
        names = [name for name, shape in self.shapes.items() if len(shape) >= 2]
        return [
            Weight(places[name], rows=self.shapes[name][0], hidden=name != names[-1])
            for name in names
        ]

    def write(self, params: Params, vector: Float[ndarray, " p"]) -> None:
        """Copy `params` to their places in `vector`."""
        for name, view in self.views(vector).items():
            view[...] = params[name]

    def vector(self, params: Params) -> Float[ndarray, " p"]:
        """Return a new vector that holds `params`, in their precision."""
        vector = np.empty(self.size, precision(params))
        self.write(params, vector)
        return vector

    def _places(self) -> dict[str, slice]:
        places, start = {}, 0
        for name, shape in self.shapes.items():
            places[name] = slice(start, start + prod(shape))
            start += prod(shape)
        return places


def slices_between(weights: Sequence[Weight], size: int) -> Iterator[slice]:
    """Yield the parts of a vector of `size` numbers that belong to none of these weights."""
    start = 0
    for weight in weights:
        yield slice(start, weight.at.start)
        start = weight.at.stop
    yield slice(start, size)
