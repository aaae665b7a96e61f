"""The state of a fitted classifier in NumPy arrays and built-in types.

Pickles and skops files hold the classifier in this form: a program that loads a skops file has to
trust the classifier's own class only, and no file depends on where digitnn's other classes live.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from digitnn.estimators.fitting import Passes
from digitnn.estimators.scaling import Scaling
from digitnn.network.network import Network
from digitnn.recipes.recipe import Recipe


def to_plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes by name, with digitnn's own values as dictionaries."""
    return {name: _plain(value) for name, value in state.items()}


def from_plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that `to_plain` described.

    Raises `NetworkError` for the description of a network or recipe that digitnn does not know.
    """
    return {name: _restored(name, value) for name, value in state.items()}


def _plain(value: Any) -> Any:
    match value:
        case Network() | Recipe():
            return value.to_json()
        case Scaling() | Passes():
            return {field.name: getattr(value, field.name) for field in fields(value)}
    return value


def _restored(name: str, value: Any) -> Any:
    """Only these attributes are dictionaries when they are plain, but for the parameters."""
    if not isinstance(value, dict):
        return value
    match name:
        case "network_":
            return Network.from_json(value)
        case "recipe":
            return Recipe.from_json(value)
        case "scaling_":
            return Scaling(**value)
        case "_passes":
            return Passes(**value)
    return value
