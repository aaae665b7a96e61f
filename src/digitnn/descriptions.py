"""Frozen dataclasses as JSON objects that name their own kind: {"layer": "Dense", "units": 10}.

Layers, losses, optimisers and schedules are all written so; layers are read back, too: a run is
read without knowing how it was trained.
"""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from digitnn.errors import NetworkError

Described = TypeVar("Described")


def to_json(value: Any, key: str) -> dict[str, Any]:
    """The description `value` with the name of its class under `key`.

    A field that is itself a description is written likewise, under its field's name.
    """
    found = {field.name: getattr(value, field.name) for field in fields(value)}
    return {
        key: type(value).__name__,
        **{
            name: to_json(inner, name) if hasattr(inner, "__dataclass_fields__") else inner
            for name, inner in found.items()
        },
    }


def from_json(value: Any, key: str, kinds: Mapping[str, type[Described]]) -> Described:
    """The description that `to_json` wrote, one of `kinds`, none of whose fields is a description.

    Raises `NetworkError` naming what is unknown, missing or too much.
    """
    if not isinstance(value, dict) or not isinstance(value.get(key), str):
        raise NetworkError(f'a {key} is an object such as {{"{key}": ...}}, got {value!r:.80}')
    name = value[key]
    if name not in kinds:
        raise NetworkError(f"unknown {key} {name!r}; known: {', '.join(kinds)}")
    given = {field: inner for field, inner in value.items() if field != key}
    known = {field.name: field for field in fields(kinds[name])}  # type: ignore[arg-type]
    surplus = [field for field in given if field not in known]
    if surplus:
        raise NetworkError(f"{name} takes {', '.join(known) or 'nothing'}, got {surplus[0]!r}")
    missing = [f.name for f in known.values() if f.default is MISSING and f.name not in given]
    if missing:
        raise NetworkError(f"{name} needs {', '.join(missing)}")
    return kinds[name](**given)
