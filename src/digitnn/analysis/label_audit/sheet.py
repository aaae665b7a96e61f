"""The contact sheet: suspects side by side, for people to judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.analysis.explain.mosaic import show_image
from digitnn.analysis.label_audit.suspects import Suspect
from digitnn.plotting import COLOURS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = 10
MOST = 60


def draw_suspects(
    suspects: Sequence[Suspect], images: UInt8[ndarray, "n 28 28"], collection: str
) -> Figure:
    """The first `MOST`, row by row: label -> proposal with its probability, and where it lies.

    images: all images of the collection, as `Suspect.place` counts them.
    """
    shown = suspects[:MOST]
    rows = max(1, -(-len(shown) // COLUMNS))
    figure = new_figure(12, 1.62 * rows + 0.5)
    figure.suptitle(
        f"{collection}: the {len(shown)} most suspicious of {len(suspects):,} labels that networks "
        "which never saw them contradict; label → proposal",
        fontsize=11,
    )
    grid = figure.subplots(rows, COLUMNS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for one, axes in zip(shown, grid.flat, strict=False):
        axes.set_axis_on()
        show_image(axes, images[one.place])
        axes.set_title(f"{one.label} → {one.proposal}", fontsize=11, pad=3, color=COLOURS[1])
        axes.set_xlabel(
            f"{_share(one.probability)}, {one.part} {one.index}", fontsize=7.5, color="#404040"
        )
    return figure


def _share(probability: float) -> str:
    return f"{100 * np.floor(1000 * probability) / 1000:.1f} %"
