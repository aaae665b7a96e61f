"""The error of the `cnn` recipe on each corruption, by which that of other networks is divided."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("reference.json")


@dataclass(frozen=True)
class Reference:
    """errors: the share of images read wrongly, by corruption. source: recipe, seeds, machine."""

    errors: Mapping[str, float]
    source: Mapping[str, Any]


def find_reference(fingerprint: str, file: Path = FILE) -> Reference | None:
    """The reference for the split of that `Dataset.fingerprint`; None if it was not measured."""
    stored = json.loads(file.read_text(encoding="utf-8"))
    for split in stored["splits"]:
        if split["sha256"] == fingerprint:
            source = {**stored["source"], "split": split["split"], "mean": 1 - _mean(split)}
            return Reference(split["errors"], source)
    return None


def _mean(split: Mapping[str, Any]) -> float:
    return float(sum(split["errors"].values()) / len(split["errors"]))
