"""What makes two trainings the same: recipe, engine, seed, data, and what they leave."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from digitnn.dataset import Dataset
from digitnn.training import Training

FREE = (
    "recipe.summary",
    "recipe.engines",
    "data.train.name",
    "data.valid.name",
    "stopping.max_seconds",
)
"""What may change without changing what a step learns or which epoch is left in the end."""


def identify(training: Training, engine: str, data: str, split_seed: int | None) -> dict[str, Any]:
    """Recipe, engine, seed, stopping and the data by fingerprint, as plain builtins.

    data: the collection's name.
    """
    return {
        "recipe": training.recipe.to_json(),
        "engine": engine,
        "seed": training.seed,
        "stopping": asdict(training.stopping),
        "data": {
            "collection": data,
            "split_seed": split_seed,
            "train": _fingerprint(training.train),
            "valid": _fingerprint(training.valid),
        },
    }


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """For whatever differs a text like "recipe.epochs was 2 and is 3".

    `old` may hold more than `new` at the top, as recipe.json does.
    """
    before = dict(_leaves({key: old.get(key) for key in new}))
    after = dict(_leaves(new))
    return [
        f"{name} was {_short(before.get(name))} and is {_short(after.get(name))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def fingerprint(identity: Mapping[str, Any]) -> str:
    """SHA-256, equal only for the same training."""
    return sha256(json.dumps(sorted(_leaves(identity))).encode()).hexdigest()


def settings_of(about: Mapping[str, Any]) -> str:
    """SHA-256 of all that was decided before the seed, from what recipe.json says: equal for runs
    that differ by luck alone.
    """
    return fingerprint({key: about.get(key) for key in ("recipe", "engine", "stopping", "data")})


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every number and text in `value` as JSON, by its place: "recipe.optimiser.momentum"."""
    if name in FREE:
        return
    items: Any = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    else:
        yield name, json.dumps(value)
    for key, inner in items:
        yield from _leaves(inner, f"{name}.{key}" if name else str(key))


def _short(text: str | None) -> str:
    return "absent" if text is None else text if len(text) <= 24 else f'{text[:12]}..."'


def _fingerprint(dataset: Dataset) -> dict[str, Any]:
    return {"name": dataset.name, "n": len(dataset), "sha256": dataset.fingerprint()}
