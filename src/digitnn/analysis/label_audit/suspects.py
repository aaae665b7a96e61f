"""Rank the labels that out-of-fold predictions contradict, and write them for review.

An image is a suspect if a network that was not trained on it predicts another digit. Suspects are
ranked by the probability of their label, as in confident learning (Northcutt, Jiang and Chuang
2021, "self-confidence"). A person has to decide whether the label is wrong.
Axes: n images, k classes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.analysis.explain.mosaic import show_image
from digitnn.analysis.label_audit.folds import Audit
from digitnn.atomic_files import write_text
from digitnn.evaluation.disputed_labels import SOURCE, find_disputed
from digitnn.machine.describe import describe_machine
from digitnn.plotting import COLOURS, new_figure, write_figure
from digitnn.wording import percent

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


RECALL_RANKS = (15, 50, 100, 200)
SUSPECTS_IN_TEXT = 10
"""Suspects listed in the text; the files list all."""


@dataclass(frozen=True, eq=False)
class AuditResult:
    """The result of an audit. recalls: of the published list, if the test split is MNIST's."""

    audit: Audit
    suspects: tuple[Suspect, ...]
    recalls: tuple[Recall, ...]

    @property
    def accuracy(self) -> float:
        """The share of labels that the networks agree with."""
        return 1 - len(self.suspects) / len(self.audit.data)

    def to_json(self) -> dict[str, Any]:
        """Return the object that `digitnn audit --json` prints."""
        known = {"source": SOURCE, "recall": [asdict(one) for one in self.recalls]}
        return {
            "schema": 1,
            "collection": self.audit.data.name,
            "recipe": self.audit.recipe.name,
            "engine": self.audit.engine,
            "folds": self.audit.folds,
            "seed": self.audit.seed,
            "n": len(self.audit.data),
            "accuracy": self.accuracy,
            "suspects": [asdict(one) for one in self.suspects],
            **({"known": known} if self.recalls else {}),
            "machine": describe_machine(),
        }


def summarise_audit(
    audit: Audit, log_probabilities: Float32[ndarray, "n k"], n_train: int, test_sha256: str
) -> AuditResult:
    """Summarise an audit.

    log_probabilities: out-of-fold; n_train: number of images in the training file.
    """
    suspects = find_suspects(log_probabilities, audit.data.labels, n_train)
    known = frozenset(one.index for one in find_disputed(test_sha256))
    recalls = recall_at(suspects, known, "test", RECALL_RANKS) if known else []
    return AuditResult(audit, tuple(suspects), tuple(recalls))


def audit_to_text(found: AuditResult) -> str:
    """Return the number of suspects, the first of them, and the recall as text."""
    rows = [
        f"{one.rank:>4}  {one.part:<5} {one.index:>6}  {one.label} -> {one.proposal}  "
        f"{percent(one.probability)}"
        for one in found.suspects[:SUSPECTS_IN_TEXT]
    ]
    audit = found.audit
    lines = [
        f"of {len(audit.data):,} labels, {len(found.suspects):,} are contradicted by networks not "
        f"trained on them ({audit.recipe.name}, {audit.folds} folds, {percent(found.accuracy)} "
        "agree)",
        "rank  part   index  label -> proposal, its probability",
        *rows,
    ]
    if found.recalls:
        shares = ", ".join(f"{one.found} among the first {one.k}" for one in found.recalls)
        lines.append(
            f"of the {found.recalls[0].known} disputed test labels ({SOURCE}): {shares} test "
            "suspects"
        )
    return "\n".join(lines)


def write_audit(found: AuditResult) -> list[Path]:
    """Write the list of suspects, a sheet of them, and the result as JSON; return their paths."""
    audit = found.audit
    names = ("suspects.csv", "suspects.png", "audit.json")
    table, sheet, whole = written = [audit.folder / name for name in names]
    write_text(table, suspects_to_csv(found.suspects))
    write_text(whole, json.dumps(found.to_json(), indent=2) + "\n")
    write_figure(sheet, draw_suspects(found.suspects, audit.data.images, audit.data.name))
    return written
