"""Ranges of a search file: which values may stand in a place of a recipe.

    {uniform = [a, b]}     a number from a to b
    {log = [a, b]}         a number from a to b whose logarithm is uniform
    {int = [a, b]}         a whole number from a to b
    {log_int = [a, b]}     a whole number from a to b whose logarithm is about uniform
    {choice = [x, y, ...]} one of these values: numbers, text, tables, lists; ranges within them too

A content with ranges is a tree: the values of TOML, in which `Numbers` and `Choice` stand for the
ranges. `pick` chooses the value of each range and `substitute` returns the content with the values.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, TypeAlias, get_args

from digitnn.errors import NetworkError
from digitnn.network.codec import Place
from digitnn.wording import brief, did_you_mean

NumbersKind: TypeAlias = Literal["uniform", "log", "int", "log_int"]
CHOICE = "choice"
KINDS = (*get_args(NumbersKind), CHOICE)

Label: TypeAlias = str | int | float | bool
Enclosing: TypeAlias = tuple[tuple[str, Label], ...]
"""The choices around a range, each with the alternative that contains it, the outermost first."""

_MAX_LABEL = 60


@dataclass(frozen=True)
class Numbers:
    """The numbers from `low` to `high`, both included.

    name: of the field, such as "optimiser.learning_rate"; place: in the content.
    """

    name: str
    place: Place
    kind: NumbersKind
    low: float
    high: float
    within: Enclosing = ()

    @property
    def is_whole(self) -> bool:
        """Whether only whole numbers are drawn."""
        return self.kind in ("int", "log_int")

    @property
    def is_log(self) -> bool:
        """Whether the logarithm of the numbers is uniform."""
        return self.kind in ("log", "log_int")


@dataclass(frozen=True)
class Choice:
    """One of several alternatives, each a tree, which `labels` name."""

    name: str
    place: Place
    labels: tuple[Label, ...]
    alternatives: tuple[Any, ...]
    within: Enclosing = ()


Range: TypeAlias = Numbers | Choice
Pick: TypeAlias = Callable[[Range], Label]
"""Returns the number of a `Numbers`, the label of a `Choice`."""


def find_ranges(value: Any, place: Place = (), name: str = "", within: Enclosing = ()) -> Any:
    """Return the tree of a content. Raises `NetworkError` with the place of a wrong range."""
    if is_range(value):
        return _range(value, place, name, within)
    if isinstance(value, dict):
        _check_misspelt(value, place)
        return {
            key: find_ranges(inner, (*place, key), _joined(name, key), within)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [
            find_ranges(inner, (*place, index), _joined(name, str(index)), within)
            for index, inner in enumerate(value)
        ]
    return value


def is_range(value: Any) -> bool:
    """Tell whether a value of TOML is meant as a range."""
    return isinstance(value, dict) and any(kind in value for kind in KINDS)


def ranges_in(tree: Any) -> Iterator[Range]:
    """Yield every range of a tree, those within choices too."""
    inner: Any = ()
    if isinstance(tree, Numbers | Choice):
        yield tree
        inner = tree.alternatives if isinstance(tree, Choice) else ()
    elif isinstance(tree, dict):
        inner = tree.values()
    elif isinstance(tree, list):
        inner = tree
    for one in inner:
        yield from ranges_in(one)


def substitute(tree: Any, pick: Pick) -> Any:
    """Return the content with the value of each range; those of other alternatives are not asked.

    Raises `KeyError` if `pick` returns a label that a choice does not have.
    """
    if isinstance(tree, Numbers):
        return pick(tree)
    if isinstance(tree, Choice):
        return substitute(alternative(tree, pick(tree)), pick)
    if isinstance(tree, dict):
        return {key: substitute(inner, pick) for key, inner in tree.items()}
    if isinstance(tree, list):
        return [substitute(inner, pick) for inner in tree]
    return tree


def alternative(choice: Choice, label: Label) -> Any:
    """Return the alternative with this label. Raises `KeyError` if there is none."""
    if label not in choice.labels:
        raise KeyError(label)
    return choice.alternatives[choice.labels.index(label)]


def ends(one: Range) -> tuple[Label, ...]:
    """Return the two ends of numbers, or all labels of a choice."""
    if isinstance(one, Choice):
        return one.labels
    return (int(one.low), int(one.high)) if one.is_whole else (float(one.low), float(one.high))


def first_end(one: Range) -> Label:
    """Return the lower end of numbers, or the first alternative: a `Pick`."""
    return ends(one)[0]


def pick_with(chosen: dict[str, Label]) -> Pick:
    """Return a `Pick` of these values by name, and the first end of every other range."""
    return lambda one: chosen.get(one.name, first_end(one))


def _range(value: dict[str, Any], place: Place, name: str, within: Enclosing) -> Range:
    if len(value) > 1:
        wrong = next((key for key in value if key not in KINDS), list(value)[-1])
        raise NetworkError(f"{name}: a range is one of {_kinds()}, got also {wrong!r}", place)
    ((kind, given),) = value.items()
    if kind == CHOICE:
        return _choice(given, place, name, within)
    for known in get_args(NumbersKind):
        if kind == known:
            return _numbers(known, given, place, name, within)
    raise AssertionError(kind)


def _numbers(kind: NumbersKind, given: Any, place: Place, name: str, within: Enclosing) -> Numbers:
    whole = kind in ("int", "log_int")
    example = "[1, 8]" if whole else "[0.001, 0.1]"
    if not isinstance(given, list) or len(given) != 2 or not all(map(_is_number, given)):
        raise NetworkError(
            f"{name}: {kind} takes two numbers such as {example}, got {brief(given)}", place
        )
    low, high = given
    if whole and not all(isinstance(end, int) for end in given):
        raise NetworkError(f"{name}: {kind} takes two whole numbers, got {brief(given)}", place)
    if low >= high:
        raise NetworkError(
            f"{name}: {kind} takes the lower end first, such as {example}, got {brief(given)}",
            place,
        )
    if kind in ("log", "log_int") and low <= 0:
        raise NetworkError(f"{name}: {kind} takes numbers above 0, got {brief(given)}", place)
    return Numbers(name, place, kind, low, high, within)


def _choice(given: Any, place: Place, name: str, within: Enclosing) -> Choice:
    if not isinstance(given, list) or len(given) < 2:
        raise NetworkError(
            f"{name}: choice takes a list of two or more values, got {brief(given)}", place
        )
    for index, one in enumerate(given):
        if one in given[:index]:
            raise NetworkError(f"{name}: choice has {brief(one)} twice", place)
    labels = tuple(map(_label, given))
    if len(set(labels)) < len(labels):
        labels = tuple(f"{number}: {label}" for number, label in enumerate(labels, 1))
    alternatives = tuple(
        find_ranges(
            one,
            (*place, CHOICE, index),
            f"{name}[{label}]" if isinstance(one, dict | list) else name,
            (*within, (name, label)),
        )
        for index, (one, label) in enumerate(zip(given, labels, strict=True))
    )
    return Choice(name, place, labels, alternatives, within)


def _label(value: Any) -> Label:
    """Return a value that stands for itself, or a short text for a table or a list."""
    return value if isinstance(value, str | int | float) else _text(value)[:_MAX_LABEL] or "..."


def _text(value: Any) -> str:
    """Return `Dense(64)` for a table, the items of a list, joined; without the ranges in them."""
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value)))
    if not isinstance(value, dict):
        return str(value)
    if is_range(value):
        return ""
    head = next((one for one in value.values() if isinstance(one, str)), "")
    rest = ", ".join(filter(None, (_text(one) for one in value.values() if one is not head)))
    return f"{head}({rest})" if rest else head


def _check_misspelt(value: dict[str, Any], place: Place) -> None:
    """Raise `NetworkError` for a table such as {lgo = [0.1, 1]}."""
    if len(value) == 1:
        ((key, inner),) = value.items()
        hint = did_you_mean(key, KINDS)
        if hint and isinstance(inner, list):
            raise NetworkError(f"unknown range {key!r}; known: {_kinds()}{hint}", place)


def _joined(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key


def _kinds() -> str:
    return ", ".join(KINDS)


def _is_number(value: Any) -> bool:
    return type(value) is int or (isinstance(value, float) and isfinite(value))
