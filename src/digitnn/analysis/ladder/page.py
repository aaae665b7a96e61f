"""Format the ladder as JSON and as Markdown."""

from collections.abc import Sequence
from typing import Any

from digitnn.analysis.ladder.climbing import at_full_size
from digitnn.analysis.ladder.measuring import RungResult
from digitnn.data.dataset import Dataset
from digitnn.machine.describe import describe_machine
from digitnn.wording import SPLIT_TITLES, percent, percent_range


def ladder_to_json(
    found: Sequence[RungResult], evaluated_on: Dataset, split: str, seed: int
) -> dict[str, Any]:
    """Return the object that `digitnn ladder --json` prints."""
    return {
        "schema": 1,
        "split": split,
        "seed": seed,
        "rows": [one.to_json() for one in found],
        "data": {
            "name": evaluated_on.name,
            "n": len(evaluated_on),
            "sha256": evaluated_on.fingerprint(),
        },
        "machine": describe_machine(),
    }


def ladder_to_markdown(found: Sequence[RungResult], split: str, seed: int) -> str:
    """Return a table of all rungs, and of accuracy by number of images if there are several."""
    full = at_full_size(found)
    lines = [
        f"# The ladder: {full[0].n_train:,} training images",
        "",
        f"| rung | method | {SPLIT_TITLES[split]} accuracy | 95 % interval | training "
        "| inference per image | numbers stored |",
        "|---|---|---|---|---|---|---|",
        *(_row(one) for one in full),
        "",
    ]
    sizes = sorted({one.n_train for one in found})
    if len(sizes) > 1:
        lines += _by_size(found, sizes)
    notes = _notes(found)
    return "\n".join([*lines, " ".join([*notes, _conditions(full[0], split, seed)]), ""])


def _row(one: RungResult) -> str:
    return (
        f"| `{one.rung}` | {one.summary} ({one.engine}) | **{percent(one.accuracy)}** | "
        f"{percent_range(one.interval)} | {one.train_seconds:.1f} s | "
        f"{microseconds(one):,.0f} µs | {one.numbers:,} |"
    )


def _notes(found: Sequence[RungResult]) -> list[str]:
    """Return a sentence for each note of a rung."""
    sizes: dict[tuple[str, str], list[str]] = {}
    for one in found:
        if one.note:
            sizes.setdefault((one.rung, one.note), []).append(f"{one.n_train:,}")
    return [
        f"`{rung}` {note} with {' and '.join(numbers)} images."
        for (rung, note), numbers in sizes.items()
    ]


def microseconds(one: RungResult) -> float:
    """Return the inference time per image, when many are classified together."""
    return 1e6 * one.predict_seconds / one.n


def _by_size(found: Sequence[RungResult], sizes: Sequence[int]) -> list[str]:
    names = list(dict.fromkeys(one.rung for one in found))
    cell = {(one.rung, one.n_train): percent(one.accuracy) for one in found}
    return [
        "| accuracy by training images | " + " | ".join(f"{size:,}" for size in sizes) + " |",
        "|---" * (len(sizes) + 1) + "|",
        *(
            f"| `{name}` | " + " | ".join(cell.get((name, size), "") for size in sizes) + " |"
            for name in names
        ),
        "",
    ]


def _conditions(one: RungResult, split: str, seed: int) -> str:
    machine = describe_machine()
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    threads = machine["threads"]
    return (
        f"On {one.n:,} images of the {SPLIT_TITLES[split]} split, one network or model each, seed "
        f"{seed}. Intervals are Wilson's. Training time is measured from arrays in memory, for "
        "scikit-learn after pixels are converted. Fewer than 12,800 images are repeated to fill an "
        f"epoch of that size for a network. Measured on {machine['processor']}, "
        f"{threads} thread{'s' if threads > 1 else ''}; {versions}; commit {machine['commit']}."
    )
