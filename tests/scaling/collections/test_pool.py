"""Workers that the system kills: their shards are read again, and a deadly picture costs a row."""

import os
import signal
from pathlib import Path
from time import sleep

import pytest
from deadly_pictures import DeadlySelection
from small_collections import rows_of

from digitnn.errors import CollectionError
from digitnn.scaling.collections import pool
from digitnn.scaling.collections.batch import ReadingOptions
from digitnn.scaling.collections.output import Output
from digitnn.scaling.collections.plan import Shard
from digitnn.scaling.collections.pool import Pool
from digitnn.scaling.collections.worker import At, Finished, Work


def read(folder: Path, *selections, workers=1):
    """Read the selections as shards; return the numbers in the order in which they finished."""
    folder.mkdir()
    shards = [Shard(number, selection) for number, selection in enumerate(selections)]
    with Pool(Work(ReadingOptions(), Output(folder)), workers) as pool:
        events = [event for _, event in pool.read(shards)]
    return [event.number for event in events if isinstance(event, Finished)]


def test_a_shard_whose_worker_died_once_is_read_again(tmp_path):
    killer = DeadlySelection(4, (2,), tmp_path / "deaths", spared=1)
    calm = DeadlySelection(4, (), tmp_path / "none")
    assert read(tmp_path / "out", killer, calm) == [0, 1]
    rows = rows_of(tmp_path / "out")
    assert [row["text"] for row in rows] == ["5"] * 8
    assert rows[:4] == rows[4:]  # as if nobody had died
    assert (tmp_path / "deaths").stat().st_size == 1


def test_a_picture_that_always_kills_is_an_error_row_and_the_others_are_read(tmp_path):
    killer = DeadlySelection(5, (1, 3), tmp_path / "deaths")
    assert sorted(read(tmp_path / "out", killer, DeadlySelection(3, (), tmp_path / "none"))) == [
        0,
        1,
    ]
    rows = rows_of(tmp_path / "out")
    assert [row["text"] for row in rows] == ["5", "", "5", "", "5", "5", "5", "5"]
    assert rows[1]["error"] == (
        "1.png: the process that read it was killed by SIGKILL; perhaps there was too little memory"
    )
    assert (tmp_path / "deaths").stat().st_size == 4  # twice as a shard, once for each picture


def test_workers_share_the_shards(tmp_path):
    shards = [DeadlySelection(2, (), tmp_path / "none") for _ in range(5)]
    assert sorted(read(tmp_path / "out", *shards, workers=2)) == list(range(5))
    assert len(rows_of(tmp_path / "out")) == 10


def test_a_worker_that_cannot_write_ends_the_job(tmp_path):
    (tmp_path / "out").write_text("a file")
    with (
        Pool(Work(ReadingOptions(), Output(tmp_path / "out")), 1) as pool,
        pytest.raises(CollectionError, match=r"out.*: .*; what is done stays"),
    ):
        list(pool.read([Shard(0, DeadlySelection(1, (), tmp_path / "none"))]))


def test_a_worker_that_cannot_start_ends_the_job(tmp_path):
    (tmp_path / "out").mkdir()
    options = ReadingOptions(model=tmp_path / "no run")
    with (
        Pool(Work(options, Output(tmp_path / "out")), 1) as pool,
        pytest.raises(CollectionError, match="no run"),
    ):
        list(pool.read([Shard(0, DeadlySelection(1, (), tmp_path / "none"))]))


def test_after_a_stop_short_shards_that_were_begun_are_finished_and_no_others(tmp_path):
    (tmp_path / "out").mkdir()
    shards = (Shard(k, DeadlySelection(2, (), tmp_path / "none")) for k in range(1000))
    finished = []
    with Pool(Work(ReadingOptions(), Output(tmp_path / "out")), 1) as pool:
        for _, event in pool.read(shards, lambda: len(finished) >= 2):
            finished.extend([event.number] if isinstance(event, Finished) else [])
    assert finished == [0, 1]
    assert len(rows_of(tmp_path / "out")) == 4


def test_after_a_stop_shards_that_take_long_are_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "STOP_SECONDS", 0.0)
    (tmp_path / "out").mkdir()
    shard = Shard(0, DeadlySelection(100_000, (), tmp_path / "none"))
    events = []
    with Pool(Work(ReadingOptions(), Output(tmp_path / "out")), 1) as workers:
        for _, event in workers.read([shard], lambda: any(isinstance(e, At) for e in events)):
            events.append(event)
    assert not any(isinstance(event, Finished) for event in events)
    assert list((tmp_path / "out").iterdir()) == []


def test_workers_end_with_their_pool(tmp_path):
    (tmp_path / "out").mkdir()
    with Pool(Work(ReadingOptions(), Output(tmp_path / "out")), 2) as pool:
        ids = [seat.worker.process.pid for seat in pool._seats]
        sleep(0.1)
        os.kill(ids[0], signal.SIGKILL)
    for pid in ids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
