"""Changes of single fields of a recipe: `epochs=5`, `optimiser.learning_rate=0.01`.

FIELD=VALUE    FIELD: names joined by dots; the items of a list are numbered from 0, as in
               layers.1.channels
               VALUE: as in TOML; a word needs no quotes, and none stands for an absent field
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from digitnn.errors import NetworkError, UsageError
from digitnn.network.codec import Place
from digitnn.recipes.recipe import Recipe
from digitnn.recipes.toml_reader import check_trainable
from digitnn.wording import brief, did_you_mean

ABSENT = "none"
MAX_LENGTH = 10_000
"""Characters of one change."""

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Change:
    """A new value for the field at `place`; text: as it was given."""

    place: Place
    value: Any
    text: str


def with_fields(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """Return `recipe` with other fields; it keeps its name.

    The result is checked as a whole, so changes that are only valid together may be given together.
    Raises `UsageError` naming the field for what is unknown, of the wrong type or does not fit.
    """
    changes = [parse_change(text) for text in assignments]
    for index, change in enumerate(changes):
        if any(change.place == earlier.place for earlier in changes[:index]):
            raise UsageError(f"--set {change.text}: {_name(change.place)} is set twice")
    content = recipe.to_json()
    for change in changes:
        content = _with_value(content, change, 0)
    try:
        changed = Recipe.from_json(content)
        check_trainable(changed)
    except NetworkError as error:
        given = [one.text for one in changes if _is_at(one.place, error.place)]
        texts = " ".join(given or [one.text for one in changes])
        raise UsageError(f"--set {texts}: {error}") from None
    return changed


def parse_change(text: str) -> Change:
    """Return the change in FIELD=VALUE. Raises `UsageError`."""
    field, equals, value = text.partition("=")
    names = [name.strip() for name in field.split(".")]
    if not equals or not all(names) or len(text) > MAX_LENGTH:
        raise UsageError(
            f"--set {brief(text)}: expected FIELD=VALUE, such as epochs=5 or "
            "optimiser.learning_rate=0.01"
        )
    place = tuple(int(name) if name.isdecimal() and name.isascii() else name for name in names)
    return Change(place, _value(value.strip(), text), text)


def _value(value: str, text: str) -> Any:
    if value == ABSENT:
        return None
    try:
        content = tomllib.loads(f"value = {value}")
    except (ValueError, RecursionError):
        if _WORD.fullmatch(value):
            return value
        content = {}
    if content.keys() != {"value"}:
        raise UsageError(
            f"--set {brief(text)}: {brief(value)} is no value of TOML, such as 5, 0.01, true, "
            '"text", [1, 2] or {layer = "Dense", units = 10}'
        )
    return content["value"]


def _with_value(content: Any, change: Change, depth: int) -> Any:
    """Return `content`, what is at the first `depth` names of the field, with the new value."""
    if depth == len(change.place):
        return change.value
    key, name = change.place[depth], _name(change.place[:depth])
    if isinstance(content, list):
        if not isinstance(key, int) or key >= len(content):
            raise UsageError(
                f"--set {change.text}: {name} has {len(content)} items, numbered from 0 to "
                f"{len(content) - 1}, got {brief(key)}"
            )
        inner = _with_value(content[key], change, depth + 1)
        return [*content[:key], inner, *content[key + 1 :]]
    content = {} if content is None else content  # an absent description: its fields make it
    if not isinstance(content, dict):
        raise UsageError(
            f"--set {change.text}: {name} is {brief(content)}, which has no field {brief(key)}"
        )
    key = str(key)
    if content and key not in content:
        known = f"known: {', '.join(content)}{did_you_mean(key, content)}"
        where = f"{name} has no field" if name else "a recipe has no field"
        raise UsageError(f"--set {change.text}: {where} {brief(key)}; {known}")
    return {**content, key: _with_value(content.get(key), change, depth + 1)}


def _name(place: Place) -> str:
    return ".".join(map(str, place))


def _is_at(place: Place, other: Place) -> bool:
    """Tell whether one of two places contains the other."""
    common = min(len(place), len(other))
    return common > 0 and place[:common] == other[:common]
