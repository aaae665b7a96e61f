"""Find the training images nearest to an image, by hidden features and by pixels.

Axes: n training images, d features, m nearest images.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Num, UInt8
from numpy import ndarray

from digitnn.analysis.explain.mosaic import short_name, show_image
from digitnn.data.dataset import DIGITS, Dataset
from digitnn.plotting import COLOURS, new_figure
from digitnn.wording import count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEIGHBOURS_SHOWN = 8

_GAP, _NEW_LINE = "   ", "\n"
"""Between a name and a distance: words take a line of their own."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest training images, nearest first.

    indices: in the training split; labels: indices of `classes`, the names of all classes.
    """

    indices: tuple[int, ...]
    labels: tuple[int, ...]
    distances: tuple[float, ...]
    images: UInt8[ndarray, "m 28 28"]
    classes: tuple[str, ...] = DIGITS

    def name(self, label: int) -> str:
        """Return the name of a label; that of a non-digit is none of the classes."""
        return self.classes[label] if label < len(self.classes) else "no digit"

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, without the pixels."""
        return {
            "indices": list(self.indices),
            "labels": list(self.labels),
            "names": [self.name(label) for label in self.labels],
            "distances": list(self.distances),
        }


def nearest_by_features(
    features: Num[ndarray, "n d"],
    one: Num[ndarray, " d"],
    train: Dataset,
    many: int = NEIGHBOURS_SHOWN,
) -> Neighbours:
    """Return the `many` images at the smallest Euclidean distance from the features `one`.

    features: of the images of `train`, in the same order.
    """
    squared = np.empty(len(features), np.float32)
    for start in range(0, len(features), 1024):
        difference = features[start : start + 1024].astype(np.float32) - one.astype(np.float32)
        squared[start : start + 1024] = np.einsum("nd,nd->n", difference, difference)
    order = np.argsort(squared, kind="stable")[:many]
    return Neighbours(
        tuple(map(int, order)),
        tuple(map(int, train.labels[order])),
        tuple(float(d) for d in np.sqrt(squared[order])),
        train.images[order],
        train.classes,
    )


def nearest_by_pixels(
    image: UInt8[ndarray, "28 28"], train: Dataset, many: int = NEIGHBOURS_SHOWN
) -> Neighbours:
    """Return the nearest images by pixels; distances are in units of full ink."""
    found = nearest_by_features(
        train.images.reshape(len(train), -1), image.reshape(-1), train, many
    )
    distances = tuple(d / 255 for d in found.distances)
    return replace(found, distances=distances)


def draw_neighbours(
    image: UInt8[ndarray, "28 28"], predicted: int, hidden: Neighbours, pixels: Neighbours
) -> Figure:
    """Draw two rows, each after the image itself; a label other than the prediction is orange."""
    figure = new_figure(10, 3.5)
    rows = (hidden, "nearest in the last hidden layer"), (pixels, "nearest by pixels")
    panels = figure.subfigures(2, 1, squeeze=False)
    for panel, (found, title) in zip(panels.flat, rows, strict=True):
        panel.suptitle(f"{title}: label and distance", fontsize=10, x=0.01, ha="left")
        first, *others = panel.subplots(1, len(found.indices) + 1)
        show_image(first, image)
        name = short_name(found.name(predicted))
        lines = f"classified as{' ' if len(name) < 4 else _NEW_LINE}{name}"
        first.set_title(lines, fontsize=9, pad=3, fontweight="bold")
        for spine in first.spines.values():
            spine.set(color="black", linewidth=1.5)
        for i, axes in enumerate(others):
            show_image(axes, found.images[i])
            colour = "black" if found.labels[i] == predicted else COLOURS[1]
            name = short_name(found.name(found.labels[i]))
            axes.set_title(
                f"{name}{_GAP if len(name) < 4 else _NEW_LINE}{found.distances[i]:.1f}",
                fontsize=9,
                pad=3,
                color=colour,
            )
    return figure


def describe_neighbours(predicted: int, hidden: Neighbours, pixels: Neighbours) -> str:
    """Describe how many neighbours have the predicted label and how many the rows share."""
    agree, by_pixels = (sum(label == predicted for label in n.labels) for n in (hidden, pixels))
    shared = len(set(hidden.indices) & set(pixels.indices))
    many, name = len(hidden.indices), hidden.name(predicted)
    kind = "digit" if hidden.classes == DIGITS else "class"
    return (
        f"Of the {many} training images nearest in the last hidden layer, {agree} are labelled "
        f"{name}. By pixels, where a shift or a slant counts as much as another {kind}, "
        f"{by_pixels} of {many} are. The two rows share {count(shared, 'image')}."
    )
