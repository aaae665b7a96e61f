"""Record the evaluations of a run in its report.json, and read them back."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digitnn.atomic_files import write_text
from digitnn.data.dataset import Dataset
from digitnn.errors import RunError
from digitnn.evaluation.evaluation import Evaluation
from digitnn.network.storage.saved_network import read_json
from digitnn.runs.protocol import Trained

REPORT = "report.json"


def record_evaluation(
    run: Trained,
    split: str,
    evaluation: Evaluation,
    dataset: Dataset,
    shared: Mapping[str, int] | None = None,
) -> int:
    """Add an evaluation to the run's report.json; return the number of evaluations on that data.

    That number counts every evaluation on the split or, for external data, on the same images.

    dataset: the images, whose fingerprint is recorded too; shared: for external data, the number
    of its images that are also in each split of the run.
    """
    path = run.path / REPORT
    evaluations = list(read_evaluations(run.path))
    evaluations.append(
        {
            "split": split,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": {"name": dataset.name, "sha256": dataset.fingerprint()},
            **({"shared": dict(shared)} if shared else {}),
            **evaluation.to_json(),
        }
    )
    try:
        text = json.dumps({"schema": 1, "readings": evaluations}, indent=2, allow_nan=False)
        write_text(path, text + "\n")
    except OSError as error:
        raise RunError(
            f"cannot record the evaluation on {split} in {path} ({error.strerror}), so its result "
            "is not shown: make the run writable, or copy it"
        ) from None
    if split in ("valid", "test"):
        return count_evaluations(evaluations, split)
    data = evaluations[-1]["data"]["sha256"]
    return sum(one["split"] == split and one["data"]["sha256"] == data for one in evaluations)


def count_evaluations(evaluations: Sequence[Mapping[str, Any]], split: str) -> int:
    """Count the evaluations on `split`."""
    return sum(one["split"] == split for one in evaluations)


def read_evaluations(folder: Path) -> list[dict[str, Any]]:
    """Return the evaluations recorded in the run `folder`, the oldest first.

    Each has at least `split` and `accuracy`; those of early versions lack `data`. Raises `RunError`
    if report.json is damaged.
    """
    path = folder / REPORT
    evaluations = read_json(path).get("readings") if path.exists() else []
    if not isinstance(evaluations, list) or not all(map(_is_evaluation, evaluations)):
        raise RunError(f"{path} is damaged: readings must be a list of evaluations")
    return evaluations


def _is_evaluation(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("split"), str):
        return False
    if not isinstance(value.get("accuracy"), int | float):
        return False
    data = value.get("data", {"sha256": ""})
    return isinstance(data, dict) and isinstance(data.get("sha256"), str)
