"""Rank the labels that out-of-fold predictions contradict, and draw them for review.

An image is a suspect if a network that was not trained on it predicts another digit. Suspects are
ranked by the probability of their label, as in confident learning (Northcutt, Jiang and Chuang
2021, "self-confidence"). A person has to decide whether the label is wrong.
Axes: n images, k classes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.analysis.explain.mosaic import show_image
from digitnn.plotting import COLOURS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CSV_COLUMNS = ("rank", "part", "index", "label", "proposal", "probability", "label_probability")


@dataclass(frozen=True)
class Suspect:
    """An image whose prediction contradicts its label.

    place: among all images; part, index: in its own file; probability: of the proposed digit;
    label_probability: of the label.
    """

    rank: int
    place: int
    part: str
    index: int
    label: int
    proposal: int
    probability: float
    label_probability: float


def find_suspects(
    log_probabilities: Float32[ndarray, "n k"], labels: UInt8[ndarray, " n"], n_train: int
) -> list[Suspect]:
    """Return all images whose prediction is not their label, least likely label first.

    n_train: number of images from the training file, which come first; the others are "test".
    """
    places = np.arange(len(labels))
    proposals = log_probabilities.argmax(axis=1)
    of_label = log_probabilities[places, labels]
    order = places[np.argsort(of_label, kind="stable")]
    return [
        Suspect(
            rank=rank,
            place=int(place),
            part="train" if place < n_train else "test",
            index=int(place if place < n_train else place - n_train),
            label=int(labels[place]),
            proposal=int(proposals[place]),
            probability=float(np.exp(log_probabilities[place, proposals[place]])),
            label_probability=float(np.exp(of_label[place])),
        )
        for rank, place in enumerate(order[proposals[order] != labels[order]], start=1)
    ]


def suspects_to_csv(suspects: Sequence[Suspect]) -> str:
    """Return a row for each suspect; index counts from 0 in the part's own file."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(CSV_COLUMNS)
    for one in suspects:
        p, of_label = f"{one.probability:.6f}", f"{one.label_probability:.3e}"
        table.writerow([one.rank, one.part, one.index, one.label, one.proposal, p, of_label])
    return text.getvalue()


@dataclass(frozen=True)
class Recall:
    """Of `known` wrong labels, `found` are among the first `k` suspects."""

    k: int
    found: int
    known: int


def recall_at(
    suspects: Sequence[Suspect], known: Collection[int], part: str, ks: Sequence[int]
) -> list[Recall]:
    """Return the recall of known wrong labels at each rank of `ks`.

    known: indices in `part`; only suspects of that part are ranked.
    """
    mine = [one.index for one in suspects if one.part == part]
    return [Recall(k, len(set(mine[:k]) & set(known)), len(set(known))) for k in ks]


SUSPECTS_PER_ROW = 10
MAX_SUSPECTS_DRAWN = 60


def draw_suspects(
    suspects: Sequence[Suspect], images: UInt8[ndarray, "n 28 28"], collection: str
) -> Figure:
    """Draw the contact sheet: the first suspects with label, proposal and its probability.

    images: all images of the collection; `Suspect.place` is an index into them.
    """
    shown = suspects[:MAX_SUSPECTS_DRAWN]
    rows = max(1, -(-len(shown) // SUSPECTS_PER_ROW))
    figure = new_figure(12, 1.62 * rows + 0.5)
    figure.suptitle(
        f"{collection}: the {len(shown)} most suspicious of {len(suspects):,} labels contradicted "
        "by networks not trained on them; label → proposal",
        fontsize=11,
    )
    grid = figure.subplots(rows, SUSPECTS_PER_ROW, squeeze=False)
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
