"""Show how one image passes through the network, stage by stage.

A stage is a layer with weights and the layers up to the next one: Conv2d, Relu, MaxPool2d.
Axes: c planes of h w pixels, u units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.analysis.explain.mosaic import AMOUNT, show_image, show_mosaic
from digitnn.engines.scratch.engine import activations
from digitnn.network.layers import Conv2d, Crop, Dense, Dropout, Flatten, Layer, Shape
from digitnn.network.network import Architecture, Network, Params
from digitnn.plotting import COLOURS, GREY, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_PLANES_DRAWN, PLANES_PER_ROW = 32, 16
"""If there are more planes, the most active are drawn."""
UNITS_PER_ROW = 64


@dataclass(frozen=True, eq=False)
class Stage:
    """name: its layers; output: planes (c, h, w) or units (u,)."""

    name: str
    output: Float32[ndarray, "*shape"]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {"name": self.name, "output": self.output.tolist()}


@dataclass(frozen=True, eq=False)
class Stages:
    """An image and the output of each stage; the last stage gives the logits."""

    image: UInt8[ndarray, "28 28"]
    labels: tuple[str, ...]
    stages: tuple[Stage, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {"stages": [stage.to_json() for stage in self.stages]}


def stages_of(network: Network, params: Params, image: UInt8[ndarray, "28 28"]) -> Stages:
    """Return the output of each stage for one image."""
    outputs = activations(network, params, image[None])
    found = [Stage(name, outputs[last][0]) for name, last in _named(network.layers)]
    return Stages(image, network.labels, tuple(found))


def stage_shapes(network: Network) -> list[tuple[str, Shape]]:
    """Return the name of each stage and the shape of its output."""
    shapes = network.shapes()[1:]
    return [(name, shapes[last]) for name, last in _named(network.layers)]


def stage_layers(network: Network) -> list[tuple[int, int]]:
    """Return the layer with the weights and the layer of the output of each stage."""
    layers = network.layers
    return [(first, _before_flatten(layers, first, last)) for first, last in _cuts(layers)]


def _named(architecture: Architecture) -> list[tuple[str, int]]:
    """Return the name of each stage and the layer of its output."""
    return [
        (
            ", ".join(map(layer_name, filter(_changes_values, architecture[first : last + 1]))),
            _before_flatten(architecture, first, last),
        )
        for first, last in _cuts(architecture)
    ]


def _cuts(architecture: Architecture) -> list[tuple[int, int]]:
    """Return (first, last layer) of each stage."""
    starts = [i for i, layer in enumerate(architecture) if isinstance(layer, Conv2d | Dense)]
    ends = [start - 1 for start in starts[1:]] + [len(architecture) - 1]
    return list(zip(starts, ends, strict=True))


def _before_flatten(architecture: Architecture, first: int, last: int) -> int:
    """Return the last layer of a stage before its output is flattened."""
    flat = [i for i in range(first, last + 1) if isinstance(architecture[i], Flatten)]
    return flat[0] - 1 if flat else last


def _changes_values(layer: Layer) -> bool:
    """Return whether a layer is named: not if it only reshapes, crops or drops out."""
    return not isinstance(layer, Flatten | Dropout | Crop)


def layer_name(layer: Layer) -> str:
    """Return a layer's kind and size, for people: "16 filters 5 × 5"."""
    match layer:
        case Conv2d():
            return f"{layer.channels} filters {layer.kernel} × {layer.kernel}"
        case Dense():
            return f"{layer.units} units"
    return {
        "MaxPool2d": "max-pooling",
        "AveragePool2d": "mean-pooling",
        "BatchNorm": "batch norm",
        "Relu": "ReLU",
    }.get(type(layer).__name__, type(layer).__name__.lower())


