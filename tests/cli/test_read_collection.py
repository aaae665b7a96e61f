"""`digitnn read-collection`: killed and continued, in parts, on Ray; its output and bad input."""

import json
import os
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep

import numpy as np
import pyarrow.parquet as pq
import pytest
from bucket_server import KEY, SECRET, bucket_server
from commands import CommandLine, assert_one_error_line
from pictures import as_png, five
from small_collections import (
    content_of,
    fives,
    rows_of,
    write_folder,
    write_table,
    write_tar,
)

from digitnn.cli.read_collection import _command
from digitnn.scaling.collections import plan

CLI = (
    "import sys; from digitnn.scaling.collections import plan; plan.SHARD_PICTURES = 20; "
    "from digitnn.cli.app import main; sys.exit(main())"
)
"""The program with small shards."""
PNGS = [as_png(image) for image in fives(210)]
FILES = [*PNGS[:99], b"no picture", *PNGS[100:]]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(plan, "SHARD_PICTURES", 20)


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start `digitnn read-collection` in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", CLI, "read-collection", *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def run(folder: Path, *arguments: str, **environment: str) -> str:
    """Run it to its end, which must be a good one; return stdout."""
    process = start(folder, *arguments, **environment)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def wait_for_parts(out: Path, n: int, process: subprocess.Popen[str]) -> None:
    """Wait until n shards are done, or the job has started if n is 0."""
    end = monotonic() + 120
    pattern = "part-*.parquet" if n else "_job.json"
    while len(list(out.glob(pattern))) < max(n, 1):
        assert process.poll() is None, process.communicate()
        assert monotonic() < end
        sleep(0.002)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """A folder with a table of 210 pictures, one of them bad, and what an undisturbed run gives."""
    folder = tmp_path_factory.mktemp("collection")
    write_table(folder / "train.parquet", FILES, group=50)
    run(folder, "train.parquet", "--out", "whole", "--timings")
    return folder


def data_of(out: Path) -> dict[str, bytes]:
    """Every file but the locks and the timings, of which only the names can be the same."""
    found = content_of(out).items()
    return {name: "" if name.startswith("_timings") else data for name, data in found}


@pytest.mark.parametrize("parts", [0, 1, 4, 9])
def test_a_killed_job_goes_on_and_gives_the_same_bytes(collection, tmp_path, parts):
    out = tmp_path / "out"
    command = ("train.parquet", "--out", str(out), "--timings")
    for _ in range(2):  # the second time before it has done anything new
        process = start(collection, *command)
        wait_for_parts(out, parts, process)
        workers = workers_of(process)
        kill(process)
        wait_for_end(workers)
    before = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert len(before) >= parts
    run(collection, *command)
    assert data_of(out) == data_of(collection / "whole")
    after = {path.name: path.stat().st_mtime_ns for path in out.glob("part-*")}
    assert {name: after[name] for name in before} == before  # nothing was read twice


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The ids of the processes that it started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(number) for number in children.read_text().split()] if children.exists() else []


def wait_for_end(ids: list[int]) -> None:
    """Wait until none of these processes runs any more."""
    end = monotonic() + 60
    for number in ids:
        with suppress(ProcessLookupError):
            while True:
                assert monotonic() < end, "a worker outlives its job"
                os.kill(number, 0)
                sleep(0.02)


def test_the_rows_are_those_of_the_pictures_in_order(collection):
    rows = rows_of(collection / "whole")
    assert [row["path"] for row in rows] == [f"{k}.png" for k in range(210)]
    assert {row["source"] for row in rows} == {"train.parquet"}
    bad = rows.pop(99)
    assert bad["error"].startswith("99.png: not a picture")
    assert all(row["text"] == "5" and row["error"] is None for row in rows)
    timings = pq.read_table(sorted((collection / "whole" / "_timings").iterdir())[0])
    assert timings.column_names == ["milliseconds"]
    assert len(timings) == 20


