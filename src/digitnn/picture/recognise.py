"""What the network says of images: `picture/` is handed it as a function, so that it knows none.

Axes: n images.
"""

from collections.abc import Callable
from typing import TypeAlias

from jaxtyping import Float32, UInt8
from numpy import ndarray

Recognise: TypeAlias = Callable[[UInt8[ndarray, "n 28 28"]], Float32[ndarray, "n 11"]]
"""Probabilities of the ten digits and, last, of "no digit"; each row sums to 1."""
