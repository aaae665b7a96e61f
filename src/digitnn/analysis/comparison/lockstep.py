"""Train one recipe on two engines step by step, and measure the differences of their logits.

Both trainings start from the same weights and see the same batches, so any difference comes from
arithmetic: the engines add the same single-precision numbers in different orders.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

import numpy as np

from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.recipes.recipe import EngineName, Recipe
from digitnn.training.training import Training
from digitnn.wording import count

STEPS = (0, 1, 3, 10, 30)
"""Steps after which the engines are compared: mini-batches, or full-batch iterations."""
EPSILON = float(np.finfo(np.float32).eps)
"""The single-precision machine epsilon."""


@dataclass(frozen=True)
class Gap:
    """The difference of two engines after the same number of `steps`.

    largest_difference: of any logit on the validation images; largest_logit: for comparison;
    read_differently: the number of the `n` images with different predictions.
    """

    steps: int
    largest_difference: float
    largest_logit: float
    read_differently: int
    n: int


def train_in_lockstep(
    recipe: Recipe,
    engines: tuple[EngineName, EngineName],
    train: Dataset,
    valid: Dataset,
    seed: int,
    steps: Sequence[int] = STEPS,
) -> Iterator[Gap]:
    """Train `recipe` on both engines at once and yield their gap after each number of `steps`.

    Ends after the last of `steps`, or earlier with the recipe.
    """
    first, second = (Training(recipe, find_engine(name), train, valid, seed) for name in engines)
    if 0 in steps:
        yield _gap(0, first, second)
    for done, _ in enumerate(zip(first, second, strict=False), start=1):
        if done in steps:
            yield _gap(done, first, second)
        if done >= max(steps):
            break


def _gap(steps: int, first: Training, second: Training) -> Gap:
    assert first.valid is not None
    images = first.valid.images
    a, b = (
        training.engine.classifier(training.network, training.params()).logits(images)
        for training in (first, second)
    )
    return Gap(
        steps=steps,
        largest_difference=float(np.abs(a - b).max()),
        largest_logit=float(np.abs(a).max()),
        read_differently=int(np.count_nonzero(a.argmax(axis=1) != b.argmax(axis=1))),
        n=len(images),
    )


def compare_engines(
    recipe: Recipe, train: Dataset, valid: Dataset, seed: int
) -> list[dict[str, Any]]:
    """Return an entry of the grid, as JSON values, for every two engines that train `recipe`."""
    about = {"recipe": recipe.name, "seed": seed, "unit": _unit(recipe)}
    if len(recipe.engines) == 1:
        (only,) = recipe.engines
        reason = f"only {only} can train it, so there is nothing to compare"
        return [{**about, "engines": [only], "gaps": [], "reason": reason}]
    entries = []
    for pair in combinations(recipe.engines, 2):
        gaps = list(train_in_lockstep(recipe, pair, train, valid, seed))
        entries.append(
            {
                **about,
                "engines": list(pair),
                "gaps": [asdict(gap) for gap in gaps],
                "reason": explain_gaps(gaps),
            }
        )
    return entries


def explain_gaps(gaps: Sequence[Gap]) -> str:
    """Return a sentence on why the engines differ, relative to their logits."""
    first, last = (gap.largest_difference / gap.largest_logit for gap in (gaps[0], gaps[-1]))
    rounding = max(first, EPSILON)
    if last <= 10 * rounding:
        return (
            "they differ only by rounding: each adds the same single-precision numbers in its own "
            "order"
        )
    return (
        "with equal weights their logits already differ by rounding, since each adds the same "
        "single-precision numbers in its own order; every step starts from slightly different "
        "weights and increases the difference. Relative to the logits, it is "
        f"{last / rounding:,.0f} times as large after {count(gaps[-1].steps, 'step')}"
    )


def gaps_to_markdown(grid: Sequence[Mapping[str, Any]]) -> str:
    """Return the grid as a Markdown table with a sentence for each recipe."""
    heads = ["largest difference of logits", "engines", *(f"after {s}" for s in STEPS)]
    heads[2] = "at the start"
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for entry in grid:
        found = {gap["steps"]: f"{gap['largest_difference']:.1e}" for gap in entry["gaps"]}
        cells = [
            f"`{entry['recipe']}`, {entry['unit']}",
            " and ".join(entry["engines"]),
            *(found.get(steps, "") for steps in STEPS),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    lines.append("")
    return "\n".join([*lines, *(f"{_sentence(entry)}\n" for entry in grid)])


def _sentence(entry: Mapping[str, Any]) -> str:
    if not entry["gaps"]:
        return f"`{entry['recipe']}`: {entry['reason']}."
    last = entry["gaps"][-1]
    return (
        f"`{entry['recipe']}` (seed {entry['seed']}), {' and '.join(entry['engines'])}: "
        f"{entry['reason']}. After the last step they "
        f"classify {last['read_differently']} of {last['n']:,} "
        f"validation images differently; the largest logit is {last['largest_logit']:.1f}."
    )


def _unit(recipe: Recipe) -> str:
    return "iterations" if recipe.is_full_batch else "batches"
