"""Cut the pictures of all sources into shards, the units in which work is done and committed.

The cut depends on the sources and the sample alone, so that every process of a job agrees on it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64
from numpy import ndarray

from digitnn.errors import UsageError
from digitnn.scaling.collections.items import Selection, Source

SHARD_PICTURES, LEAST_SHARD_PICTURES = 500, 25
"""Most and least pictures of a shard. The most is what a kill can cost each worker: a tenth of a
second of 28 x 28 images, minutes of photos."""

SMALL_JOB_SHARDS = 64
"""A smaller job is cut into so many shards, so that all cores have work until its end."""


@dataclass(frozen=True)
class Shard:
    """number: from 0, the same for every process of a job."""

    number: int
    selection: Selection


@dataclass(frozen=True)
class Sample:
    """A random subset of so many pictures, each as likely as any other, in the usual order."""

    pictures: int
    seed: int


@dataclass(frozen=True)
class Part:
    """The shards of one process of several: number `index`, from 1, of `count`."""

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise UsageError(
                f"--shard must be from 1/{max(self.count, 1)} to n/n, got {self.index}/{self.count}"
            )

    @classmethod
    def parse(cls, text: str) -> "Part":
        """Return the part that "2/8" names. Raises `UsageError`."""
        index, separator, count = text.partition("/")
        if not (separator and index.isdecimal() and count.isdecimal()):
            raise UsageError(f"--shard takes i/n, such as 2/8 for the second of eight, got {text}")
        return cls(int(index), int(count))

    def holds(self, number: int) -> bool:
        """Tell whether a shard belongs to this part."""
        return number % self.count == self.index - 1


@dataclass(frozen=True)
class Plan:
    """The shards of a job. sample: None reads every picture."""

    sources: Sequence[Source]
    sample: Sample | None = None

    def __post_init__(self) -> None:
        if self.sample and self.sample.pictures > self._all:
            raise UsageError(
                f"--sample {self.sample.pictures}: there are {self._all:,} pictures; choose fewer, "
                "or leave it out to read all of them"
            )

    @property
    def _all(self) -> int:
        return sum(len(source) for source in self.sources)

    @property
    def pictures(self) -> int:
        """How many pictures are read."""
        return self.sample.pictures if self.sample else self._all

    @property
    def shard_pictures(self) -> int:
        """How many pictures a shard holds; the last one of a source may hold fewer."""
        even = -(-self.pictures // SMALL_JOB_SHARDS)
        return min(SHARD_PICTURES, max(LEAST_SHARD_PICTURES, even))

    def sizes(self) -> list[int]:
        """Return the number of pictures in each shard."""
        return [len(cut) for _, cut in self._cuts()]

    def shards(self) -> Iterator[Shard]:
        """Yield all shards in order; none reaches over two sources."""
        for number, (source, cut) in enumerate(self._cuts()):
            yield Shard(number, source.select(cut))

    def _cuts(self) -> Iterator[tuple[Source, Int64[ndarray, " k"]]]:
        chosen, first, size = self._chosen(), 0, self.shard_pictures
        for source in self.sources:
            last = first + len(source)
            if chosen is None:
                places = np.arange(len(source))
            else:
                low, high = np.searchsorted(chosen, (first, last))
                places = chosen[low:high] - first
            for start in range(0, len(places), size):
                yield source, places[start : start + size]
            first = last

    def _chosen(self) -> Int64[ndarray, " k"] | None:
        if self.sample is None:
            return None
        rng = np.random.default_rng(self.sample.seed)
        return np.sort(rng.choice(self._all, self.sample.pictures, replace=False))