def test_two_parts_at_once_make_the_same_folder(collection, tmp_path):
    out = tmp_path / "out"
    command = ("train.parquet", "--out", str(out), "--timings", "--workers", "1", "--shard")
    processes = [start(collection, *command, f"{part}/2") for part in (1, 2)]
    errors = [process.communicate(timeout=300)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors

    def data(folder):
        return {name: data for name, data in data_of(folder).items() if "_locks" not in name}

    assert data(out) == data(collection / "whole")


def test_ctrl_c_keeps_what_is_done_and_the_command_that_it_names_goes_on(collection, tmp_path):
    out = tmp_path / "out of it"
    process = start(collection, "train.parquet", "--out", str(out), "--workers", "1", "--no-rotate")
    wait_for_parts(out, 1, process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    done = len(list(out.glob("part-*")))
    assert process.returncode == 130, err
    assert 1 <= done < 11
    assert "Traceback" not in err
    assert f"; {20 * done} of 210 pictures are done and in {out}; continue with `digitnn " in err
    command = shlex.split(err.split("`")[1])
    assert command == [
        "digitnn", "read-collection", "train.parquet", "--out", str(out), "--workers", "1",
        "--no-rotate",
    ]  # fmt: skip
    run(collection, *command[2:])
    assert len(rows_of(out)) == 210


def test_ctrl_c_drops_shards_that_take_long_and_leaves_no_half_written_file(tmp_path):
    out = tmp_path / "out"
    page = as_png(np.tile(five(60), (16, 30)))
    write_folder(tmp_path / "scans", [page] * 40)  # a shard of 20 takes many seconds
    process = start(tmp_path, "scans", "--out", str(out), "--workers", "1", "--progress", "json")
    assert process.stderr
    steps = map(json.loads, process.stderr)
    next(step for step in steps if step["pictures"])
    half = out / f".part-000001.parquet.{process.pid}-0123abcd.part"
    half.write_bytes(b"half")  # as of a worker that is killed while it writes
    workers = workers_of(process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "interrupted; 0 of 40 pictures are done" in err
    assert [path.name for path in out.iterdir() if path.name[0] != "_"] == []
    wait_for_end(workers)


def test_the_command_that_goes_on_has_no_credentials():
    options = {"out": Path("o"), "rotate": True, "images": False, "as_json": True, "seed": 0}
    assert _command(["a b", "s3://scans/a"], options) == (
        "`digitnn read-collection 'a b' s3://scans/a --out o --no-images --json`"
    )
    assert _command([f"s3://{KEY}:{SECRET}@scans/a"], options) == "the same command"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
def test_ray_gives_the_same_bytes(collection, tmp_path):
    out = tmp_path / "out"
    found = json.loads(
        run(collection, "train.parquet", "--out", str(out), "--timings", "--engine", "ray",
            "--json", RAY_ADDRESS="local")
    )  # fmt: skip
    assert (found["rows"], found["errors"]) == (210, 1)
    assert data_of(out) == data_of(collection / "whole")


@pytest.fixture
def read(digitnn: CommandLine):
    """`digitnn read-collection ... --out out --workers 1` in an empty folder."""
    return lambda *arguments: digitnn(
        "read-collection", *arguments, "--out", "out", "--workers", "1"
    )


def test_folders_and_tars_become_one_table(read):
    write_folder(Path("scans"), PNGS[:30])
    write_tar(Path("shard.tar"), [(f"{k}.png", PNGS[k]) for k in range(5)])
    done = read("scans", "shard.tar", "--json")
    assert done.code == 0, done
    assert {name: done.json()[name] for name in ("schema", "out", "rows", "errors")} == {
        "schema": 1, "out": "out", "rows": 35, "errors": 0,
    }  # fmt: skip
    rows = rows_of(Path("out"))
    assert [row["path"] for row in rows[::34]] == ["scans/0000.png", "4.png"]
    assert [row["source"] for row in rows[::34]] == [None, "shard.tar"]


def test_a_bad_picture_is_a_row_and_no_failure(read):
    write_folder(Path("scans"), [PNGS[0], b"no picture"])
    done = read("scans")
    assert (done.code, done.out) == (0, "out: 2 rows, 1 error\n")


def test_a_finished_job_reads_nothing_again(read, monkeypatch):
    write_folder(Path("scans"), PNGS[:3])
    first = read("scans")
    monkeypatch.setattr("digitnn.scaling.collections.pool.Worker.start", None)
    assert read("scans").out == first.out


def test_the_progress_is_lines_of_json(read):
    write_folder(Path("scans"), [*PNGS[:50], b"no picture"])
    done = read("scans", "--progress", "json")
    lines = [json.loads(line) for line in done.err.splitlines()]
    assert list(lines[-1]) == [
        "schema", "pictures", "total", "errors", "shards", "total_shards", "seconds",
        "pictures_per_second", "seconds_remaining",
    ]  # fmt: skip
    assert [lines[0][name] for name in ("pictures", "total", "seconds_remaining")] == [0, 51, None]
    last = lines[-1]
    assert (last["pictures"], last["errors"], last["shards"], last["total_shards"]) == (51, 1, 3, 3)
    assert last["seconds_remaining"] == 0
    assert last["pictures_per_second"] == pytest.approx(51 / last["seconds"], rel=0.01)


def test_a_sample_reads_some_pictures_of_all(read):
    write_folder(Path("scans"), PNGS)
    assert read("scans", "--sample", "30", "--seed", "4").code == 0
    paths = [row["path"] for row in rows_of(Path("out"))]
    assert len(set(paths)) == 30
    assert paths == sorted(paths) != [f"scans/{k:04}.png" for k in range(30)]


def test_options_of_the_reader_mean_what_they_mean_to_read(read):
    write_folder(Path("scans"), PNGS[:2])
    assert read("scans", "--min-confidence", "1").code == 0
    assert [row["text"] for row in rows_of(Path("out"))] == ["?", "?"]


def test_another_job_is_told_what_differs_and_nothing_changes(read):
    write_folder(Path("scans"), PNGS[:2])
    assert read("scans").code == 0
    before = content_of(Path("out"))
    assert_one_error_line(read("scans", "--single"), 1, "out: belongs", "--single was false and is")
    (Path("scans") / "new.png").write_bytes(PNGS[2])
    assert_one_error_line(read("scans"), 1, "scans had 2 pictures and has 3")
    assert content_of(Path("out")) == before


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["missing/*.png"], 1, ["missing/*.png", "pattern"]),
        (["scans", "--shard", "5/4"], 2, ["--shard must be from 1/4", "5/4"]),
        (["scans", "--shard", "x"], 2, ["--shard takes i/n", "x"]),
        (["scans", "--sample", "9"], 2, ["--sample 9: there are 2 pictures"]),
        (["scans", "--min-confidence", "2"], 2, ["from 0 to 1", "2"]),
        (["scans", "--model", "no-run"], 1, ["no-run"]),
        (["broken.tar"], 1, ["broken.tar: not a tar"]),
    ],
)
def test_bad_input_is_one_line_and_no_folder(read, arguments, code, words):
    write_folder(Path("scans"), PNGS[:2])
    Path("broken.tar").write_bytes(b"no tar" * 200)
    assert_one_error_line(read(*arguments), code, *words)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("module", "extra", "arguments"),
    [("pyarrow", "tables", []), ("ray", "ray", ["--engine", "ray"])],
)
def test_a_missing_library_is_named_with_its_extra(read, monkeypatch, module, extra, arguments):
    write_folder(Path("scans"), PNGS[:2])
    monkeypatch.setitem(sys.modules, module, None)
    done = read("scans", *arguments)
    assert_one_error_line(done, 1, f"pip install 'digitnn[{extra}]'")
    assert not Path("out").exists()


def test_no_credentials_are_printed_or_written(read):
    table = write_table(Path("t.parquet"), PNGS[:2]).read_bytes()
    with bucket_server({"scans/t.parquet": table}) as options:
        done = read(f"s3://{KEY}:{SECRET}@scans/t.parquet{options}")
    assert (done.code, done.out) == (0, "out: 2 rows, 0 errors\n")
    assert {row["source"] for row in rows_of(Path("out"))} == {"s3://scans/t.parquet"}
    for data in content_of(Path("out")).values():
        assert SECRET.encode() not in data
        assert KEY.encode() not in data
    with bucket_server({}, allowed=False) as options:
        done = read(f"s3://{KEY}:{SECRET}@scans/t.parquet{options}")
    assert_one_error_line(done, 1, "s3://scans/t.parquet: cannot be read")
    assert SECRET not in done.err
    assert KEY not in done.err
