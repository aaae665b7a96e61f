"""Pictures in a column of a Parquet file, as on the Hugging Face hub or as plain binary.

Rows are read in order, a page of a row group at a time, so that memory does not grow with the file.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8
from numpy import ndarray

from digitnn.data.dataset import SIDE
from digitnn.errors import CollectionError, PictureError
from digitnn.scaling.collections.items import SKIPPED, Content, Item
from digitnn.scaling.collections.places import Place, import_pyarrow

PICTURE_COLUMNS = ("image", "picture", "img", "png", "jpg", "jpeg", "bytes", "content", "data")
"""Looked for in this order; else the only column that can hold pictures."""

PATH_COLUMNS = ("path", "file_name", "filename", "name", "__key__")

ROWS_AT_ONCE = 64
"""Decoded at once: photos of 10 MB are 640 MB of pages, images of 28 x 28 some kilobytes."""

BUFFER_BYTES = 1 << 20

PIXELS = SIDE * SIDE


@dataclass(frozen=True)
class Columns:
    """Where a table holds its pictures. path: the column of their names, if there is one.

    picture, path: dotted as in "image.bytes".
    """

    picture: str
    path: str | None

    @property
    def names(self) -> list[str]:
        """The columns to read."""
        return [self.picture, *([self.path] if self.path else [])]


@dataclass(frozen=True)
class TableSource:
    """The pictures of one Parquet file."""

    name: str
    place: Place
    columns: Columns
    rows: int
    listing: str

    @classmethod
    def open(cls, place: Place) -> "TableSource":
        """Read a file's schema. Raises `CollectionError`: no Parquet, no column of pictures."""
        entry = place.entry()
        file = _open(place)
        columns = find_columns(file.schema_arrow, place.show)
        rows = int(file.metadata.num_rows)
        file.close()
        digest = sha256(f"{place.show}\0{entry.size}\0{entry.changed}".encode()).hexdigest()
        return cls(place.show, place, columns, rows, digest)

    def __len__(self) -> int:
        return self.rows

    def describe(self) -> dict[str, Any]:
        """Return what identifies its content, as JSON values."""
        return {"kind": "table", "pictures": len(self), "sha256": self.listing}

    def select(self, places: Int64[ndarray, " k"]) -> "TableSelection":
        """Return the pictures at ascending places, from 0."""
        return TableSelection(self.place, self.columns, places)


@dataclass(frozen=True)
class TableSelection:
    """Some rows of a Parquet file."""

    place: Place
    columns: Columns
    rows: Int64[ndarray, " k"]

    def __len__(self) -> int:
        return len(self.rows)

    def items(self, skip: Container[int]) -> Iterator[Item]:
        """Yield the pictures; those in `skip`, by place in the selection, without content."""
        show = self.place.show
        with self.place.errors_named():
            found = _cursor(self.place, self.columns).rows(self.rows.tolist())
            for index, (row, (content, path)) in enumerate(zip(self.rows, found, strict=True)):
                name = f"{show}#{row}" if path is None else path
                yield Item(name, show, SKIPPED if index in skip else _content(content, name))


def find_columns(schema: Any, name: str) -> Columns:
    """Return the columns of pictures and paths. Raises `CollectionError` if there is no such."""
    found = [field.name for field in schema if _holds_pictures(field.type)]
    chosen = next((name for name in PICTURE_COLUMNS if name in found), None)
    if chosen is None and len(found) != 1:
        columns = ", ".join(f"{field.name}: {field.type}" for field in list(schema)[:8])
        raise CollectionError(
            f"{name}: expected a column of pictures, image.bytes as on the Hugging Face hub or one "
            f"of binary, got {'several' if found else 'none'} ({columns})"
        )
    picture = chosen or found[0]
    kind = schema.field(picture).type
    if _is_struct(kind):
        inner = [kind.field(index).name for index in range(kind.num_fields)]
        return Columns(f"{picture}.bytes", f"{picture}.path" if "path" in inner else None)
    strings = [field.name for field in schema if str(field.type).endswith("string")]
    return Columns(picture, next((name for name in PATH_COLUMNS if name in strings), None))


def _is_struct(kind: Any) -> bool:
    return bool(import_pyarrow().types.is_struct(kind))


