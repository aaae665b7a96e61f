"""The checker of annotated types and shapes; as the typing rules have it, an int is a float too."""

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

_compile = beartype(conf=BeartypeConf(is_pep484_tower=True))
_of_nested: dict[tuple[object, ...], Callable[..., Any]] = {}


def check(signature: Callable[..., Any]) -> Callable[..., Any]:
    """Return `signature`, a function without a body of its own, with checks of what it is given.

    jaxtyping asks for one each time that a `def` runs, and that of a nested function, such as the
    `backward` of a layer, runs at every call of the outer one. To compile it takes milliseconds:
    nested functions share one while their module, name, arguments and annotations are equal.
    """
    if "<locals>" not in signature.__qualname__ or signature.__closure__:
        return _compile(signature)
    # as text, because each type of jaxtyping is equal to itself only
    words = repr((signature.__annotations__, signature.__defaults__, signature.__kwdefaults__))
    key = signature.__module__, signature.__qualname__, signature.__code__, words
    if key not in _of_nested:
        _of_nested[key] = _compile(signature)
    return _of_nested[key]
