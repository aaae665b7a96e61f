"""Many small planes as one picture: side by side, row by row, a gap between them.

Axes: n planes of h w pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Num
from numpy import ndarray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

SIGNED = "RdBu_r"
"""For numbers about 0, which is white: red above, blue below, told apart by everybody."""
AMOUNT = "viridis"
"""For numbers from little to much: ever lighter, so that it says the same in grey."""


def mosaic(
    planes: Num[ndarray, "n h w"], columns: int, gap: int = 1
) -> Float[ndarray, "height width"]:
    """The planes in rows of `columns`; NaN, which is drawn as nothing, in the gaps."""
    n, h, w = planes.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    whole = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap), np.nan)
    for index, plane in enumerate(planes):
        row, column = divmod(index, columns)
        top, left = row * (h + gap), column * (w + gap)
        whole[top : top + h, left : left + w] = plane
    return whole


def show_mosaic(
    axes: Axes, planes: Num[ndarray, "n h w"], columns: int, gap: int = 1, **look: Any
) -> AxesImage:
    """Draw them, each pixel with its edges, without ticks or frame."""
    axes.set_axis_off()
    return axes.imshow(mosaic(planes, columns, gap), interpolation="nearest", **look)


def show_image(axes: Axes, image: Num[ndarray, "28 28"]) -> None:
    """One image as it was written: ink dark on white paper."""
    axes.imshow(255 - image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    frame(axes)


def show_signed(axes: Axes, plane: Num[ndarray, "h w"], largest: float) -> AxesImage:
    """Numbers about 0, from -largest to largest."""
    drawn = axes.imshow(plane, cmap=SIGNED, vmin=-largest, vmax=largest, interpolation="nearest")
    frame(axes)
    return drawn


def frame(axes: Axes) -> None:
    """No ticks, and a thin grey line around."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color="#c0c0c0", linewidth=0.8)
