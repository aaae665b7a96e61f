"""Make figures without pyplot, so that no global state changes and no window opens."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digitnn.atomic_files import replace_file
from digitnn.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette, which colour-blind readers can distinguish."""
GREY = "#8a8a8a"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, sized in inches. Raises `MissingExtraError` without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("matplotlib", "plots", "drawing figures") from None
    return Figure(figsize=(width, height), dpi=120, layout="constrained")


def plot_known(
    axes: Axes,
    positions: Sequence[float],
    values: Sequence[float | None],
    factor: float = 1.0,
    **look: Any,
) -> None:
    """Draw a line through `factor` times those values that are not None; none at all if all are."""
    known = factor * np.array(values, float)  # None becomes NaN, which is not drawn
    if not np.isnan(known).all():
        axes.plot(positions, known, **look)


def use_log_scale(axes: Axes) -> None:
    """Set a logarithmic y axis with plain numbers (1, 2, 5) if any value is above 0."""
    from matplotlib.ticker import LogLocator

    if not np.isfinite(axes.dataLim.minposy):  # no value is above 0
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")


def write_figure(path: Path, figure: Figure) -> None:
    """Write `figure` as a PNG, atomically. Raises `OSError`."""
    image = io.BytesIO()
    figure.savefig(image, format="png", metadata={"Software": None})
    with replace_file(path) as file:
        file.write(image.getvalue())
