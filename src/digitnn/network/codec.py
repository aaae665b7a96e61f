"""Conversion of descriptions (frozen dataclasses) to the plain values of JSON and TOML, and back.

The type of a field determines the form of its value:

- A field that allows several classes, by a union or `OneOf`, includes the class name:
  {"layer": "Dense", "units": 10}. If all fields have their default, the name is enough: "Relu".
- A field that allows one class has no class name: {"mean": 33.32, "std": 78.57}.
- A field of type `T | None` may be None, or missing if None is the default.

Every error is a `NetworkError` with the place of the faulty value, such as ("layers", 3, "kernel").
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from sys import float_info
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from digitnn.errors import NetworkError, UsageError
from digitnn.wording import brief, did_you_mean

Described = TypeVar("Described")
Place = tuple[str | int, ...]

_MAX_INT = 2**63 - 1  # the largest integer of TOML and most JSON readers


@dataclass(frozen=True, eq=False)
class OneOf:
    """Annotation of a type: the value is one of `kinds`, and `key` holds its name."""

    key: str
    kinds: Mapping[str, type]


def field_types(kind: type) -> dict[str, Any]:
    """Return the fields of a description with their types, in order."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in fields(kind)}


def kinds_of(hint: Any, name: str) -> OneOf | None:
    """Return the classes that a field `name` of type `hint` allows; None if it allows only one."""
    if get_origin(hint) is Annotated:
        return next((extra for extra in hint.__metadata__ if isinstance(extra, OneOf)), None)
    if get_origin(hint) not in (Union, UnionType):
        return None
    members = [member for member in get_args(hint) if member is not NoneType]
    if len(members) == 1:
        return kinds_of(members[0], name)
    return OneOf(name, {kind.__name__: kind for kind in members})


def to_json(value: Any, key: str) -> dict[str, Any]:
    """Return the name of the class of `value` under `key`, and its fields."""
    return {key: type(value).__name__, **fields_to_json(value)}


def fields_to_json(value: Any) -> dict[str, Any]:
    """Return the fields of the description `value` as plain builtins."""
    types = field_types(type(value))
    return {name: value_to_json(getattr(value, name), hint, name) for name, hint in types.items()}


def value_to_json(value: Any, hint: Any, name: str) -> Any:
    """Return the value of the field `name` of type `hint` as plain builtins."""
    if is_dataclass(value):
        kinds = kinds_of(hint, name)
        return to_json(value, kinds.key) if kinds else fields_to_json(value)
    if isinstance(value, tuple):
        return [value_to_json(item, get_args(hint)[0], name) for item in value]
    return value


def from_json(
    value: Any, key: str, kinds: Mapping[str, type[Described]], place: Place = ()
) -> Described:
    """Return the description that `to_json` wrote, one of `kinds`.

    Raises `NetworkError`, which names a field that is unknown, missing or of the wrong type.
    """
    name_place = place if isinstance(value, str) else (*place, key)
    if isinstance(value, str):
        value = {key: value}
    if not isinstance(value, dict) or not isinstance(value.get(key), str):
        example = f'{{"{key}": "{next(iter(kinds))}", ...}}'
        raise NetworkError(f"a {key} is an object such as {example}, got {brief(value)}", place)
    name = value[key]
    if name not in kinds:
        known = f"known: {', '.join(kinds)}{did_you_mean(name, kinds)}"
        raise NetworkError(f"unknown {key} {brief(name)}; {known}", name_place)
    given = {field: inner for field, inner in value.items() if field != key}
    return fields_from_json(given, kinds[name], place)


def fields_from_json(value: Any, kind: type[Described], place: Place = ()) -> Described:
    """Return the description of class `kind` that `fields_to_json` wrote. Raises `NetworkError`."""
    types = field_types(kind)
    takes = f"{kind.__name__} takes {', '.join(types) or 'nothing'}"
    if not isinstance(value, dict):
        raise NetworkError(f"{takes}, got {brief(value)}", place)
    for name in value:
        if name not in types:
            hint = did_you_mean(name, types)
            raise NetworkError(f"{takes}, got {brief(name)}{hint}", (*place, name))
    missing = [name for name in _required_fields(kind) if name not in value]
    if missing:
        raise NetworkError(f"{kind.__name__} needs {', '.join(missing)}", place)
    given = {
        name: value_from_json(inner, types[name], name, (*place, name), kind.__name__)
        for name, inner in value.items()
    }
    try:
        return kind(**given)
    except (NetworkError, UsageError) as error:
        raise NetworkError(str(error), place) from None


def _required_fields(kind: type) -> list[str]:
    no_default = (field for field in fields(kind) if field.default is MISSING)
    return [field.name for field in no_default if field.default_factory is MISSING]


def value_from_json(
    value: Any, hint: Any, name: str, place: Place = (), owner: str = "a network"
) -> Any:
    """Return the value of the field `name` of type `hint` of `owner`. Raises `NetworkError`."""
    if get_origin(hint) in (Union, UnionType):
        members = [member for member in get_args(hint) if member is not NoneType]
        if value is None and NoneType in get_args(hint):
            return None
        if len(members) == 1:
            return value_from_json(value, members[0], name, place, owner)
    if kinds := kinds_of(hint, name):
        return from_json(value, kinds.key, kinds.kinds, place)
    if isinstance(hint, type) and is_dataclass(hint):
        return fields_from_json(value, hint, place)
    if get_origin(hint) is tuple:
        return _items(value, get_args(hint)[0], name, place, owner)
    if get_origin(hint) is Literal and value in get_args(hint):
        return value
    if hint is float and _is_finite(value):
        return float(value)
    if hint in (str, bool) and type(value) is hint:
        return value
    if hint is int and type(value) is int and abs(value) <= _MAX_INT:
        return value
    words = [word for word in get_args(hint) if isinstance(word, str)]
    near = did_you_mean(value, words) if isinstance(value, str) else ""
    raise NetworkError(
        f"{owner}: {name} must be {_expected(hint)}, got {brief(value)}{near}", place
    )


def _items(value: Any, hint: Any, name: str, place: Place, owner: str) -> tuple[Any, ...]:
    """Return the items of a list; an error in a description names its position."""
    if not isinstance(value, list):
        raise NetworkError(f"{owner}: {name} must be a list, got {brief(value)}", place)
    kinds = kinds_of(hint, name)
    items = []
    for index, item in enumerate(value):
        try:
            items.append(value_from_json(item, hint, name, (*place, index), owner))
        except NetworkError as error:
            where = f"{kinds.key} {index}: " if kinds else ""
            raise NetworkError(f"{where}{error}", error.place) from None
    return tuple(items)


def _is_finite(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) <= float_info.max


def _expected(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(map(repr, get_args(hint)))
    names = {str: "text", bool: "true or false", float: "a finite number"}
    return names.get(hint, "a whole number below 2^63")