def _holds_pictures(kind: Any) -> bool:
    """Tell whether a type can hold pictures: files, or their pixels."""
    if _is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _is_binary(kind.field(index).type)
    return _holds_pixels(kind) or _is_binary(kind)


def _holds_pixels(kind: Any) -> bool:
    """Tell whether a type holds 28 x 28 pixels of one byte."""
    pa = import_pyarrow()
    if pa.types.is_fixed_size_list(kind):
        return bool(kind.list_size == PIXELS and kind.value_type == pa.uint8())
    return bool(pa.types.is_fixed_size_binary(kind) and kind.byte_width == PIXELS)


def _is_binary(kind: Any) -> bool:
    types = import_pyarrow().types
    checks = (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return any(check(kind) for check in checks)


def _open(place: Place) -> Any:
    pa = import_pyarrow()
    with place.errors_named():
        file = place.filesystem.open_input_file(place.path)
        return pa.parquet.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER_BYTES)


class Cursor:
    """Reads ascending rows of one file; the next shard usually goes on where the last ended."""

    def __init__(self, place: Place, columns: Columns) -> None:
        self._file, self._columns = _open(place), columns
        groups = range(self._file.metadata.num_row_groups)
        sizes = [self._file.metadata.row_group(group).num_rows for group in groups]
        self._ends = np.cumsum(sizes)
        self._group, self._first, self._last = -1, 0, 0
        self._batches: Iterator[Any] = iter(())
        self._cells: list[tuple[Any, str | None]] = []

    def rows(self, wanted: list[int]) -> Iterator[tuple[Any, str | None]]:
        """Yield (content, path) of each row. Batches without such a row stay Arrow's."""
        for row in wanted:
            if not self._first <= row < self._last:
                self._go_to(row)
            yield self._cells[row - self._first]

    def _go_to(self, row: int) -> None:
        """Make the batch that holds a row the one of now."""
        group = int(np.searchsorted(self._ends, row, side="right"))
        if group != self._group or row < self._first:
            self._group, self._last = group, int(self._ends[group - 1]) if group else 0
            self._batches = self._file.iter_batches(
                ROWS_AT_ONCE, row_groups=[group], columns=self._columns.names, use_threads=False
            )
        self._cells = []  # before others are decoded: they may be large
        while row >= self._last:
            batch = next(self._batches)
            self._first, self._last = self._last, self._last + len(batch)
        path = self._columns.path
        contents = _values(batch, self._columns.picture)
        paths = _values(batch, path) if path else [None] * len(batch)
        self._cells = list(zip(contents, paths, strict=True))


@lru_cache(maxsize=1)  # a worker reads shard after shard of the same file
def _cursor(place: Place, columns: Columns) -> Cursor:
    return Cursor(place, columns)


def _values(batch: Any, column: str) -> Any:
    """Return the values of a column, or of a struct's field, as Python objects or pixels."""
    name, _, inner = column.partition(".")
    array = batch.column(batch.schema.get_field_index(name))
    if inner:
        array = array.flatten()[array.type.get_field_index(inner)]
    return _pixels(array) if _holds_pixels(array.type) else array.to_pylist()


def _pixels(array: Any) -> list[UInt8[ndarray, "28 28"] | None]:
    """Return the pixels in each cell, not copied; None if the cell or a pixel is null."""
    valid = array.is_valid().to_numpy(zero_copy_only=False)
    if import_pyarrow().types.is_fixed_size_binary(array.type):
        cells = array.drop_null()
        memory = np.frombuffer(cells.buffers()[1] or b"", np.uint8)
        pixels = memory[cells.offset * PIXELS :][: len(cells) * PIXELS]
        complete = np.ones(len(cells), bool)
    else:
        values = array.flatten()  # without the cells that are null
        pixels = values.fill_null(0).to_numpy()
        known = values.is_valid().to_numpy(zero_copy_only=False)
        complete = known.reshape(-1, PIXELS).all(axis=1)
    found = iter(zip(pixels.reshape(-1, SIDE, SIDE), complete.tolist(), strict=True))
    cells_in_order = (next(found) if one else (None, False) for one in valid.tolist())
    return [picture if whole else None for picture, whole in cells_in_order]


def _content(value: Any, name: str) -> Content:
    """Return the picture in a cell, or an error if it is null or empty."""
    if isinstance(value, ndarray) or value:
        return value
    return PictureError(f"{name}: the row holds no bytes")
