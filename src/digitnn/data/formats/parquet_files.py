"""Parquet files of pictures, as the Hugging Face hub stores MNIST.

    train-00000-of-00001.parquet  test-00000-of-00001.parquet     or folders train/ and test/

Each row has a picture, `image.bytes` or `image` itself as bytes, and a `label`: an integer or the
name of the class. The hub's metadata name the classes. A file may be one of several of its part.
Needs pyarrow (extra "tables").
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from digitnn.data.dataset import PARTS, Dataset, Part
from digitnn.data.formats.labels import Labels, as_labels
from digitnn.data.formats.npz import ArrayHeader
from digitnn.data.formats.picture_options import DEFAULT_OPTIONS, PictureOptions
from digitnn.data.formats.picture_set import LabelledPicture, read_pictures
from digitnn.errors import DigitnnError, FormatError, MissingExtraError
from digitnn.wording import error_text

if TYPE_CHECKING:
    import pyarrow.parquet as pq

PARQUET = b"PAR1"
IMAGE_COLUMNS = ("image", "img", "picture")
LABEL_COLUMNS = ("label", "labels", "class", "target", "digit")
_BATCH_ROWS = 1000
_PART = re.compile(r"(train|test)(ing)?(?![a-z])", re.IGNORECASE)


def find_parquet(path: Path) -> Path | None:
    """Return `path` if it is a Parquet file, or a folder with those of one part or both."""
    return path if parquet_sources(path) else None


def parquet_parts(path: Path) -> tuple[Part, ...]:
    """Return the parts of which there are files."""
    sources = parquet_sources(path)
    return tuple(part for part in PARTS if part in sources)


def parquet_sources(path: Path) -> dict[Part, list[Path]]:
    """Return the files of each part, in the order of their names.

    A file brings the others of its folder that have a part in their names; without one, it is a
    training file.
    """
    if path.is_file():
        if path.suffix != ".parquet":
            return {}
        if _part_of(path) is None:
            return {"train": [path]}
        path = path.parent
    if not path.is_dir():
        return {}
    files = sorted(path.glob("*.parquet"))
    sources: dict[Part, list[Path]] = {}
    for part in PARTS:
        inside = sorted((path / part).glob("*.parquet"))
        if found := [file for file in files if _part_of(file) == part] or inside:
            sources[part] = found
    return sources or ({"train": files} if len(files) == 1 else {})


def read_parquet(
    path: Path, part: Part, name: str, options: PictureOptions = DEFAULT_OPTIONS
) -> Dataset:
    """Read `part`, its pictures fitted to 28 x 28.

    Raises `FormatError` naming the file and the columns found where one is missing, for labels that
    are none, and like `read_pictures`; `MissingExtraError` without pyarrow.
    """
    files = parquet_sources(path).get(part)
    if not files:
        kind = "test" if part == "test" else "training"
        raise FormatError(
            f"{path}: no {kind} part; a file {part}-00000-of-00001.parquet would be one"
        )
    labels = _labels(files)
    rows = (row for file in files for row in _pictures(file))
    pictures = (
        LabelledPicture(content, where, int(index))
        for (where, content), index in zip(rows, labels.indices, strict=True)
    )
    return read_pictures(pictures, labels.classes, (str(path), part), name, options)


def parquet_headers(path: Path) -> tuple[ArrayHeader, ...]:
    """Return the columns of a file with their types, and the number of rows as shape."""
    with _opened(path) as file:
        n = file.metadata.num_rows
        return tuple(
            ArrayHeader(str(column.name), (n,), str(column.type)) for column in file.schema_arrow
        )


def _part_of(path: Path) -> Part | None:
    match = _PART.match(path.name)
    return None if match is None else "test" if match[1].lower() == "test" else "train"


def _labels(files: list[Path]) -> Labels:
    """Return the labels of all files."""
    columns, names = [], None
    for path in files:
        with _opened(path) as file:
            column = _column(file, LABEL_COLUMNS, path)
            names = names or _class_names(file, column)
            found = file.read(columns=[column]).column(column)
            if found.null_count:
                raise FormatError(f"{path}: {found.null_count:,} rows have no {column}")
            columns += found.to_pylist()
    where = f"{files[0]}: {column}"
    if not columns:
        raise FormatError(f"{files[0]} holds no rows")
    if not all(type(value) in (int, str) for value in columns) or len(set(map(type, columns))) > 1:
        raise FormatError(f"{where} must be integers or text")
    return as_labels(np.array(columns, np.int64 if type(columns[0]) is int else str), where, names)


def _pictures(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each picture of a file with the row that names it, in bounded memory."""
    with _opened(path) as file:
        column = _column(file, IMAGE_COLUMNS, path)
        row = 0
        for batch in file.iter_batches(_BATCH_ROWS, columns=[column]):
            for value in batch.column(0).to_pylist():
                content = value.get("bytes") if isinstance(value, dict) else value
                yield f"{path}: row {row}", content if isinstance(content, bytes) else b""
                row += 1


def _column(file: "pq.ParquetFile", wanted: tuple[str, ...], path: Path) -> str:
    """Return the only column with one of the names. Raises `FormatError` listing the columns."""
    names = list(file.schema_arrow.names)
    found = [name for name in names if name.lower() in wanted]
    if len(found) != 1:
        listed = ", ".join(f"{field.name} ({field.type})" for field in file.schema_arrow)[:200]
        problem = "no column" if not found else "more than one column"
        raise FormatError(f"{path}: {problem} {' or '.join(wanted[:2])}; found {listed}")
    if wanted == IMAGE_COLUMNS:
        kind = file.schema_arrow.field(found[0]).type
        if "binary" not in str(kind):
            raise FormatError(
                f"{path}: the column {found[0]} holds {str(kind)[:80]}; expected the bytes of "
                "pictures, or a struct of bytes and path"
            )
    return found[0]


def _class_names(file: "pq.ParquetFile", column: str) -> dict[int, str] | None:
    """Return the classes that the hub's metadata name; None without or with damaged ones."""
    try:
        about: Any = json.loads((file.schema_arrow.metadata or {})[b"huggingface"])
        names = about["info"]["features"][column]["names"]
        return {index: str(name) for index, name in enumerate(names)}
    except (LookupError, TypeError, ValueError):
        return None


@contextmanager
def _opened(path: Path) -> Iterator["pq.ParquetFile"]:
    """Open a file; whatever pyarrow raises inside the block becomes a `FormatError`."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("pyarrow", "tables", "reading Parquet files") from None
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except DigitnnError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, FileNotFoundError | PermissionError):
            raise
        raise FormatError(
            f"{path}: damaged Parquet file ({error_text(error)}); fetch it again"
        ) from None
