"""The scaling of a table to what a network learns well from, and rows of pixels as images.

Axes: n samples, f features, h w pixels.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

import numpy as np
from jaxtyping import Float32, Float64, Num, UInt8
from numpy import ndarray

from digitnn.errors import DataError, UsageError
from digitnn.wording import brief

ScalingKind: TypeAlias = Literal["features", "table", "none"]

_BLOCK_NUMBERS = 1 << 15
"""Numbers scaled at a time: their double precision stays in cache."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """(x - mean) / scale of each feature, computed in double precision.

    So a large offset, such as a year or a Unix time, does not use up the digits of single
    precision, in which networks compute.
    """

    mean: Float64[ndarray, " f"]
    scale: Float64[ndarray, " f"]

    def __call__(self, x: Num[ndarray, "n f"]) -> Float32[ndarray, "n f"]:
        """Scale a table. Raises `DataError` where single precision cannot hold the result."""
        with np.errstate(over="ignore"):
            scaled = x.astype(np.float32) if self._is_identity() else self._scaled(x)
        if not np.isfinite(scaled).all():
            raise DataError(
                "X has numbers that single precision cannot hold after scaling, "
                f"up to {np.abs(x).max():.3g}: scale them first"
            )
        return scaled

    def _is_identity(self) -> bool:
        return not self.mean.any() and bool((self.scale == 1).all())

    def _scaled(self, x: Num[ndarray, "n f"]) -> Float32[ndarray, "n f"]:
        scaled = np.empty(x.shape, np.float32)
        step = max(1, _BLOCK_NUMBERS // x.shape[1])
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            scaled[rows] = (x[rows] - self.mean) / self.scale
        return scaled


def fit_scaling(x: Num[ndarray, "n f"], kind: str) -> Scaling:
    """Return the scaling that a table determines.

    "features": each feature to mean 0 and standard deviation 1; "table": one mean and one
    standard deviation of all numbers; "none". What does not vary is shifted only.
    Raises `UsageError` for another kind.
    """
    if kind not in get_args(ScalingKind):
        raise UsageError(
            f"scaling must be one of {', '.join(get_args(ScalingKind))}, got {brief(kind)}"
        )
    f = x.shape[1]
    if kind == "none":
        return Scaling(np.zeros(f), np.ones(f))
    axis = 0 if kind == "features" else None
    mean = np.asarray(x.mean(axis=axis, dtype=np.float64))
    scale = np.asarray(x.std(axis=axis, dtype=np.float64))
    # rounding alone gives a constant feature a deviation of about this size
    noise = 10 * np.finfo(np.float64).eps * np.abs(x).max(axis=axis)
    scale = np.where(scale > noise, scale, 1.0)
    return Scaling(np.broadcast_to(mean, f).copy(), np.broadcast_to(scale, f).copy())


def rows_to_images(x: Num[ndarray, "n f"], image_shape: tuple[int, int]) -> UInt8[ndarray, "n h w"]:
    """Return the rows of a table as images.

    Raises `DataError` unless each row has h w whole numbers from 0, paper, to 255, ink.
    """
    h, w = image_shape
    if x.shape[1] != h * w:
        raise DataError(f"X has {x.shape[1]} features, but images of {h} x {w} have {h * w}")
    images = x.astype(np.uint8) if x.min() >= 0 and x.max() <= 255 else None
    if images is None or (images != x).any():
        raise DataError(
            "with image_shape, X must hold raw pixels, whole numbers from 0, paper, to 255, ink; "
            f"got numbers from {x.min():.3g} to {x.max():.3g}"
        )
    return images.reshape(-1, h, w)
