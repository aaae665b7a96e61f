"""The interface that a run and an ensemble of runs share."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from digitnn.network.network import Classifier
from digitnn.training.records import EpochRecord


@runtime_checkable
class Trained(Protocol):
    """A trained classifier saved in a folder: a `Run` or an `Ensemble`."""

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
        """One record per epoch; empty for an ensemble."""
        ...

    @property
    def recipe(self) -> str:
        """Its name in tables."""
        ...

    @property
    def engine(self) -> str:
        """The engine, or engines, that trained it."""
        ...

    def parameter_count(self) -> int:
        """Return the number of learned parameters."""
        ...

    def classifier(self, engine: str | None = None) -> Classifier:
        """Return its classifier, on the engine that trained it or on another."""
        ...
