"""How pictures are cut into shards, samples and parts."""

from dataclasses import dataclass

import numpy as np
import pytest

from digitnn.errors import UsageError
from digitnn.scaling.collections import plan
from digitnn.scaling.collections.plan import Part, Plan, Sample


@dataclass(frozen=True)
class Numbers:
    """A source of n pictures whose selections are the places themselves."""

    name: str
    n: int

    def __len__(self):
        return self.n

    def describe(self):
        return {}

    def select(self, places):
        return self.name, places.tolist()


@pytest.fixture(autouse=True)
def shards_of_four(monkeypatch):
    monkeypatch.setattr(plan, "SHARD_PICTURES", 4)


SOURCES = (Numbers("a", 6), Numbers("b", 0), Numbers("c", 4), Numbers("d", 1))


def test_no_shard_reaches_over_two_sources():
    whole = Plan(SOURCES)
    assert [(shard.number, shard.selection) for shard in whole.shards()] == [
        (0, ("a", [0, 1, 2, 3])),
        (1, ("a", [4, 5])),
        (2, ("c", [0, 1, 2, 3])),
        (3, ("d", [0])),
    ]
    assert whole.sizes() == [4, 2, 4, 1]
    assert whole.pictures == 11


def drawn(seed, n=5):
    cut = Plan(SOURCES, Sample(n, seed))
    assert sum(cut.sizes()) == cut.pictures == n
    return [(name, place) for shard in cut.shards() for name, place in expand(shard.selection)]


def expand(selection):
    name, places = selection
    return [(name, place) for place in places]


def test_a_sample_is_random_in_order_and_the_same_for_a_seed():
    everything = [("a", k) for k in range(6)] + [("c", k) for k in range(4)] + [("d", 0)]
    samples = [drawn(seed) for seed in range(200)]
    assert drawn(3) == samples[3]
    assert all(sample == sorted(sample) and len(set(sample)) == 5 for sample in samples)
    counts = [sum(one in sample for sample in samples) for one in everything]
    spread = np.sqrt(200 * 5 / 11 * 6 / 11)  # of a binomial count with p = 5 / 11
    assert np.abs(np.array(counts) - 200 * 5 / 11).max() < 4 * spread
    assert drawn(0, n=11) == everything


def test_a_sample_of_more_than_there_is_is_wrong_usage():
    with pytest.raises(UsageError, match="--sample 12: there are 11 pictures"):
        Plan(SOURCES, Sample(12, 0))


def test_the_parts_hold_every_shard_once():
    parts = [Part(index, 3) for index in (1, 2, 3)]
    assert [[part.holds(number) for part in parts].count(True) for number in range(10)] == [1] * 10
    assert [number for number in range(7) if parts[1].holds(number)] == [1, 4]


@pytest.mark.parametrize("text", ["5/4", "0/4", "0/0", "4", "a/b", "-1/4", "1/2/3", ""])
def test_a_part_that_is_none_is_wrong_usage(text):
    with pytest.raises(UsageError, match="--shard"):
        Part.parse(text)


def test_a_part_is_parsed():
    assert Part.parse("2/8") == Part(2, 8)


@pytest.mark.parametrize(
    ("pictures", "size"), [(0, 25), (10, 25), (1600, 25), (1601, 26), (6400, 100), (10**6, 500)]
)
def test_a_small_job_is_cut_finely_enough_for_many_cores(pictures, size, monkeypatch):
    monkeypatch.setattr(plan, "SHARD_PICTURES", 500)
    whole = Plan((Numbers("a", pictures),))
    assert whole.shard_pictures == size
    assert sum(whole.sizes()) == pictures
    assert set(whole.sizes()[:-1]) <= {size}


def test_a_sample_is_cut_by_its_own_size(monkeypatch):
    monkeypatch.setattr(plan, "SHARD_PICTURES", 500)
    assert Plan((Numbers("a", 10**6),), Sample(3200, 0)).shard_pictures == 50
