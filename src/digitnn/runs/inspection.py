"""Inspect a data or weights file: its kind, and its arrays with their shapes.

The content decides the kind, not the name. Only headers are read, except for a pickle, which the
restricted loader reads as a whole, and text, whose rows are counted.
"""

import contextlib
import gzip
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from numpy import ndarray

from digitnn.data.dataset import PARTS
from digitnn.data.formats import idx
from digitnn.data.formats.csv_files import csv_sources, csv_texts, has_pixel_columns
from digitnn.data.formats.csv_table import count_rows, read_layout
from digitnn.data.formats.libsvm import is_libsvm, libsvm_sources
from digitnn.data.formats.magic import EMPTY_ZIP, GZIP, ZIP, head_of, kind_of
from digitnn.data.formats.mat import mat_headers
from digitnn.data.formats.npz import (
    NPY,
    ArrayHeader,
    dtype_name,
    npy_headers,
    npz_headers,
)
from digitnn.data.formats.parquet_files import PARQUET, parquet_headers, parquet_sources
from digitnn.data.formats.pickled import plain_pickle
from digitnn.data.formats.picture_layout import list_pictures, picture_parts
from digitnn.data.formats.pictures import picture_size
from digitnn.data.formats.storage import detect
from digitnn.data.formats.text_blocks import TextFile, zip_members
from digitnn.errors import FormatError
from digitnn.network.storage.safetensors import read_safetensors_header
from digitnn.pickles.loading import load_pickle

KINDS = (
    "IDX (also gzipped), .mat, .npz, .npy, pickle (also gzipped), Parquet, CSV or LIBSVM text of "
    "images (also packed), safetensors, a run, a folder of IDX, CSV, Parquet or pictures"
)
_HEAD_BYTES = 16
_MAX_RECIPE_BYTES = 1 << 20


