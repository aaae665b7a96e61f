"""Map images to two dimensions by their features.

PCA (Pearson 1901) keeps the two directions of largest variance; t-SNE (van der Maaten and Hinton
2008) keeps neighbours together but not distances.
Axes: n images, d features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.errors import DataError, MissingExtraError
from digitnn.plotting import GREY, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Method: TypeAlias = Literal["PCA", "t-SNE"]

DIGIT_COLOURS = (
    *("#332288", "#117733", "#44aa99", "#88ccee", "#b8a000"),
    *("#cc6677", "#aa4499", "#882255", "#e07b00", "#555555"),
)
"""After Paul Tol's muted scheme; images are drawn as digits, since ten colours look too similar."""
MIN_MAP_IMAGES = 31
"""t-SNE needs more than 30, its number of neighbours (perplexity)."""
TSNE_COMPONENTS = 50
"""Principal components that t-SNE starts from, as its authors do."""


@dataclass(frozen=True, eq=False)
class ImageMap:
    """The position of each image.

    predicted: by the network; together: share of the images whose nearest neighbour on the map has
    the same label; kept: share of the variance that the two axes keep, PCA only.
    """

    method: Method
    positions: Float32[ndarray, "n 2"]
    labels: UInt8[ndarray, " n"]
    predicted: UInt8[ndarray, " n"]
    together: float
    kept: float | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {
            "method": self.method,
            "positions": self.positions.round(4).tolist(),
            "labels": self.labels.tolist(),
            "read": self.predicted.tolist(),
            "together": self.together,
            "kept": self.kept,
        }


def map_images(
    features: Float32[ndarray, "n d"],
    labels: UInt8[ndarray, " n"],
    predicted: UInt8[ndarray, " n"],
    method: Method,
    seed: int = 0,
) -> ImageMap:
    """Map images, described by `features`, to two dimensions.

    t-SNE is initialised with PCA and uses `seed`. Raises `MissingExtraError` without scikit-learn,
    `DataError` for fewer than `MIN_MAP_IMAGES` images.
    """
    try:
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE
        from sklearn.neighbors import NearestNeighbors
    except ImportError:
        raise MissingExtraError("scikit-learn", "sklearn", "a map of images") from None
    if len(features) < MIN_MAP_IMAGES:
        raise DataError(f"a map takes at least {MIN_MAP_IMAGES} images, got {len(features)}")
    kept = None
    if method == "PCA":
        found = PCA(2, svd_solver="full").fit(features)
        positions, kept = found.transform(features), float(found.explained_variance_ratio_.sum())
    else:
        components = min(TSNE_COMPONENTS, *features.shape)
        reduced = PCA(components, svd_solver="full").fit_transform(features)
        positions = TSNE(init="pca", random_state=seed, n_jobs=1).fit_transform(reduced)
    positions = np.asarray(positions, np.float32)
    near = NearestNeighbors(n_neighbors=1).fit(positions).kneighbors(return_distance=False)[:, 0]
    together = float(np.mean(labels == labels[near]))
    return ImageMap(method, positions, labels, predicted, together, kept)


def draw_maps(maps: Sequence[ImageMap], marked: int | None = None) -> Figure:
    """Draw maps side by side; each image is its label, circled if misclassified.

    marked: the index of an image to highlight.
    """
    figure = new_figure(6.2 * len(maps), 6.3)
    for axes, found in zip(np.atleast_1d(figure.subplots(1, len(maps))), maps, strict=True):
        _draw_map(axes, found, marked)
    return figure


def _draw_map(axes: Axes, found: ImageMap, marked: int | None) -> None:
    x, y = found.positions.T
    for label in np.unique(found.labels).tolist():
        mine, colour = found.labels == label, DIGIT_COLOURS[label % len(DIGIT_COLOURS)]
        axes.scatter(x[mine], y[mine], s=22, marker=f"${label}$", color=colour, linewidths=0.2)
    wrong = found.labels != found.predicted
    axes.scatter(
        x[wrong],
        y[wrong],
        s=90,
        facecolors="none",
        edgecolors="black",
        linewidths=0.9,
        label=f"misclassified ({int(wrong.sum())})",
    )
    if marked is not None:
        axes.scatter(
            x[marked],
            y[marked],
            s=230,
            facecolors="none",
            edgecolors="#d55e00",
            linewidths=2.4,
            label="the image",
        )
    kept = "" if found.kept is None else f", {100 * found.kept:.0f} % of the variance"
    axes.set_title(f"{found.method} of {len(x):,} images{kept}", fontsize=11)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color(GREY)
    axes.legend(loc="upper left", frameon=True, framealpha=0.85, edgecolor="none", fontsize=9)


def describe_maps(maps: Sequence[ImageMap]) -> str:
    """Describe what lies together and what the distances mean."""
    shares = " and ".join(f"{100 * m.together:.0f} % ({m.method})" for m in maps)
    return (
        "Each digit is one image of the split, placed by its features in the last hidden layer; "
        f"the map does not use the labels. For {shares} of the images, the nearest image on the "
        "map has the same label. Circled images were misclassified. The axes have no unit, and in "
        "t-SNE neither the size of a cluster nor the distance between two clusters has a meaning."
    )
