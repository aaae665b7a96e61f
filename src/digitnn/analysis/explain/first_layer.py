"""Show the weights of the first layer as images.

Axes: n units or filters, h w pixels that each sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.analysis.explain.mosaic import SIGNED, show_mosaic
from digitnn.errors import NetworkError
from digitnn.network.layers import Conv2d, Crop, Dense, Flatten
from digitnn.network.network import Network
from digitnn.plotting import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_UNITS_DRAWN = 100
"""If there are more units, the strongest are drawn."""


@dataclass(frozen=True, eq=False)
class FirstLayer:
    """Weights of the first layer that learns, strongest first.

    weights: change of a unit's sum as a pixel goes from paper to ink; kind: "units" see the whole
    image, "filters" move over it; order: the index of each unit.
    """

    kind: Literal["units", "filters"]
    weights: Float32[ndarray, "n h w"]
    order: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "kind": self.kind,
            "order": list(self.order),
            "weights": self.weights.round(4).tolist(),
        }


def first_layer(network: Network, params: Mapping[str, ndarray]) -> FirstLayer:
    """Return the weights applied to the pixels themselves, per full ink.

    Raises `NetworkError` if there are none, as in a network that pools first.
    """
    shapes = network.shapes()
    index = next(i for i, layer in enumerate(network.layers) if isinstance(layer, Dense | Conv2d))
    for layer in network.layers[:index]:
        if not isinstance(layer, Crop | Flatten):
            raise NetworkError(f"{layer} comes before the first weights, so they see no pixels")
    weights = params[f"{index}.weight"] * np.float32(255 / network.standardise.std)
    kind: Literal["units", "filters"] = "units"
    if isinstance(network.layers[index], Conv2d):
        planes, kind = weights[:, 0], "filters"
    else:
        seen = [shape for shape in shapes[: index + 1] if len(shape) == 3][-1]
        planes = weights.reshape(-1, *seen[1:])
    strength = np.linalg.norm(planes.reshape(len(planes), -1), axis=1)
    order = np.argsort(-strength, kind="stable")
    return FirstLayer(kind, planes[order], tuple(map(int, order)))


def draw_first_layer(found: FirstLayer) -> Figure:
    """Draw each unit or filter on one scale: red is positive, blue negative."""
    shown = found.weights[:MAX_UNITS_DRAWN]
    columns, gap = (10, 2) if found.kind == "units" else (8, 1)
    rows = -(-len(shown) // columns)
    figure = new_figure(7.4, 6.4 * rows / columns + 0.45)
    axes = figure.subplots()
    largest = float(np.quantile(np.abs(shown), 0.999))
    scale = {"cmap": SIGNED, "vmin": -largest, "vmax": largest}
    drawn = show_mosaic(axes, shown, columns, gap, **scale)
    bar = figure.colorbar(drawn, ax=axes, fraction=0.03, pad=0.02, extend="both")
    bar.set_label("weight of a pixel of full ink")
    axes.set_title(f"{_count(found)} {_what(found)}", fontsize=11)
    return figure


def _count(found: FirstLayer) -> str:
    n = len(found.weights)
    return f"{MAX_UNITS_DRAWN} strongest of {n}" if n > MAX_UNITS_DRAWN else f"{n}"


def _what(found: FirstLayer) -> str:
    if found.kind == "units":
        return "hidden units, each with a weight for every pixel"
    _, h, w = found.weights.shape
    return f"filters of the first convolution, {h} × {w} pixels each"


def describe_first_layer(found: FirstLayer) -> str:
    """Describe the figure for readers new to weights."""
    idle = float(np.mean(~np.any(found.weights != 0, axis=0)))
    if found.kind == "filters":
        return (
            f"Each square is one of {len(found.weights)} filters that move over the image, "
            "strongest first. Red weights respond to ink, blue ones to paper: red next to blue "
            "detects edges in that direction, red alone detects strokes."
        )
    corner = (
        f" {100 * idle:.0f} % of the pixels, at the margin, have no weight: they hardly differ "
        "between images and are left out."
        if idle > 0.01
        else ""
    )
    return (
        f"Each square is one of {len(found.weights)} hidden units, strongest first: ink on red "
        "pixels raises its activation, ink on blue ones lowers it. No unit stands for a digit; a "
        f"digit is a pattern over all units.{corner}"
    )
