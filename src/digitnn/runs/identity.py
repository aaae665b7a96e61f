"""Decide whether two trainings are the same, and name how they differ.

A training is identified by recipe, engine, seed, stopping rule and data, by the cut into
micro-batches and the trained network that it starts from, if there are any, and by the precision of
its products, if that is not float32.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from digitnn.data.dataset import Dataset
from digitnn.data.formats.picture_options import DEFAULT_OPTIONS, PictureOptions
from digitnn.engines.micro_batches import CutsBatches
from digitnn.machine.resources import DEFAULT_PRECISION, precision
from digitnn.training.training import Training

NOT_COMPARED = (
    "recipe.summary",
    "recipe.engines",
    "data.train.name",
    "data.valid.name",
    "stopping.max_seconds",
    "from.path",
)
"""Fields that affect neither a step nor the epoch that is kept."""
SETTINGS = ("recipe", "engine", "stopping", "data")
"""Fields that runs with different seeds share."""
OPTIONAL_SETTINGS = ("micro_batches", "reduction", "from", "precision")
"""Fields of trainings on micro-batches, from a trained network, or in a lower precision only."""
MAX_NAMED_SETTINGS = 2
"""Settings that a run is named by in tables."""


def identify(
    training: Training,
    engine: str,
    data: str,
    split_seed: int | None,
    options: PictureOptions = DEFAULT_OPTIONS,
) -> dict[str, Any]:
    """Return recipe, engine, seed, stopping rule and data fingerprints as JSON values.

    The field `valid` is None if there is no validation split. A training on micro-batches has their
    number and how their gradients are added, but not the number of processes. data: the
    collection's name; options: how its pictures became images. The precision is that of this
    process, which only PyTorch's mini-batches follow.
    """
    cut = training.engine.micro_batches if isinstance(training.engine, CutsBatches) else None
    chooses = engine == "pytorch" and not training.recipe.is_full_batch
    lower = chooses and precision() != DEFAULT_PRECISION
    return {
        "recipe": training.recipe.to_json(),
        "engine": engine,
        "seed": training.seed,
        "stopping": asdict(training.stopping),
        "data": {
            "collection": data,
            "split_seed": split_seed,
            "train": _fingerprint(training.train),
            "valid": _fingerprint(training.valid) if training.valid else None,
            **({"pictures": options.to_json()} if options.to_json() else {}),
        },
        **({"micro_batches": cut.count, "reduction": cut.reduction} if cut else {}),
        **({"from": training.start.to_json()} if training.start else {}),
        **({"precision": precision()} if lower else {}),
    }


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return a text such as "recipe.epochs was 2 and is 3" for each difference.

    old: may have more fields than `new` at the top level, as recipe.json has.
    """
    known = {key: old.get(key) for key in new if key not in OPTIONAL_SETTINGS}
    before = dict(_leaves(known | {key: old[key] for key in OPTIONAL_SETTINGS if key in old}))
    after = dict(_leaves(new))
    if "precision" in before.keys() | after.keys():
        default = {"precision": json.dumps(DEFAULT_PRECISION)}
        before, after = default | before, default | after
    return [
        f"{name} was {_short(before.get(name))} and is {_short(after.get(name))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def fingerprint(identity: Mapping[str, Any]) -> str:
    """Return a SHA-256 that only equal trainings share."""
    return sha256(json.dumps(sorted(_leaves(identity))).encode()).hexdigest()


def settings_of(about: Mapping[str, Any]) -> str:
    """Return a SHA-256 of the settings in recipe.json, which runs of different seeds share."""
    cut = [key for key in OPTIONAL_SETTINGS if key in about]
    return fingerprint({key: about.get(key) for key in (*SETTINGS, *cut)})


def distinguish_settings(abouts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Name each of several runs of one recipe by the settings in which they differ.

    For example "l2 5" or "optimiser Sgd". If more than two settings differ, or their names are not
    unique, "settings" and the first digits of `settings_of`, as on the leaderboard.
    """
    keys = (*SETTINGS, *(key for key in OPTIONAL_SETTINGS if any(key in one for one in abouts)))
    settings = [{key: about.get(key) for key in keys} for about in abouts]
    fields = list(_disagreeing(settings))
    words = [
        ", ".join(_worded(name, values[i]) for name, values in fields) for i in range(len(abouts))
    ]
    plain = all(_is_short(value) for _, values in fields for value in values)
    if plain and len(fields) <= MAX_NAMED_SETTINGS and len(set(words)) == len(words):
        return words
    return [f"settings {settings_of(about)[:8]}" for about in abouts]


def _disagreeing(values: Sequence[Any], name: str = "") -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the deepest fields in which `values` differ, each with the values there.

    Objects of different kinds, such as two optimisers, are not compared field by field.
    """
    if name in NOT_COMPARED or all(value == values[0] for value in values):
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
    if name == "from":
        return f"from {value['path']}" if value else "from random weights"
    if name == "precision":
        return str(value or DEFAULT_PRECISION)
    if value is None:
        return f"no {words}"
    if isinstance(value, Mapping):
        return f"{words} {value.get(kind, '')}".rstrip()
    return f"{words} {value:g}" if type(value) in (int, float) else f"{words} {value}"


def _is_short(value: Any) -> bool:
    """Tell whether `value` fits in a name."""
    return isinstance(value, Mapping) or (
        not isinstance(value, list | tuple) and len(str(value)) <= 24
    )


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield (name, JSON) of every scalar in `value`; a name is "recipe.optimiser.momentum"."""
    if name in NOT_COMPARED:
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
