"""How pictures become images: options that the readers of pictures take, and a run remembers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from digitnn.errors import UsageError

if TYPE_CHECKING:
    from numpy import ndarray

FitFunction: TypeAlias = "Callable[[ndarray], ndarray]"
Fit: TypeAlias = "str | FitFunction"
"""How a picture becomes 28 x 28.

"pad": padded to a square in the colour of its border; "crop": the central square; "stretch": both
sides scaled on their own; the name of a function given to `offer_fit`; or a function, which takes
the grey levels (h, w) and returns (28, 28) uint8 with light ink on dark paper.
"""

GEOMETRIC = ("pad", "crop", "stretch")
_OFFERED: dict[str, FitFunction] = {}


def offer_fit(name: str, fit: FitFunction) -> None:
    """Make `fit` known as `name` in this process.

    A run records the name. The functions live in rooms above this one, which offer them.
    """
    _OFFERED[name] = fit


@dataclass(frozen=True)
class PictureOptions:
    """fit: see `Fit`; skip_bad: leave unreadable pictures out, with a note, instead of an error."""

    fit: Fit = "pad"
    skip_bad: bool = False

    def resolved(self) -> Fit:
        """Return one of `GEOMETRIC` or the function to call. Raises `UsageError` for others."""
        if not isinstance(self.fit, str) or self.fit in GEOMETRIC:
            return self.fit
        if self.fit not in _OFFERED:
            known = ", ".join((*GEOMETRIC, *_OFFERED))
            raise UsageError(f"unknown fit {self.fit!r}; known: {known}")
        return _OFFERED[self.fit]

    def to_json(self) -> dict[str, Any]:
        """Return the options that differ from their defaults. Functions have no name to record."""
        fit = self.fit if isinstance(self.fit, str) else "function"
        return {
            **({"fit": fit} if fit != "pad" else {}),
            **({"skip_bad": True} if self.skip_bad else {}),
        }


DEFAULT_OPTIONS = PictureOptions()


def options_from_json(value: Mapping[str, Any] | None) -> PictureOptions:
    """Return the options that `to_json` wrote; the default for runs that recorded none."""
    value = value or {}
    return PictureOptions(str(value.get("fit", "pad")), value.get("skip_bad") is True)
