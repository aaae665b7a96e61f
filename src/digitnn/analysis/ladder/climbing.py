"""Measure all rungs of the ladder and keep each result on disk.

The folder holds a file for each rung and number of training images, with everything that the result
depends on. A later run measures only what is missing or has changed.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitnn.analysis.in_memory import TitledWatch
from digitnn.analysis.ladder.measuring import RungResult, measure_rung
from digitnn.analysis.ladder.rungs import Rung
from digitnn.atomic_files import write_text
from digitnn.data.dataset import Dataset
from digitnn.errors import DigitnnError, UsageError
from digitnn.machine.describe import describe_conditions
from digitnn.network.storage.saved_network import read_json

TRAINING_SIZES = (100, 300, 1_000, 3_000, 10_000, 30_000, 50_000)
"""Numbers of training images for `--by-size`."""
RESULTS_FOLDER = "measured"


def sizes_to_measure(sizes: Sequence[int] | None, by_size: bool, n: int) -> tuple[int, ...]:
    """Return the training sizes in order: `sizes`, or `TRAINING_SIZES` and n, or n alone."""
    chosen = {*(s for s in TRAINING_SIZES if s < n), n} if by_size else set(sizes or [n])
    return tuple(sorted(chosen))


@dataclass(frozen=True, eq=False)
class LadderPlan:
    """The rungs to measure, and the data.

    sizes: numbers of training images, taken from the start of `train`; evaluated_on: the split for
    the accuracy; engine: used by recipes that support it, None for each recipe's own.
    """

    rungs: tuple[Rung, ...]
    sizes: tuple[int, ...]
    train: Dataset
    valid: Dataset
    evaluated_on: Dataset
    seed: int
    engine: str | None
    folder: Path

    def __post_init__(self) -> None:
        for size in self.sizes:
            if not 10 <= size <= len(self.train):
                raise UsageError(
                    f"--train takes 10 to {len(self.train):,} images, as many as there are to "
                    f"train on; got {size:,}"
                )

    def cells(self) -> list[tuple[Rung, int]]:
        """Return each rung with each number of training images, rung by rung."""
        return [(rung, size) for rung in self.rungs for size in self.sizes]


def measure_ladder(plan: LadderPlan, watch: TitledWatch) -> Iterator[tuple[RungResult, bool]]:
    """Yield each result in order, and whether it comes from an earlier run.

    Ends early if `watch` stops a training; that result is not kept.
    """
    fingerprints = {"train": plan.train.fingerprint(), "asked": plan.evaluated_on.fingerprint()}
    for rung, size in plan.cells():
        path = plan.folder / RESULTS_FOLDER / f"{rung.name}-{size}.json"
        identity = _identity(plan, rung, size) | fingerprints
        if (kept := _kept(path, identity)) is not None:
            yield kept, True
            continue
        found = measure_rung(
            rung, plan.engine, plan.train[:size], plan.valid, plan.evaluated_on, plan.seed, watch
        )
        if found is None:
            return
        content = {"schema": 1, "identity": identity, "measured": found.to_json()}
        write_text(path, json.dumps(content, indent=2) + "\n")
        yield found, False


def _identity(plan: LadderPlan, rung: Rung, size: int) -> dict[str, Any]:
    """Return everything that a result depends on, its times included."""
    how = str(rung.model()) if rung.recipe is None else rung.recipe.to_json()
    return {
        "rung": rung.name,
        "how": how,
        "engine": plan.engine,
        "n_train": size,
        "seed": plan.seed,
        "conditions": describe_conditions(),
    }


def _kept(path: Path, identity: dict[str, Any]) -> RungResult | None:
    """Return the stored result if it has the same identity; None also for a damaged file."""
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        same = content.get("identity") == json.loads(json.dumps(identity))
        return RungResult.from_json(content.get("measured")) if same else None
    except DigitnnError:
        return None


def at_full_size(found: Sequence[RungResult]) -> list[RungResult]:
    """Return the results with the most training images, in order."""
    full = max(one.n_train for one in found)
    return [one for one in found if one.n_train == full]
