"""One recipe on two engines, step by step: how far apart do equal steps lead?

Both trainings begin at the same weights and see the same batches, so whatever comes between them
is arithmetic: the engines add the same single-precision numbers in different orders.
Axes: n images, k classes.
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

STEPS = (0, 1, 3, 10, 30)
"""After how many steps the engines are compared: mini-batches, or iterations of full batch."""
EPSILON = float(np.finfo(np.float32).eps)
"""The last bit of a single-precision 1."""


@dataclass(frozen=True)
class Gap:
    """How far two engines are apart after `steps` equal steps.

    largest_difference: of any logit on the validation images; largest_logit: the size of the
    largest one, to judge it by; read_differently: images of `n` that they read as other digits.
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
    """Train `recipe` on both engines at once and compare after each number of `steps`.

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
    """An entry of the grid for every two engines that train `recipe`, as plain builtins."""
    about = {"recipe": recipe.name, "seed": seed, "unit": _unit(recipe)}
    if len(recipe.engines) == 1:
        (only,) = recipe.engines
        reason = f"only {only} trains it, so there is nothing to differ from"
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
    """One sentence: why the engines are as far apart as they are, relative to their logits."""
    first, last = (gap.largest_difference / gap.largest_logit for gap in (gaps[0], gaps[-1]))
    rounding = max(first, EPSILON)
    if last <= 10 * rounding:
        return (
            "they differ by rounding only: each adds the same single-precision numbers in an order "
            "of its own"
        )
    return (
        "equal weights already give logits that differ by rounding, since each adds the same "
        "single-precision numbers in an order of its own; every step starts from slightly other "
        "weights than the other engine's and carries the difference on: relative to the logits "
        f"{last / rounding:,.0f} times as large after {gaps[-1].steps}"
    )


def gaps_to_markdown(grid: Sequence[Mapping[str, Any]]) -> str:
    """The grid as a Markdown table with a sentence for each recipe."""
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
        f"{entry['reason']}. Then they read {last['read_differently']} of {last['n']:,} validation "
        f"digits differently; the largest logit is {last['largest_logit']:.1f}."
    )


def _unit(recipe: Recipe) -> str:
    return "iterations" if recipe.is_full_batch else "batches"
