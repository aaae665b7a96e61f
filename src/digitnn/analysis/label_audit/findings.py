"""Summarise an audit: the suspects, the agreement, and the recall of a published list."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float32
from numpy import ndarray

from digitnn.analysis.label_audit.folds import Audit
from digitnn.analysis.label_audit.suspects import (
    Recall,
    Suspect,
    draw_suspects,
    find_suspects,
    recall_at,
    suspects_to_csv,
)
from digitnn.atomic_files import write_text
from digitnn.evaluation.disputed_labels import SOURCE, find_disputed
from digitnn.machine.describe import describe_machine
from digitnn.plotting import write_figure
from digitnn.wording import percent

RECALL_RANKS = (15, 50, 100, 200)
SUSPECTS_IN_TEXT = 10
"""Suspects listed in the text; the files list all."""


@dataclass(frozen=True)
class AuditResult:
    """The result of an audit. recalls: of the published list, if the test split is MNIST's."""

    collection: str
    recipe: str
    engine: str
    folds: int
    seed: int
    n: int
    suspects: tuple[Suspect, ...]
    recalls: tuple[Recall, ...]

    @property
    def accuracy(self) -> float:
        """The share of labels that the networks agree with."""
        return 1 - len(self.suspects) / self.n

    def to_json(self) -> dict[str, Any]:
        """Return the object that `digitnn audit --json` prints."""
        known = {"source": SOURCE, "recall": [asdict(one) for one in self.recalls]}
        return {
            "schema": 1,
            "collection": self.collection,
            "recipe": self.recipe,
            "engine": self.engine,
            "folds": self.folds,
            "seed": self.seed,
            "n": self.n,
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
    return AuditResult(
        collection=audit.data.name,
        recipe=audit.recipe.name,
        engine=audit.engine,
        folds=audit.folds,
        seed=audit.seed,
        n=len(audit.data),
        suspects=tuple(suspects),
        recalls=tuple(recall_at(suspects, known, "test", RECALL_RANKS)) if known else (),
    )


def audit_to_text(found: AuditResult) -> str:
    """Return the number of suspects, the first of them, and the recall as text."""
    rows = [
        f"{one.rank:>4}  {one.part:<5} {one.index:>6}  {one.label} -> {one.proposal}  "
        f"{percent(one.probability)}"
        for one in found.suspects[:SUSPECTS_IN_TEXT]
    ]
    lines = [
        f"of {found.n:,} labels, {len(found.suspects):,} are contradicted by networks not trained "
        f"on them ({found.recipe}, {found.folds} folds, {percent(found.accuracy)} agree)",
        "rank  part   index  label -> proposal, its probability",
        *rows,
        *_recall_lines(found.recalls),
    ]
    return "\n".join(lines)


def write_audit(audit: Audit, result: AuditResult) -> list[Path]:
    """Write the list of suspects, a sheet of them, and the result as JSON; return their paths."""
    table, sheet, whole = (
        audit.folder / name for name in ("suspects.csv", "suspects.png", "audit.json")
    )
    write_text(table, suspects_to_csv(result.suspects))
    write_text(whole, json.dumps(result.to_json(), indent=2) + "\n")
    write_figure(sheet, draw_suspects(result.suspects, audit.data.images, audit.data.name))
    return [table, sheet, whole]


def _recall_lines(recalls: Sequence[Recall]) -> list[str]:
    if not recalls:
        return []
    shares = ", ".join(f"{one.found} among the first {one.k}" for one in recalls)
    return [f"of the {recalls[0].known} disputed test labels ({SOURCE}): {shares} test suspects"]
