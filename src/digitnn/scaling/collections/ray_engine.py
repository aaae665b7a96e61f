"""Read shards on the machines of a Ray cluster, or on this one, with Ray Data.

An actor holds one worker of `pool`, so that a shard is read by the same code as without Ray, and a
picture that kills a worker costs a row and not an actor. The output folder must be one that all
machines share.
"""

import logging
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from digitnn.errors import CollectionError, MissingExtraError
from digitnn.machine.resources import available_cores
from digitnn.scaling.collections.plan import Shard
from digitnn.scaling.collections.pool import Event, Pool
from digitnn.scaling.collections.worker import Finished, Work
from digitnn.wording import error_text

MAX_BLOCKS = 10_000
"""Blocks of shards that Ray Data plans; each costs it a millisecond or so."""

SPARE_CPUS = 1
"""Ray Data's own tasks need a CPU that no actor holds: else it waits for ever."""

SMALL_CLUSTER_CPUS = 4
"""Up to so many, an actor asks for half a CPU: a spare one would be a large share of them."""


@dataclass(frozen=True)
class OnRay:
    """The engine of Ray. workers: actors; None means one for each CPU that is not spare.

    Raises `MissingExtraError` without Ray.
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        _import_ray()

    def __call__(
        self, work: Work, shards: Iterable[Shard], n: int, stopped: Callable[[], bool]
    ) -> Iterator[tuple[int, Event]]:
        """Yield (worker, event) until all n shards are done, or soon after `stopped`.

        Raises `CollectionError` if the job cannot go on.
        """
        ray = _start()
        try:
            rows = _dataset(ray, work, shards, n, self.workers).iter_rows()
            for row in rows:
                answer = pickle.loads(row["answer"])
                if isinstance(answer, CollectionError):
                    raise answer
                yield 0, answer
                if stopped():
                    return
        except ray.exceptions.RayError as error:
            raise CollectionError(f"Ray cannot go on: {error_text(error)}") from None
        finally:
            ray.shutdown()


class ShardReader:
    """An actor: reads the shards of a batch with a worker process of its own."""

    _pool: Pool | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Read the shards of a batch and return what became of each."""
        return {"answer": np.array([self._read(packed) for packed in batch["shard"]], object)}

    def _read(self, packed: bytes) -> bytes:
        work, shard = pickle.loads(packed)
        if self._pool is None:
            self._pool = Pool(work, 1).__enter__()
        try:
            events = [event for _, event in self._pool.read([shard])]
        except CollectionError as error:  # the driver ends the job
            return pickle.dumps(error)
        return pickle.dumps(next(event for event in events if isinstance(event, Finished)))


def _import_ray() -> Any:
    """Return the module ray with ray.data. Raises `MissingExtraError` if it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingExtraError("ray", "ray", "--engine ray") from None
    return ray


def _start() -> Any:
    """Connect to the cluster of RAY_ADDRESS or of this machine, or start Ray here."""
    ray = _import_ray()
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    address = os.environ.get("RAY_ADDRESS", "")
    try:
        if address != "local":
            with suppress(*(() if address else (ConnectionError,))):
                ray.init(address=address or "auto", **quiet)
        if not ray.is_initialized():
            cores = available_cores()
            ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)
    except Exception as error:  # Ray raises a plain one where a node is slow to start
        where = f" with RAY_ADDRESS={address}" if address else ""
        raise CollectionError(f"Ray cannot be started{where}: {error_text(error)}") from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _dataset(ray: Any, work: Work, shards: Iterable[Shard], n: int, workers: int | None) -> Any:
    """Return the lazy data set of the answers, one for each shard."""
    cpus = int(ray.cluster_resources().get("CPU", 1))
    small = cpus <= SMALL_CLUSTER_CPUS
    share = 0.5 if small else 1.0
    wanted = workers or min(cpus - (0 if small else SPARE_CPUS), n)
    actors = max(min(wanted, n, int((cpus - SPARE_CPUS / 2) / share)), 1)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Not as an argument of the actor's: Ray then complains that it may be unable to restart it.
    packed = [{"shard": pickle.dumps((work, shard))} for shard in shards]
    return ray.data.from_items(packed, override_num_blocks=min(n, MAX_BLOCKS)).map_batches(
        ShardReader,
        batch_size=1,
        batch_format="numpy",
        num_cpus=share,
        compute=ray.data.ActorPoolStrategy(size=actors),
    )
