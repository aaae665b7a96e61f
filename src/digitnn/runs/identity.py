"""What makes two trainings the same: recipe, engine, seed, data, and what they leave."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from digitnn.data.dataset import Dataset
from digitnn.training.training import Training

FREE = (
    "recipe.summary",
    "recipe.engines",
    "data.train.name",
    "data.valid.name",
    "stopping.max_seconds",
)
"""What may change without changing what a step learns or which epoch is left in the end."""
SETTINGS = ("recipe", "engine", "stopping", "data")
"""What was decided before the seed."""
MAX_WORDS = 2
"""Settings in the name of a run."""


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
    return fingerprint({key: about.get(key) for key in SETTINGS})


def tell_apart(abouts: Sequence[Mapping[str, Any]]) -> list[str]:
    """A few words for each of several runs of one recipe: the settings that it has for itself.

    "l2 5" or "optimiser Sgd", say; where that takes more than two of them, or does not tell all
    apart, "settings" and the first digits of `settings_of`, as the leaderboard has them.
    """
    settings = [{key: about.get(key) for key in SETTINGS} for about in abouts]
    fields = list(_disagreeing(settings))
    words = [
        ", ".join(_worded(name, values[i]) for name, values in fields) for i in range(len(abouts))
    ]
    plain = all(_is_short(value) for _, values in fields for value in values)
    if plain and len(fields) <= MAX_WORDS and len(set(words)) == len(words):
        return words
    return [f"settings {settings_of(about)[:8]}" for about in abouts]


def _disagreeing(values: Sequence[Any], name: str = "") -> Iterator[tuple[str, Sequence[Any]]]:
    """The deepest places where not all `values` are equal, each with what stands there.

    Below what is of different kinds, as optimisers can be, nothing can be compared.
    """
    if name in FREE or all(value == values[0] for value in values):
        return
    kind = name.rpartition(".")[2]
    comparable = all(isinstance(value, Mapping) for value in values)
    if not comparable or any(value.get(kind) != values[0].get(kind) for value in values):
        yield name, values
        return
    for key in dict.fromkeys(key for value in values for key in value):
        inner = [value.get(key) for value in values]
        yield from _disagreeing(inner, f"{name}.{key}" if name else key)


def _worded(name: str, value: Any) -> str:
    kind = name.rpartition(".")[2]
    words = kind.replace("_", " ")
    if value is None:
        return f"no {words}"
    if isinstance(value, Mapping):
        return f"{words} {value.get(kind, '')}".rstrip()
    return f"{words} {value:g}" if type(value) in (int, float) else f"{words} {value}"


def _is_short(value: Any) -> bool:
    """Whether it can be said in a word."""
    return isinstance(value, Mapping) or (
        not isinstance(value, list | tuple) and len(str(value)) <= 24
    )


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
