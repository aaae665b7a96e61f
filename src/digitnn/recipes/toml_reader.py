"""Reading of recipes from TOML files with the fields of `Recipe`.

    base = "cnn"        # optional: a built-in recipe that supplies the missing fields
    name = "my-cnn"
    epochs = 5

A given field replaces the whole field of the base. Without a base, fields with a default may be
left out. Errors name the file and, if it can be found, the line.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

from digitnn.data.dataset import MAX_CLASSES
from digitnn.errors import FormatError, NetworkError, UsageError
from digitnn.network.codec import Place
from digitnn.network.layers import Dense
from digitnn.network.network import DIGITS
from digitnn.recipes.builtin import RECIPES, find_recipe
from digitnn.recipes.recipe import Recipe
from digitnn.wording import brief

MAX_BYTES = 64 << 10
"""Far more than a recipe of a hundred layers with all comments needs."""

MAX_PARAMETERS = 100_000_000
"""A larger network is probably a typing error: 400 MB of weights, and a multiple to train."""

_MAX_BYTES_SEARCHED, _MAX_LINES_TRIED = 16 << 10, 200
_MAX_DOTS = 1000
"""On a line: tomllib takes seconds for 10,000 (a.a.a...), quadratic in their number."""


def choose_recipe(name: str) -> Recipe:
    """Return the built-in recipe called `name`, or that of the TOML file at the path `name`."""
    path = Path(name)
    is_file = name not in RECIPES and (path.suffix.lower() == ".toml" or path.exists())
    return read_recipe(path) if is_file else find_recipe(name)


def choose_recipes(names: Iterable[str]) -> list[Recipe]:
    """Return each recipe once. Raises `UsageError` if two different ones have the same name."""
    chosen: dict[str, Recipe] = {}
    for recipe in map(choose_recipe, names):
        if chosen.setdefault(recipe.name, recipe) != recipe:
            raise UsageError(
                f"two different recipes are called {recipe.name!r}: give one another name"
            )
    return list(chosen.values())


def read_recipe(path: Path) -> Recipe:
    """Return the recipe in a TOML file.

    Raises `FormatError` if it is not readable text, `UsageError` if it is not a recipe.
    """
    remedy = f"`digitnn recipes show cnn > {path}` writes one to start from"
    return recipe_from_toml(read_toml_text(path, "recipe", remedy), str(path))


def read_toml_text(path: Path, kind: str, remedy: str) -> str:
    """Return the text of a file. Raises `FormatError` if it is missing, too large, not text.

    kind: what the file should be, such as "recipe"; remedy: what to do if there is no such file.
    """
    if path.exists() and not path.is_file():
        raise FormatError(f"{path}: a {kind} is a TOML file, and this is not a file")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise FormatError(f"{path}: no such file; {remedy}") from None
    except OSError as error:
        raise FormatError(f"{path}: cannot be read: {error.strerror or error}") from None
    if len(content) > MAX_BYTES:
        raise FormatError(f"{path}: a {kind} takes at most {MAX_BYTES:,} bytes, and this has more")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{path}: a {kind} is UTF-8 text, but byte {error.start} is {content[error.start]:#04x}"
        ) from None


def recipe_from_toml(text: str, source: str = "recipe") -> Recipe:
    """Return the recipe in `text`. Raises `UsageError` with a message that begins with `source`."""
    value = parse_toml(text, source)
    try:
        recipe = Recipe.from_json(_with_base(value))
        check_trainable(recipe)
        _check_name(recipe)
    except NetworkError as error:
        line = line_of(error.place, text)
        where = f"{source}, line {line}" if line else source
        raise UsageError(f"{where}: {error}") from None
    return recipe


def check_trainable(recipe: Recipe) -> None:
    """Raise `NetworkError` unless the layers' shapes match and the network is not too large."""
    parameters = recipe.network(labels=_as_many_labels(recipe)).parameter_count()
    if parameters > MAX_PARAMETERS:
        limit = f"at most {MAX_PARAMETERS:,} are taken"
        raise NetworkError(f"the network has {brief(parameters)} parameters; {limit}", ("layers",))


def _as_many_labels(recipe: Recipe) -> tuple[str, ...]:
    """Return names for as many classes as the last layer has units; the data are not known yet."""
    last = recipe.layers[-1] if recipe.layers else None
    units = last.units if isinstance(last, Dense) else len(DIGITS)
    return tuple(map(str, range(min(units, MAX_CLASSES))))


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Return the content of TOML. Raises `UsageError` with a message that begins with `source`."""
    too_deep = UsageError(f"{source}: not a recipe: nested too deeply")
    if any(line.count(".") > _MAX_DOTS for line in text.split("\n")):
        raise too_deep
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise too_deep from None
    except ValueError as error:
        raise UsageError(f"{source}: not TOML: {error}") from None


def _with_base(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given fields on top of those of the base, except the base's name."""
    given = dict(value)
    if "base" not in given:
        return given
    base = given.pop("base")
    inherited = fields_of_base(base)
    changed = [name for name in given if name not in ("name", "summary")]
    inherited["summary"] = f"{base} with other {', '.join(changed)}" if changed else f"as {base}"
    return {**inherited, **given}


def fields_of_base(base: Any) -> dict[str, Any]:
    """Return the fields of the built-in recipe `base`, but its name. Raises `NetworkError`."""
    try:
        inherited = find_recipe(base if isinstance(base, str) else brief(base)).to_json()
    except UsageError as error:
        raise NetworkError(f"base: {error}", ("base",)) from None
    del inherited["name"]
    return inherited


def with_free_name(recipe: Recipe) -> Recipe:
    """Return the recipe, renamed if it differs from a built-in recipe of the same name."""
    is_taken = RECIPES.get(recipe.name.lower(), recipe) != recipe
    return replace(recipe, name=f"my-{recipe.name}") if is_taken else recipe


def _check_name(recipe: Recipe) -> None:
    """Raise `NetworkError` if the recipe differs from a built-in one of the same name."""
    free = with_free_name(recipe).name
    if recipe.name != free:
        built_in = RECIPES[recipe.name.lower()]
        names = [field.name for field in fields(Recipe)]
        different = [name for name in names if getattr(recipe, name) != getattr(built_in, name)]
        raise NetworkError(
            f"name {recipe.name!r} is that of a built-in recipe, which differs in "
            f"{', '.join(different)}: choose another, such as {free!r}",
            ("name",),
        )


def line_of(place: Place, text: str) -> int | None:
    """Return the line of `place` in `text`, if a short search finds it.

    It is the first line up to which the text, parsed alone, contains the place. A list that is
    still open there is closed for parsing.
    """
    if not place or len(text) > _MAX_BYTES_SEARCHED:
        return None
    word = "" if isinstance(place[-1], int) else place[-1]
    lines = text.split("\n")
    likely = (n for n, line in enumerate(lines, 1) if line.strip() and word in line)
    for count in islice(likely, _MAX_LINES_TRIED):
        beginning = "\n".join(lines[:count])
        if any(_contains(beginning + closing, place) for closing in ("", "\n]")):
            return count
    return None


def _contains(text: str, place: Place) -> bool:
    """Return whether `text` is TOML with a value at `place`."""
    try:
        value: Any = tomllib.loads(text)
        for step in place:
            value = value[step]
    except (ValueError, RecursionError, LookupError, TypeError):
        return False
    return True
