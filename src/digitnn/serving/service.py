"""What a running server consists of: its workers, its models, its live training, its load."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import digitnn
from digitnn.data.fetch.sources import find_on_disk
from digitnn.engines.find import engines_installed
from digitnn.serving.guard import Load
from digitnn.serving.live_training import RECIPES_OFFERED, LiveTraining
from digitnn.serving.metrics import Metrics
from digitnn.serving.models import describe, find_sources, source_of
from digitnn.serving.processes import Context
from digitnn.serving.replies import ApiError
from digitnn.serving.settings import Settings
from digitnn.serving.worker import WorkerSettings
from digitnn.serving.workers import WorkerPool


@dataclass(eq=False)
class Service:
    """The parts of a server. Raises `RunError` for a run that cannot be served."""

    settings: Settings
    pool: WorkerPool
    live: LiveTraining
    load: Load
    metrics: Metrics
    models: dict[str, dict[str, Any]]

    @classmethod
    def start(cls, settings: Settings, context: Context) -> "Service":
        """Load the descriptions of the models and start the workers, which load the models."""
        sources = find_sources(settings.runs)
        models = {source.name: describe(source) for source in sources}  # before any process
        worker_settings = WorkerSettings(sources, settings.max_images, settings.megapixels)
        pool = WorkerPool(context, worker_settings, settings.worker_count, settings.compute_seconds)
        pool.start()
        load = Load(settings.worker_count + settings.max_waiting)
        metrics = Metrics(lambda: load.in_flight, lambda: pool.waiting, lambda: pool.restarts)
        live = LiveTraining(context, settings.kept)
        return cls(settings, pool, live, load, metrics, models)

    @property
    def is_ready(self) -> bool:
        """Whether the models answer and new requests are taken."""
        return self.pool.is_ready and not self.load.draining

    def model(self, name: str) -> dict[str, Any]:
        """Return the description of a model. Raises `ApiError` 404."""
        if name not in self.models:
            known = ", ".join(self.models)
            raise ApiError(404, "unknown_model", f"no model {name[:80]!r}; models: {known}")
        return self.models[name]

    def add_run(self, run: Path) -> None:
        """Serve a run that was just trained."""
        source = source_of(run, [*self.models])
        self.models[source.name] = describe(source)
        self.pool.add(source)

    def about(self) -> dict[str, Any]:
        """Return what the page asks for first: models, recipes, whether there are data."""
        recipes: Sequence[dict[str, str]] = [
            {"name": recipe.name, "summary": recipe.summary} for recipe in RECIPES_OFFERED.values()
        ]
        return {
            "models": list(self.models.values()),
            "data": find_on_disk("mnist", ("train",)) is not None,
            "training": {"recipes": recipes, "engines": list(engines_installed())},
            "version": digitnn.__version__,
        }

    async def close(self) -> None:
        """End the training and the workers."""
        await self.live.close()
        self.pool.close()
