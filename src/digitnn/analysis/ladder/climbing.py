"""Up the ladder, rung by rung; each is kept as soon as it is measured.

A folder holds a file for each rung and number of images, with all that it depends on: a second
climb measures only what is not there, or not the same.
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
"""Numbers of training images that `--by-size` goes through."""
RESULTS_FOLDER = "measured"


def sizes_to_measure(sizes: Sequence[int] | None, by_size: bool, n: int) -> tuple[int, ...]:
    """Return the training sizes in order: `sizes`, or `TRAINING_SIZES` and n, or n alone."""
    chosen = {*(s for s in TRAINING_SIZES if s < n), n} if by_size else set(sizes or [n])
    return tuple(sorted(chosen))


@dataclass(frozen=True, eq=False)
class LadderPlan:
    """What is to be measured, on what.

    sizes: numbers of training images, the first so many of `train`; asked: what each rung is
    asked for; engine: for recipes that can; None, and where they cannot, takes their own.
    """

    rungs: tuple[Rung, ...]
    sizes: tuple[int, ...]
    train: Dataset
    valid: Dataset
    asked: Dataset
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
        """Each rung with each number of images, rung by rung."""
        return [(rung, size) for rung in self.rungs for size in self.sizes]


def measure_ladder(what: LadderPlan, watch: TitledWatch) -> Iterator[tuple[RungResult, bool]]:
    """Each cell in order, and whether it was kept from an earlier climb.

    Ends early if `watch` stops a training; that one is not kept.
    """
    fingerprints = {"train": what.train.fingerprint(), "asked": what.asked.fingerprint()}
    for rung, size in what.cells():
        path = what.folder / RESULTS_FOLDER / f"{rung.name}-{size}.json"
        identity = _identity(what, rung, size) | fingerprints
        if (kept := _kept(path, identity)) is not None:
            yield kept, True
            continue
        found = measure_rung(
            rung, what.engine, what.train[:size], what.valid, what.asked, what.seed, watch
        )
        if found is None:
            return
        content = {"schema": 1, "identity": identity, "measured": found.to_json()}
        write_text(path, json.dumps(content, indent=2) + "\n")
        yield found, False


def _identity(what: LadderPlan, rung: Rung, size: int) -> dict[str, Any]:
    """All that the figures depend on, the times included."""
    how = str(rung.model()) if rung.recipe is None else rung.recipe.to_json()
    return {
        "rung": rung.name,
        "how": how,
        "engine": what.engine,
        "n_train": size,
        "seed": what.seed,
        "conditions": describe_conditions(),
    }


def _kept(path: Path, identity: dict[str, Any]) -> RungResult | None:
    """What an earlier climb has left, if it is the same; a damaged file is measured again."""
    if not path.is_file():
        return None
    try:
        content = read_json(path)
        same = content.get("identity") == json.loads(json.dumps(identity))
        return RungResult.from_json(content.get("measured")) if same else None
    except DigitnnError:
        return None


def at_full_size(found: Sequence[RungResult]) -> list[RungResult]:
    """Of each rung what it does with most images, in order."""
    most = max(one.n_train for one in found)
    return [one for one in found if one.n_train == most]
