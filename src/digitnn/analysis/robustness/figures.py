"""Draw the corruptions and the accuracy on changed images.

Axes: n images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.analysis.robustness.corrupted import CORRUPTION_SEED, CorruptionSummary
from digitnn.analysis.robustness.corruptions.suite import CORRUPTIONS, corrupt
from digitnn.analysis.robustness.sweeps import Curve
from digitnn.plotting import COLOURS, GREY, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_corrupted(images: UInt8[ndarray, "n 28 28"]) -> Figure:
    """Draw a contact sheet: a column for each image, unchanged first, then a row per corruption."""
    rows = {"none": images} | {name: corrupt(images, name, CORRUPTION_SEED) for name in CORRUPTIONS}
    figure = new_figure(1.6 + 0.5 * len(images), 0.5 * len(rows))
    grid = figure.subplots(len(rows), 1)
    for axes, (name, row) in zip(grid, rows.items(), strict=True):
        axes.imshow(np.concatenate(list(row), axis=1), cmap="gray", vmin=0, vmax=255)
        axes.set_ylabel(_words(name), rotation=0, ha="right", va="center", fontsize=9)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return figure


def draw_corruptions(summary: CorruptionSummary) -> Figure:
    """Draw the error under each corruption with its interval, and the reference in grey."""
    figure = new_figure(7, 5.2)
    axes = figure.subplots()
    places = np.arange(len(summary.rows))
    errors = np.array([100 * (1 - row.accuracy) for row in summary.rows])
    bounds = 100 * (1 - np.array([row.interval[::-1] for row in summary.rows]))
    reach = np.abs(bounds - errors[:, None]).T
    axes.barh(places, errors, 0.4, color=COLOURS[0], xerr=reach, capsize=2, label="this network")
    if summary.reference:
        expected = [100 * summary.reference.errors[row.corruption] for row in summary.rows]
        name = summary.reference.source["recipe"]
        axes.barh(places + 0.4, expected, 0.4, color=GREY, label=f"{name}, mean of its seeds")
    axes.set_yticks(places + 0.2, [_words(row.corruption) for row in summary.rows])
    axes.invert_yaxis()
    axes.set_xlabel("error rate (%)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def draw_sweeps(curves: Sequence[Curve]) -> Figure:
    """Draw the accuracy with its 95 % interval over the steps of each sweep, side by side."""
    figure = new_figure(3.4 * len(curves), 3.2)
    row = np.atleast_1d(figure.subplots(1, len(curves), sharey=True))
    for axes, curve in zip(row, curves, strict=True):
        low, high = 100 * np.array(curve.intervals).T
        axes.fill_between(curve.steps, low, high, color=COLOURS[0], alpha=0.25, linewidth=0)
        axes.plot(curve.steps, 100 * np.array(curve.accuracy), color=COLOURS[0], marker=".")
        axes.set_title(curve.name, fontsize=11)
        axes.set_xlabel(curve.unit)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    row[0].set_ylabel("accuracy (%)")
    row[0].set_ylim(0, 101)
    return figure


def _words(name: str) -> str:
    return name.replace("_", " ")