def draw_stages(found: Stages) -> Figure:
    """Draw the image, a row for each stage, and the logits as bars."""
    *hidden, last = found.stages
    heights = [1.1, *(_height(stage) for stage in hidden), 1.9]
    figure = new_figure(9, sum(heights) + 0.42 * len(heights))
    rows = figure.subplots(len(heights), 1, height_ratios=heights)
    show_image(rows[0], found.image)
    rows[0].set_title("the image", fontsize=10, loc="left")
    rows[0].set_anchor("W")
    for axes, stage in zip(rows[1:], hidden, strict=False):
        _draw_stage(axes, stage)
    _draw_logits(rows[-1], last, found.labels)
    return figure


def _height(stage: Stage) -> float:
    if stage.output.ndim == 1:
        return 0.16 * -(-len(stage.output) // UNITS_PER_ROW) + 0.05
    return 0.55 * -(-min(len(stage.output), MAX_PLANES_DRAWN) // PLANES_PER_ROW)


def stage_planes(output: Float32[ndarray, "*shape"]) -> tuple[Float32[ndarray, "n h w"], int, int]:
    """Return what to draw of a stage, with columns and gap: units, or the most active planes."""
    if output.ndim == 1:
        return output[:, None, None], UNITS_PER_ROW, 0
    order = np.argsort(-output.max(axis=(1, 2)), kind="stable")[:MAX_PLANES_DRAWN]
    return output[np.sort(order)], PLANES_PER_ROW, 1


def _draw_stage(axes: Axes, stage: Stage) -> None:
    """Draw planes, or units as a strip of squares; each stage has its own scale."""
    output = stage.output
    least, largest = min(0.0, float(output.min())), float(output.max())
    planes, columns, gap = stage_planes(output)
    if output.ndim == 1:
        many = f"{np.count_nonzero(output)} of them non-zero"
    else:
        most = f", the {MAX_PLANES_DRAWN} most active" if len(output) > MAX_PLANES_DRAWN else ""
        many = f"{len(output)} planes of {output.shape[1]} × {output.shape[2]}{most}"
    show_mosaic(axes, planes, columns, gap, cmap=AMOUNT, vmin=least, vmax=largest)
    axes.set_anchor("W")
    axes.set_title(
        f"{stage.name}: {many} (dark to light: {least:.1f} to {largest:.1f})",
        fontsize=10,
        loc="left",
    )


def _draw_logits(axes: Axes, stage: Stage, labels: tuple[str, ...]) -> None:
    logits = stage.output
    best = int(logits.argmax())
    colours = [COLOURS[0] if i == best else GREY for i in range(len(logits))]
    axes.bar(labels, logits, color=colours, width=0.62)
    axes.axhline(0, color="black", linewidth=0.8)
    for i, z in enumerate(logits):
        axes.annotate(
            f"{z:.1f}",
            (i, z),
            (0, 3 if z >= 0 else -3),
            textcoords="offset points",
            ha="center",
            va="bottom" if z >= 0 else "top",
            fontsize=8,
        )
    axes.margins(y=0.18)
    axes.set_ylabel("logit (nats)")
    axes.set_title(f"the logits: the prediction is {labels[best]}", fontsize=10, loc="left")
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.tick_params(axis="x", length=0)


def describe_stages(found: Stages) -> str:
    """Describe the sizes of the stages and the lead of the predicted digit."""
    *hidden, last = found.stages
    sizes = [f"{stage.output.size:,}" for stage in (*hidden, last)]
    order = np.argsort(-last.output, kind="stable")
    lead = last.output[order[0]] - last.output[order[1]]
    planes = (
        "Early planes still show the digit, its edges and strokes; later ones show only that a "
        "feature is present, and roughly where. "
        if any(stage.output.ndim == 3 for stage in hidden)
        else ""
    )
    return (
        f"From top to bottom, {found.image.size} pixels become {', then '.join(sizes)} numbers, "
        f"the last of them the logits. Lighter is more active. {planes}"
        f"{found.labels[order[0]]} leads {found.labels[order[1]]} by {lead:.1f} nats, which makes "
        f"it {np.exp(lead):,.0f} times as likely."
    )
