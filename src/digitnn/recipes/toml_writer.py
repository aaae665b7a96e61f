"""Writing of recipes as commented TOML files.

A paragraph `field: meaning` in a docstring becomes the comment of the field. The field's type
supplies the list of alternatives.
"""

import re
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import cleandoc
from textwrap import wrap
from typing import Any, Literal, get_args, get_origin

import tomlkit
from tomlkit.items import Table
from tomlkit.toml_document import TOMLDocument

from digitnn.network.codec import OneOf, field_types, kinds_of, to_json
from digitnn.recipes.recipe import Recipe

_WIDTH = 98
_OPENING = (
    "A recipe of digitnn: `digitnn train FILE` trains it. Change it and give it a name of its own. "
    'What has a default may be left out; after a line base = "cnn", all that cnn has. What the '
    'comments call Dense(units) is written {layer = "Dense", units = 10}.'
)


def recipe_to_toml(recipe: Recipe) -> str:
    """Return the recipe as commented TOML, for `recipe_from_toml`."""
    document = tomlkit.document()
    _add_comment(document, _OPENING)
    _fill(document, recipe, apart=True)
    return tomlkit.dumps(document)


def field_comments(kind: type) -> dict[str, str]:
    """Return the meaning of each field from the docstring of a description, in one line each."""
    lines = cleandoc(kind.__doc__ or "").splitlines()
    notes: dict[str, str] = {}
    name = None
    for line in lines:
        entry = re.match(r"(\w+): (.+)", line)
        if entry and entry[1] in field_types(kind):
            name = entry[1]
            notes[name] = entry[2]
        elif line and name:
            notes[name] += f" {line.strip()}"
        else:
            name = None
    return notes


def _fill(table: TOMLDocument | Table, value: Any, apart: bool = False) -> None:
    """Add the fields of a description; tables come last, as TOML requires.

    apart: separate the fields by empty lines.
    """
    types, notes = field_types(type(value)), field_comments(type(value))
    parts = {name: getattr(value, name) for name in types}
    is_table = {name: is_dataclass(part) and bool(fields(part)) for name, part in parts.items()}
    for name in sorted(types, key=is_table.__getitem__):
        part, kinds = parts[name], kinds_of(types[name], name)
        inner = tomlkit.table() if is_table[name] else table
        if apart and not is_table[name]:
            table.add(tomlkit.nl())
        _add_comment(inner, f"{name}{' (absent)' if part is None else ''}: {notes.get(name, '')}")
        for line in _alternatives(types[name], name):
            _add_comment(inner, line, indent="  ")
        if is_table[name]:
            if kinds:
                inner.add(kinds.key, type(part).__name__)
            _fill(inner, part)
            table.add(name, inner)
        elif part is not None:
            table.add(name, _plain(part, types[name], name))


def _add_comment(table: TOMLDocument | Table, text: str, indent: str = "") -> None:
    for line in wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=2 * indent):
        table.add(tomlkit.comment(line))


def _plain(value: Any, hint: Any, name: str) -> Any:
    """Return the value after `=`; lists of descriptions take one line per item."""
    if is_dataclass(value):
        return type(value).__name__
    if not isinstance(value, tuple):
        return value
    kinds = kinds_of(get_args(hint)[0], name)
    array = tomlkit.array()
    array.extend(_short(item, kinds) if kinds else item for item in value)
    return array.multiline(kinds is not None)


def _short(value: Any, kinds: OneOf) -> Any:
    """Return a description without its defaults: "Relu" or {layer = "Dense", units = 10}."""
    usual = {field.name: field.default for field in fields(value)}
    given = {
        name: part
        for name, part in to_json(value, kinds.key).items()
        if name == kinds.key or part != usual[name]
    }
    if len(given) == 1:
        return type(value).__name__
    table = tomlkit.inline_table()
    table.update(given)
    return table


def _alternatives(hint: Any, name: str) -> list[str]:
    """Return the alternatives of a field of this type, one per line; none if there is no choice."""
    inner = get_args(hint)[0] if get_origin(hint) is tuple else hint
    if kinds := kinds_of(inner, name):
        return [_signature(kind) for kind in kinds.kinds.values()]
    if get_origin(inner) is Literal:
        return [tomlkit.item(word).as_string() for word in get_args(inner)]
    optional = [kind for kind in get_args(inner) if is_dataclass(kind)]
    return [f"{{{_fields_of(kind)}}}" for kind in optional]


def _signature(kind: type) -> str:
    """Return a kind with its fields and defaults: `Conv2d(channels, kernel, stride = 1, ...)`."""
    return kind.__name__ + (f"({_fields_of(kind)})" if fields(kind) else "")


def _fields_of(kind: Any) -> str:
    return ", ".join(field.name + _default(field) for field in fields(kind))


def _default(field: Field[Any]) -> str:
    if field.default_factory is not MISSING:
        return f' = "{type(field.default_factory()).__name__}"'
    return "" if field.default is MISSING else f" = {tomlkit.item(field.default).as_string()}"
