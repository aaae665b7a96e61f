"""The output folder of a job: its Parquet files, which shards are done, and whose folder it is.

    part-000000.parquet ...   a file for each shard, a row for each picture
    _job.json                 what the rows depend on: inputs, options, network, version
    _timings/                 with timings: a file for each shard, a row for each picture
    _locks/                   held while a process reads; empty files

Names that begin with "_" are no data to pyarrow, pandas, Spark and DuckDB: the folder is a table.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from digitnn.atomic_files import replace_file
from digitnn.errors import CollectionError, PictureError
from digitnn.scaling.collections.batch import Row
from digitnn.scaling.collections.places import import_pyarrow
from digitnn.scaling.collections.plan import Part
from digitnn.scaling.collections.rows import timings_table, to_table

JOB, TIMINGS, LOCKS = "_job.json", "_timings", "_locks"
_PART = re.compile(r"part-(\d{6,})\.parquet")
_LEFTOVER = re.compile(r"\.part-(\d{6,})\.parquet\.\d+-[0-9a-f]{8}\.part")


@dataclass(frozen=True)
class Totals:
    """What the finished shards hold."""

    rows: int = 0
    errors: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(self.rows + other.rows, self.errors + other.errors)


@dataclass(frozen=True)
class Output:
    """An output folder. timings: also write the milliseconds of each picture."""

    folder: Path
    timings: bool = False

    def part(self, number: int) -> Path:
        """Return the file of a shard."""
        return self.folder / f"part-{number:06}.parquet"

    def done(self) -> set[int]:
        """Return the numbers of the shards that are done."""
        names = (_PART.fullmatch(path.name) for path in self.folder.iterdir())
        return {int(match[1]) for match in names if match}

    def commit(self, number: int, rows: Sequence[Row]) -> Totals:
        """Write a shard's file; from then on it is done. Raises `OSError`, as of a full disk."""
        if self.timings:
            timings = self.folder / TIMINGS / self.part(number).name
            _write(timings, timings_table([row.milliseconds for row in rows]))
        _write(self.part(number), to_table(rows))
        errors = sum(isinstance(row.result.found, PictureError) for row in rows)
        return Totals(len(rows), errors)

    def totals(self, numbers: Sequence[int]) -> Totals:
        """Count rows and errors of finished shards; the files' footers hold both."""
        pq = import_pyarrow().parquet
        found = Totals()
        for number in numbers:
            metadata = pq.read_metadata(self.part(number))
            groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
            last = metadata.num_columns - 1  # error
            empty = sum(group.column(last).statistics.null_count for group in groups)
            found += Totals(metadata.num_rows, metadata.num_rows - empty)
        return found

    @contextmanager
    def claimed(self, job: Mapping[str, Any], part: Part) -> Iterator[None]:
        """Hold the shards of `part` against other processes, within a `with` block.

        Creates the folder, or checks that it is of the same job. Removes the half-written files of
        processes that were killed, at the beginning and at the end. Raises `CollectionError` for
        another job's folder, one that cannot be written, and where another process reads the same
        shards.
        """
        lock = FileLock(self._locks / f"{part.index}-of-{part.count}", blocking=False)
        try:
            self._start(job)
            lock.acquire()
        except Timeout:
            raise CollectionError(
                f"{self.folder}: another process reads the same shards: wait for it, or choose "
                "another --out"
            ) from None
        except OSError as error:
            reason = error.strerror or error
            raise CollectionError(f"{self.folder}: cannot be written ({reason})") from None
        try:
            self._remove_leftovers(part)
            yield
        finally:
            with suppress(OSError):
                self._remove_leftovers(part)
            lock.release()

    @property
    def _locks(self) -> Path:
        return self.folder / LOCKS

    def _start(self, job: Mapping[str, Any]) -> None:
        path = self.folder / JOB
        if self.folder.is_dir() and any(self.folder.iterdir()) and not self._locks.is_dir():
            raise CollectionError(
                f"{self.folder}: holds other files; choose a new or empty folder for --out"
            )
        self._locks.mkdir(parents=True, exist_ok=True)
        with FileLock(self._locks / "start"):
            for leftover in self.folder.glob(f".{JOB}.*.part"):
                leftover.unlink()
            if not path.exists():
                with replace_file(path) as file:
                    file.write((json.dumps(job, indent=2, sort_keys=True) + "\n").encode())
                return
        try:
            before = json.loads(path.read_bytes())
        except ValueError:
            before = None
        if not isinstance(before, dict):
            raise CollectionError(f"{path}: damaged; choose another --out")
        if changed := differences(before, json.loads(json.dumps(job))):
            raise CollectionError(
                f"{self.folder}: belongs to another job: {'; '.join(changed)}. Repeat the first "
                "command, or choose another --out"
            )

    def _remove_leftovers(self, part: Part) -> None:
        for folder in (self.folder, self.folder / TIMINGS):
            for path in folder.glob(".part-*.part"):
                match = _LEFTOVER.fullmatch(path.name)
                if match and part.holds(int(match[1])):
                    path.unlink(missing_ok=True)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return a text for each difference of two jobs, such as "--single was false and is true"."""
    found = [
        f"{name} was {_shown(before.get(name))} and is {_shown(now.get(name))}"
        for name in sorted((before.keys() | now.keys()) - {"inputs"})
        if before.get(name) != now.get(name)
    ]
    old, new = before.get("inputs", []), now.get("inputs", [])
    if [one.get("name") for one in old] != [one["name"] for one in new]:
        return [*found, f"its inputs were {_names(old)} and are {_names(new)}"]
    for one, other in zip(old, new, strict=True):
        if one.get("pictures") != other["pictures"]:
            counts = f"had {one.get('pictures'):,} pictures and has {other['pictures']:,}"
            found.append(f"{other['name']} {counts}")
        elif one != other:
            found.append(f"{other['name']} has changed since (sizes or times of change)")
    return found


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _names(inputs: Sequence[Mapping[str, Any]]) -> str:
    names = [str(one.get("name")) for one in inputs]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _write(path: Path, table: Any) -> None:
    data = BytesIO()
    import_pyarrow().parquet.write_table(table, data, compression="zstd")
    with replace_file(path) as file:
        file.write(data.getbuffer())
