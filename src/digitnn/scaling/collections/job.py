"""A job: the sources, what is read of them and how, into which folder; and how far it has come."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

import digitnn
from digitnn.machine.resources import available_cores
from digitnn.reader.digit_classifier import SHIPPED_FOLDER
from digitnn.scaling.collections.inputs import find_sources
from digitnn.scaling.collections.output import Totals
from digitnn.scaling.collections.places import import_pyarrow
from digitnn.scaling.collections.plan import Part, Plan, Sample, Shard
from digitnn.scaling.collections.pool import Event, Pool
from digitnn.scaling.collections.worker import Finished, Work

JOB_FORMAT = 1
NETWORK_FILES = ("network.json", "*.safetensors")


@dataclass(frozen=True)
class Progress:
    """How far a process has come with its shards.

    pictures, errors: done, by earlier processes too; total: of pictures; rate: pictures per second
    of this process, 0 before the first; remaining: seconds, None if not known yet.
    """

    pictures: int
    total: int
    errors: int
    shards: int
    total_shards: int
    seconds: float
    rate: float

    @property
    def remaining(self) -> float | None:
        """The seconds that the rest will take at the rate so far."""
        return (self.total - self.pictures) / self.rate if self.rate else None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        remaining = self.remaining
        return {
            "schema": 1,
            "pictures": self.pictures,
            "total": self.total,
            "errors": self.errors,
            "shards": self.shards,
            "total_shards": self.total_shards,
            "seconds": round(self.seconds, 3),
            "pictures_per_second": round(self.rate, 3),
            "seconds_remaining": None if remaining is None else round(remaining, 1),
        }


class Engine(Protocol):
    """Something that reads shards: processes of this machine, or Ray."""

    def __call__(
        self, work: Work, shards: Iterable[Shard], n: int, stopped: Callable[[], bool]
    ) -> Iterator[tuple[int, Event]]:
        """Yield (worker, event) until all n shards are done, or soon after `stopped`."""
        ...


@dataclass(frozen=True)
class Local:
    """The engine of this machine. workers: processes; None means one for each core."""

    workers: int | None = None

    def __call__(
        self, work: Work, shards: Iterable[Shard], n: int, stopped: Callable[[], bool]
    ) -> Iterator[tuple[int, Event]]:
        """Yield (worker, event) until all n shards are done, or soon after `stopped`."""
        with Pool(work, min(self.workers or available_cores(), n)) as pool:
            yield from pool.read(shards, stopped)


@dataclass(frozen=True)
class Job:
    """What is read, and where to. part: the shards of this process."""

    plan: Plan
    work: Work
    part: Part
    identity: dict[str, Any]

    def claimed(self) -> AbstractContextManager[None]:
        """Hold the shards of this process, within a `with` block: see `Output.claimed`."""
        return self.work.output.claimed(self.identity, self.part)

    def run(self, engine: Engine, stopped: Callable[[], bool]) -> Generator[Progress, None, None]:
        """Read what is not done yet, and yield the progress at least twice a second.

        The folder must be claimed. Ends early after `stopped`. Raises `CollectionError`.
        """
        sizes = self.plan.sizes()
        mine = [number for number in range(len(sizes)) if self.part.holds(number)]
        finished = self.work.output.done()
        before = [number for number in mine if number in finished]
        left = {number for number in mine if number not in finished}
        done, totals = sum(sizes[number] for number in before), self.work.output.totals(before)
        total, shards, read = sum(sizes[number] for number in mine), len(before), 0
        reached: dict[int, int] = {}
        start = monotonic()

        def progress() -> Progress:
            now, seconds = read + sum(reached.values()), monotonic() - start
            rate = now / seconds if seconds else 0.0
            return Progress(done + now, total, totals.errors, shards, len(mine), seconds, rate)

        yield progress()
        if not left:
            return
        waiting = (shard for shard in self.plan.shards() if shard.number in left)
        for worker, event in engine(self.work, waiting, len(left), stopped):
            if isinstance(event, Finished):
                read, shards, totals = read + event.pictures, shards + 1, totals + event.totals
                reached.pop(worker, None)
            elif event is not None:
                reached[worker] = event.place
            yield progress()
        if reached:  # of shards that were dropped
            reached.clear()
            yield progress()

    def totals(self) -> Totals:
        """Count rows and errors of this process's shards that are done."""
        done = self.work.output.done()
        return self.work.output.totals([number for number in done if self.part.holds(number)])


def prepare(arguments: Sequence[str], work: Work, part: Part, sample: Sample | None = None) -> Job:
    """Find the pictures and return the job.

    Raises `CollectionError` for inputs that cannot be read, `MissingExtraError` without pyarrow,
    `RunError` for a model that is none.
    """
    import_pyarrow()
    work.options.reader()  # its errors before any other work
    plan = Plan(find_sources(arguments), sample)
    options = asdict(work.options) | {"timings": work.output.timings}
    model = options.pop("model")
    identity = {
        "format": JOB_FORMAT,
        "digitnn": digitnn.__version__,
        "network": _network_fingerprint(model or SHIPPED_FOLDER),
        "shard_pictures": plan.shard_pictures,
        **{f"--{name.replace('_', '-')}": value for name, value in options.items()},
        "--sample": sample and f"{sample.pictures} with seed {sample.seed}",
        "inputs": [{"name": source.name, **source.describe()} for source in plan.sources],
    }
    return Job(plan, work, part, identity)


def _network_fingerprint(folder: Path) -> str:
    """Return a SHA-256 of the networks in a run or an ensemble, and of the shipped ones."""
    digest = sha256()
    for root in dict.fromkeys((folder, SHIPPED_FOLDER)):
        for pattern in NETWORK_FILES:
            for path in sorted(root.rglob(pattern)):
                if not {"snapshots", "checkpoint"} & set(path.relative_to(root).parts):
                    digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
