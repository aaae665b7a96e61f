"""The output folder: whose it is, what is done in it, and what another job or process is told."""

import errno
import json
import os

import pytest
from filelock import FileLock
from small_collections import content_of

from digitnn.errors import CollectionError, PictureError
from digitnn.reader.results import PictureResult
from digitnn.scaling.collections.batch import Row
from digitnn.scaling.collections.output import Output, Totals, differences
from digitnn.scaling.collections.plan import Part

WHOLE = Part()
JOB = {
    "--single": False,
    "inputs": [{"name": "scans", "kind": "files", "pictures": 1200, "sha256": "a"}],
}


def changed(**fields):
    return {**JOB, "inputs": [JOB["inputs"][0] | fields]}


def row(name="0.png", milliseconds=1.0):
    return Row(None, PictureResult(name, None, PictureError(f"{name}: empty")), milliseconds)


def test_a_job_claims_a_new_folder_and_claims_it_again(tmp_path):
    output = Output(tmp_path / "new" / "out")
    for _ in range(2):
        with output.claimed(JOB, WHOLE):
            assert json.loads((output.folder / "_job.json").read_text()) == JOB


@pytest.mark.parametrize(
    ("now", "message"),
    [
        ({**JOB, "--single": True}, "--single was false and is true"),
        ({**JOB, "--sample": "5"}, "--sample was null and is 5"),
        (changed(pictures=1201, sha256="b"), "scans had 1,200 pictures and has 1,201"),
        (changed(sha256="b"), "scans has changed since (sizes or times of change)"),
        (changed(name="photos"), "its inputs were scans and are photos"),
    ],
)
def test_another_job_is_told_what_differs(tmp_path, now, message):
    output = Output(tmp_path)
    with output.claimed(JOB, WHOLE):
        pass
    before = content_of(tmp_path)
    with pytest.raises(CollectionError) as raised, output.claimed(now, WHOLE):
        pass
    assert f"{tmp_path}: belongs to another job: {message}. Repeat" in str(raised.value)
    assert content_of(tmp_path) == before


def test_equal_jobs_do_not_differ():
    assert differences(JOB, json.loads(json.dumps(JOB))) == []


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        pytest.raises(CollectionError, match="holds other files"),
        Output(tmp_path).claimed(JOB, WHOLE),
    ):
        pass
    assert list(content_of(tmp_path)) == ["thesis.txt"]


def test_a_damaged_job_file_is_named(tmp_path):
    output = Output(tmp_path)
    with output.claimed(JOB, WHOLE):
        pass
    (tmp_path / "_job.json").write_text("{")
    with pytest.raises(CollectionError, match=r"_job\.json: damaged"), output.claimed(JOB, WHOLE):
        pass


def test_a_file_is_no_output_folder(tmp_path):
    (tmp_path / "out").write_text("a file")
    output = Output(tmp_path / "out")
    with pytest.raises(CollectionError, match="out: cannot be written"), output.claimed(JOB, WHOLE):
        pass


def test_two_processes_cannot_read_the_same_part(tmp_path):
    output = Output(tmp_path)
    with output.claimed(JOB, Part(1, 2)):
        taken = FileLock(tmp_path / "_locks" / "2-of-2")
        with taken, pytest.raises(CollectionError, match="another process reads the same shards"):
            output.claimed(JOB, Part(2, 2)).__enter__()
        with output.claimed(JOB, Part(2, 2)):
            pass


def test_leftovers_of_a_part_are_removed_and_those_of_others_stay(tmp_path):
    output = Output(tmp_path, timings=True)
    with output.claimed(JOB, WHOLE):
        output.commit(3, [row()])
    mine, other = (tmp_path / f".part-00000{k}.parquet.77-0123abcd.part" for k in (1, 2))
    timings = tmp_path / "_timings" / mine.name
    for path in (mine, other, timings):
        path.write_bytes(b"half")
    with output.claimed(JOB, Part(2, 2)):  # the shards 1, 3, 5, ...
        assert not mine.exists()
        assert not timings.exists()
        assert other.exists()


def test_a_committed_shard_is_done_and_counted(tmp_path):
    output = Output(tmp_path, timings=True)
    assert output.commit(7, [row("a.png", 1.5), row("b.png", 2.5)]) == Totals(2, 2)
    assert output.done() == {7}
    assert output.totals([7]) == Totals(2, 2)
    assert sorted(content_of(tmp_path)) == ["_timings/part-000007.parquet", "part-000007.parquet"]


def test_the_milliseconds_change_no_byte_of_the_rows(tmp_path):
    contents = []
    for milliseconds in (1.0, 2.0):
        output = Output(tmp_path / str(milliseconds), timings=True)
        output.commit(0, [row(milliseconds=milliseconds)])
        contents.append(content_of(output.folder))
    assert contents[0]["part-000000.parquet"] == contents[1]["part-000000.parquet"]
    assert (
        contents[0]["_timings/part-000000.parquet"] != contents[1]["_timings/part-000000.parquet"]
    )


def test_a_full_disk_leaves_no_half_written_shard(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    output = Output(tmp_path)
    with pytest.raises(OSError, match="No space left on device"):
        output.commit(0, [row()])
    assert content_of(tmp_path) == {}
    assert output.done() == set()
