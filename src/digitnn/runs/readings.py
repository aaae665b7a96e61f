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


def record_reading(
    run: Trained,
    split: str,
    evaluation: Evaluation,
    dataset: Dataset,
    shared: Mapping[str, int] | None = None,
) -> int:
    """Add an evaluation to the run's report.json; return how often it was evaluated on that.

    All evaluations on a split count; of external data, those on the same images.

    dataset: the images, whose fingerprint is recorded too; shared: for external data, how many of
    its images lie in each split of the run.
    """
    path = run.path / REPORT
    readings = list(read_readings(run.path))
    readings.append(
        {
            "split": split,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": {"name": dataset.name, "sha256": dataset.fingerprint()},
            **({"shared": dict(shared)} if shared else {}),
            **evaluation.to_json(),
        }
    )
    try:
        text = json.dumps({"schema": 1, "readings": readings}, indent=2, allow_nan=False)
        write_text(path, text + "\n")
    except OSError as error:
        raise RunError(
            f"cannot record the evaluation on {split} in {path} ({error.strerror}), so its result "
            "is not shown: make the run writable, or copy it"
        ) from None
    if split in ("valid", "test"):
        return count_readings(readings, split)
    data = readings[-1]["data"]["sha256"]
    return sum(one["split"] == split and one["data"]["sha256"] == data for one in readings)


def count_readings(readings: Sequence[Mapping[str, Any]], split: str) -> int:
    """Count the evaluations on `split`."""
    return sum(reading["split"] == split for reading in readings)


def read_readings(folder: Path) -> list[dict[str, Any]]:
    """Return the evaluations recorded in the run `folder`, the oldest first.

    Each has at least `split` and `accuracy`; those of early versions lack `data`. Raises `RunError`
    if report.json is damaged.
    """
    path = folder / REPORT
    readings = read_json(path).get("readings") if path.exists() else []
    if not isinstance(readings, list) or not all(map(_is_reading, readings)):
        raise RunError(f"{path} is damaged: readings must be a list of evaluations")
    return readings


def _is_reading(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("split"), str):
        return False
    if not isinstance(value.get("accuracy"), int | float):
        return False
    data = value.get("data", {"sha256": ""})
    return isinstance(data, dict) and isinstance(data.get("sha256"), str)
