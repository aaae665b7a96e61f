"""Reading of a search file: a recipe in TOML with ranges in place of values.

    base = "cnn-fast"       # optional: a built-in recipe that supplies the missing fields
    name = "my-search"
    batch_size = {choice = [64, 128, 256]}
    optimiser.learning_rate = {log = [0.003, 0.1]}    # the base's optimiser, with this range
    layers.1.channels = {int = [8, 24]}               # layer 1 of the base, counted from 0

A table that names no kind changes the given fields of the base's value and keeps the others; one
that does, such as {optimiser = "Adam", ...}, replaces it. Errors name the file and the line.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitnn.errors import NetworkError, UsageError
from digitnn.network.codec import Place
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.recipe import Recipe
from digitnn.recipes.toml_reader import fields_of_base, line_of, parse_toml, read_toml_text
from digitnn.scaling.tuning.ranges import (
    CHOICE,
    Choice,
    Label,
    Pick,
    Range,
    ends,
    find_ranges,
    is_range,
    pick_with,
    ranges_in,
    substitute,
)

EXAMPLE = "batch_size = {choice = [64, 128]}"


@dataclass(frozen=True)
class Search:
    """A recipe with ranges.

    name: of the search and of the recipe that wins; content: the values of TOML on top of those of
    the base; tree: the content with its ranges; ranges: those of the tree, in its order.
    """

    name: str
    content: Mapping[str, Any]
    tree: Any
    ranges: tuple[Range, ...]

    def recipe(self, pick: Pick) -> Recipe:
        """Return the recipe with picked values.

        Raises `NetworkError` for values that exclude one another, `KeyError` for an unknown label.
        """
        return Recipe.from_json(substitute(self.tree, pick))

    @property
    def max_epochs(self) -> int:
        """The largest number of epochs that a trial may have."""
        epochs = self.tree["epochs"]
        found = ends(epochs) if isinstance(epochs, Range) else (epochs,)
        return max(int(one) for one in found if type(one) is int)


def read_search(path: Path) -> Search:
    """Return the search in a TOML file.

    Raises `FormatError` if it is not readable text, `UsageError` if it is not a search.
    """
    remedy = f'a search is a recipe with ranges: base = "cnn-fast", name = "...", {EXAMPLE}'
    return search_from_toml(read_toml_text(path, "search", remedy), str(path))


def search_from_toml(text: str, source: str = "search") -> Search:
    """Return the search in `text`. Raises `UsageError` with a message that begins with `source`."""
    given = parse_toml(text, source)
    try:
        content = _with_base(given)
        tree = find_ranges(content)
        found = Search(_name_of(content), content, tree, tuple(ranges_in(tree)))
        if not found.ranges:
            raise NetworkError(f"no ranges to search in: write one in place of a value: {EXAMPLE}")
        if isinstance(tree.get("epochs"), str | list | dict):
            raise NetworkError("epochs must be a whole number or a range of them", ("epochs",))
        _check(found)
    except NetworkError as error:
        line = _find_line(error.place, text)
        where = f"{source}, line {line}" if line else source
        raise UsageError(f"{where}: {error}") from None
    return found


def _with_base(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given fields on top of those of the base, except its name and summary."""
    content = dict(given)
    content.setdefault("summary", "found by a search")
    if "base" not in content:
        return content
    inherited = fields_of_base(content.pop("base"))
    return {
        **inherited,
        **{name: _changed(inherited.get(name), value, (name,)) for name, value in content.items()},
    }


def _changed(old: Any, new: Any, place: Place) -> Any:
    """Return the base's value `old` with the changes in the table `new`, or else `new`."""
    if not isinstance(new, dict) or is_range(new):
        return new
    if isinstance(old, list) and new and all(key.isdecimal() for key in new):
        items = list(old)
        for key, value in new.items():
            if int(key) >= len(old):
                raise NetworkError(
                    f"{'.'.join(map(str, place))} of the base has 0 to {len(old) - 1}, got {key}",
                    (*place, key),
                )
            items[int(key)] = _changed(old[int(key)], value, (*place, key))
        return items
    if isinstance(old, dict) and _kind_key(old, place) not in (None, *new):
        return {
            **old,
            **{key: _changed(old.get(key), value, (*place, key)) for key, value in new.items()},
        }
    return new


def _kind_key(value: Mapping[str, Any], place: Place) -> str | None:
    """Return the key under which a value of the base names its kind, such as "layer"."""
    keys = ("layer", str(place[-1]))
    return next((key for key in keys if isinstance(value.get(key), str)), None)


def _name_of(content: Mapping[str, Any]) -> str:
    name = content.get("name")
    if not isinstance(name, str):
        raise NetworkError('a search needs a name, such as name = "my-search"', ("name",))
    if name.lower() in RECIPES:
        raise NetworkError(
            f"name {name!r} is that of a built-in recipe: choose another, such as 'my-{name}'",
            ("name",),
        )
    return name


def _check(search: Search) -> None:
    """Raise `NetworkError` for what no draw can mend.

    Tries both ends of each range and each alternative, one at a time. A value of the wrong type and
    an unknown field are errors of the file; values that exclude one another are not, unless no
    draw that is tried is without them.
    """
    draws = [
        (one, dict(one.within) | {one.name: end}) for one in search.ranges for end in ends(one)
    ]
    errors: list[NetworkError] = []
    for one, values in draws:
        drawn: list[Range] = []
        try:
            search.recipe(_noting(pick_with(values), drawn))
        except NetworkError as error:
            if not any(_is_below(_recipe_place(other), error.place) for other in drawn):
                place = _content_place(error.place, drawn)
                raise NetworkError(f"{error}{_hint(one, str(error))}", place) from None
            errors.append(error)
    if len(errors) == len(draws):
        raise NetworkError(f"no draw that was tried is a recipe: {errors[0]}", errors[0].place)


def _noting(pick: Pick, drawn: list[Range]) -> Pick:
    """Return `pick`, which also appends the ranges that it is asked for to `drawn`."""

    def pick_and_note(one: Range) -> Label:
        drawn.append(one)
        return pick(one)

    return pick_and_note


def _recipe_place(one: Range) -> Place:
    """Return where the drawn value stands in the recipe: the place without the choices around."""
    steps = list(one.place)
    while CHOICE in steps:
        del steps[(at := steps.index(CHOICE)) : at + 2]
    return tuple(steps)


def _is_below(inner: Place, outer: Place) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _content_place(place: Place, drawn: list[Range]) -> Place:
    """Return the place of the range that drew the value at `place` of a recipe, or `place`."""
    holders = [one for one in drawn if _recipe_place(one) == place[: len(_recipe_place(one))]]
    return max(holders, key=lambda one: len(_recipe_place(one))).place if holders else place


def _hint(one: Range, message: str) -> str:
    is_fraction = not isinstance(one, Choice) and not one.is_whole
    whole = is_fraction and "must be a whole number" in message
    return "; int and log_int draw whole numbers" if whole else ""


def _find_line(place: Place, text: str) -> int | None:
    """Return the line of `place`; a changed layer of the base is a key, not an item."""
    while place:
        in_table = (*place[:1], *map(str, place[1:2]), *place[2:])
        if line := line_of(place, text) or line_of(in_table, text):
            return line
        place = place[:-1]
    return None