@dataclass(frozen=True)
class Inspection:
    """What a file holds. kind: such as "idx"; about: other properties as JSON values."""

    kind: str
    arrays: tuple[ArrayHeader, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the object that `digitnn inspect --json` prints."""
        arrays = [
            {"name": array.name, "shape": list(array.shape), "dtype": array.dtype}
            for array in self.arrays
        ]
        return {"schema": 1, "kind": self.kind, "arrays": arrays, **self.about}


def inspect_path(path: Path) -> Inspection:
    """Inspect the file or folder at `path`.

    Raises `FormatError` with one line if it is damaged, malicious or of an unknown kind, and
    `OSError` if it cannot be read.
    """
    if path.is_dir():
        return _inspect_folder(path)
    if path.exists() and not path.is_file():
        raise FormatError(f"{path}: neither a file nor a folder")
    head = head_of(path, _HEAD_BYTES)
    for is_such, inspect in _KINDS:
        if is_such(head):
            return inspect(path)
    if is_libsvm(path) or has_pixel_columns(TextFile(path)):
        return _inspect_text(path)
    if _may_be_old_pickle(path, head):
        return _inspect_pickle(path)
    raise FormatError(f"{path}: {kind_of(head_of(path))}; known kinds: {KINDS}")


def _is_nearly_idx(head: bytes) -> bool:
    """Match gzipped, little-endian and unknown types too: the IDX reader knows what is wrong."""
    is_little_endian = len(head) > 3 and head[2:4] == b"\0\0" and head[1] in idx.TYPES
    return head.startswith((GZIP, b"\0\0")) or is_little_endian


def _is_safetensors(head: bytes) -> bool:
    """Match a JSON object after its length in eight bytes, the highest two of which are zero."""
    return head[6:9] == b"\0\0{"


def _may_be_old_pickle(path: Path, head: bytes) -> bool:
    """Match protocols 0 and 1, without magic number: first a value, last a full stop."""
    if head[:1] not in (b"(", b"]", b"}", b")", b"c", b"i") and not head[:1].isupper():
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"."


def _inspect_gzip(path: Path) -> Inspection:
    """Inspect what is gzipped: a pickle, text of digits, else IDX."""
    if is_libsvm(path) or has_pixel_columns(TextFile(path)):
        return _inspect_text(path)
    with path.open("rb") as file, contextlib.suppress(EOFError, OSError, zlib.error):
        head = gzip.GzipFile(fileobj=file).read(2)
        if head[:1] in (b"\x80", b"(", b"]", b"}"):
            return _inspect_pickle(path)
    return _inspect_idx(path)


def _inspect_zip(path: Path) -> Inspection:
    is_table = any(name.lower().endswith(".csv") for name in zip_members(path))
    return _inspect_text(path) if is_table else Inspection("npz", npz_headers(path))


def _inspect_text(path: Path) -> Inspection:
    """Inspect a CSV or LIBSVM file, plain or packed: its rows, and where the labels are."""
    if is_libsvm(path):
        array = ArrayHeader(path.name, (count_rows(TextFile(path)),), "text")
        return Inspection("libsvm", (array,), {"labels": "first in each line"})
    texts = csv_texts(path)
    if not texts:
        raise FormatError(f"{path}: no CSV file of digits in the archive; known kinds: {KINDS}")
    arrays, labels = [], []
    for text in texts:
        layout = read_layout(text)
        shape = (count_rows(text, layout.names is not None), layout.n_columns)
        arrays.append(ArrayHeader(text.member or path.name, shape, "text"))
        labels.append("none" if layout.label is None else f"column {layout.label + 1}")
    return Inspection("csv", tuple(arrays), {"labels": ", ".join(labels)})


def _inspect_idx(path: Path) -> Inspection:
    header = idx.read_idx_header(path)
    array = ArrayHeader(path.name, header.shape, dtype_name(header.dtype))
    return Inspection("idx", (array,), {"gzipped": head_of(path, 2) == GZIP})


def _inspect_safetensors(path: Path) -> Inspection:
    header = read_safetensors_header(path)
    arrays = (ArrayHeader(entry.name, entry.shape, entry.dtype) for entry in header.entries)
    return Inspection("safetensors", tuple(arrays), {"metadata": dict(header.metadata)})


def _inspect_pickle(path: Path) -> Inspection:
    with plain_pickle(path) as plain:
        value = load_pickle(plain)
    found = list(_named_leaves(value, ""))
    arrays = tuple(
        ArrayHeader(name or path.name, leaf.shape, dtype_name(leaf.dtype))
        for name, leaf in found
        if isinstance(leaf, ndarray)
    )
    about = {"holds": type(value).__name__, "other_values": len(found) - len(arrays)}
    return Inspection("pickle", arrays, about)


def _named_leaves(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Yield (name, value) with names such as `layers[0].weight`; a set counts as one value."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _named_leaves(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list | tuple):
        for n, part in enumerate(value):
            yield from _named_leaves(part, f"{name}[{n}]")
    else:
        yield name, value


def _inspect_folder(path: Path) -> Inspection:
    from digitnn.network.storage.saved_network import NETWORK, PARAMS
    from digitnn.runs.run import MEMBERS, RECIPE

    if (path / MEMBERS).is_dir() and (path / RECIPE).is_file():
        arrays = tuple(
            replace(array, name=f"{params.parent.relative_to(path).as_posix()}/{array.name}")
            for params in sorted((path / MEMBERS).glob(f"*/{PARAMS}"))
            for array in _inspect_safetensors(params).arrays
        )
        return Inspection("ensemble", arrays, _about_run(path / RECIPE))
    if (path / PARAMS).is_file():
        arrays = _inspect_safetensors(path / PARAMS).arrays
        return Inspection("run", arrays, _about_run(path / RECIPE))
    if (path / NETWORK).is_file():
        raise FormatError(f"{path}: a run that lacks {PARAMS}")
    if idx.idx_parts(path):
        kinds = [(part, content) for part in PARTS for content in idx.AXES]
        files = (idx.idx_file(path, part, content) for part, content in kinds)
        arrays = tuple(array for file in files if file for array in _inspect_idx(file).arrays)
        return Inspection("idx-folder", arrays)
    if picture_parts(path):
        return Inspection("image-folder", tuple(_class_folders(path)))
    if (found := detect(path)) is not None:
        if found.path.is_file():
            return inspect_path(found.path)
        if found.format.name in ("parquet", "npz-files"):
            each = [inspect_path(file) for file in _array_files(path)]
            arrays = tuple(array for one in each for array in one.arrays)
            return Inspection(f"{each[0].kind}-folder", arrays)
        texts = [inspect_path(file) for file in _text_files(path)]
        arrays = tuple(array for text in texts for array in text.arrays)
        labels = ", ".join(text.about["labels"] for text in texts)
        return Inspection(f"{found.format.name}-folder", arrays, {"labels": labels})
    raise FormatError(f"{path}: a folder without known content; known kinds: {KINDS}")


def _array_files(folder: Path) -> list[Path]:
    """Return the Parquet files or the .npz files of a folder of these."""
    tables = [file for files in parquet_sources(folder).values() for file in files]
    return tables or sorted(folder.glob("*.npz"))


def _text_files(folder: Path) -> list[Path]:
    """Return the files with digits in a folder of CSV or LIBSVM text."""
    tables = {text.path for text in csv_sources(folder).values()}
    return sorted(tables or set(libsvm_sources(folder).values()))


def _about_run(path: Path) -> dict[str, Any]:
    """Return recipe, engine and seed if recipe.json has them; loading a run checks the rest."""
    try:
        if path.stat().st_size > _MAX_RECIPE_BYTES:
            return {}
        about = json.loads(path.read_text(encoding="utf-8"))
        recipe = about["recipe"]
        name = recipe["name"] if isinstance(recipe, dict) else recipe
        found = {"recipe": name, "engine": about.get("engine"), "seed": about.get("seed")}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str | int)}


def _class_folders(path: Path) -> Iterator[ArrayHeader]:
    """Yield each class of each part as (n, h, w), with the height and width of its first file."""
    for part in picture_parts(path):
        pictures = list_pictures(path, part)
        for label in dict.fromkeys(sorted(one.label for one in pictures)):
            files = sorted(one.path for one in pictures if one.label == label)
            size = picture_size(files[0])
            name = f"{part}/{label}" if (path / part).is_dir() else f"{label}"
            yield ArrayHeader(name, (len(files), *size), "uint8")


_KINDS: tuple[tuple[Callable[[bytes], bool], Callable[[Path], Inspection]], ...] = (
    (lambda head: len(head) > 3 and head[:2] == b"\0\0" and head[2] in idx.TYPES, _inspect_idx),
    (_is_safetensors, _inspect_safetensors),
    (lambda head: len(head) > 1 and head[0] == 0x80 and head[1] < 32, _inspect_pickle),
    (lambda head: head.startswith(GZIP), _inspect_gzip),
    (_is_nearly_idx, _inspect_idx),
    (lambda head: head.startswith(b"MATLAB"), lambda path: Inspection("mat", mat_headers(path))),
    (lambda head: head.startswith(NPY), lambda path: Inspection("npy", npy_headers(path))),
    (lambda head: head.startswith((ZIP, EMPTY_ZIP)), _inspect_zip),
    (
        lambda head: head.startswith(PARQUET),
        lambda path: Inspection("parquet", parquet_headers(path)),
    ),
)
