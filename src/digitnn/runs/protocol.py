"""What a run and an ensemble of runs have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from digitnn.network.network import Classifier
from digitnn.training.records import EpochRecord


@runtime_checkable
class Trained(Protocol):
    """What reads digits and lies in a folder: a `Run`, or an ensemble of them."""

    @property
    def path(self) -> Path:
        """Its folder."""
        ...

    @property
    def about(self) -> Mapping[str, Any]:
        """The content of recipe.json."""
        ...

    @property
    def history(self) -> tuple[EpochRecord, ...]:
        """A record an epoch; none for an ensemble."""
        ...

    @property
    def recipe(self) -> str:
        """What it is called in tables."""
        ...

    @property
    def engine(self) -> str:
        """What trained it."""
        ...

    def parameter_count(self) -> int:
        """How many numbers were learned."""
        ...

    def classifier(self, engine: str | None = None) -> Classifier:
        """It, ready to read digits."""
        ...
