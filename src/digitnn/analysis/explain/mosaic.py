"""Draw many small planes as one mosaic, in rows with gaps.

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
"""For signed numbers: red above 0, white at 0, blue below; safe for colour-blind readers."""
AMOUNT = "viridis"
"""For amounts: lightness increases with the number, so it also works in grey."""


def mosaic(
    planes: Num[ndarray, "n h w"], columns: int, gap: int = 1
) -> Float[ndarray, "height width"]:
    """Return the planes in rows of `columns`; the gaps are NaN, which is not drawn."""
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
    """Draw a mosaic with sharp pixel edges, without ticks or frame."""
    axes.set_axis_off()
    return axes.imshow(mosaic(planes, columns, gap), interpolation="nearest", **look)


def show_image(axes: Axes, image: Num[ndarray, "28 28"]) -> None:
    """Draw one image with dark ink on white paper."""
    axes.imshow(255 - image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    frame(axes)


def show_signed(axes: Axes, plane: Num[ndarray, "h w"], largest: float) -> AxesImage:
    """Draw signed numbers, from -largest to largest."""
    drawn = axes.imshow(plane, cmap=SIGNED, vmin=-largest, vmax=largest, interpolation="nearest")
    frame(axes)
    return drawn


MAX_NAME = 14
"""Characters of a class's name above a small picture."""


def short_name(name: str) -> str:
    """Return the name of a class, cut where it is too long to stand above a small picture."""
    return name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…"


def frame(axes: Axes) -> None:
    """Remove the ticks and draw a thin grey frame."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(color="#c0c0c0", linewidth=0.8)
