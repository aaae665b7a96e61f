"""IDX, the format of MNIST's files: a short header and one array, all big-endian.

    bytes 0, 1   zero
    byte 2       the type of the items, a key of `TYPES`
    byte 3       the number of axes
    then         the length of each axis, uint32
    then         the items, the last axis fastest

The file may be gzipped, which its first bytes decide, not its name. Memory is allocated only after
the header has been checked against the size of the file.
Source of the format: the foot of http://yann.lecun.com/exdb/mnist/.

A collection is a folder of four files, named as on LeCun's page and by torchvision and Keras:

    train-images-idx3-ubyte  train-labels-idx1-ubyte  t10k-images-idx3-ubyte  t10k-labels-idx1-ubyte

Each may have a dot before `idx` and the suffix `.gz`. torchvision's `MNIST/raw` is such a folder.
Other collections have a prefix, "test" for "t10k", or labels of n x 8 int32 (`idx2-int`):

    emnist-digits-train-images-idx3-ubyte.gz     qmnist-train-labels-idx2-int.gz
"""

import gzip
import io
import math
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy import ndarray

from digitnn.atomic_files import replace_file
from digitnn.data.dataset import DIGITS, PARTS, Dataset, Part, check_images
from digitnn.data.formats.emnist import emnist_names
from digitnn.data.formats.labels import Labels, as_labels, is_numbered
from digitnn.data.formats.magic import DEFLATE_RATIO, GZIP, MAX_UNPACKED, kind_of
from digitnn.errors import DataError, FormatError, UsageError
from digitnn.wording import brief

TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
MAX_AXES = 32
_MAX_LENGTH = 2**32 - 1

Content = Literal["images", "labels"]
PREFIX: dict[Part, str] = {"train": "train", "test": "t10k"}
AXES: dict[Content, int] = {"images": 3, "labels": 1}

QMNIST_COLUMNS = 8
"""Digit, NIST series, writer, index within the writer, NIST class, global index, two unused."""

_OTHER_NAME = re.compile(
    r"(?P<prefix>.*?)(?P<part>train|t10k|test)-"
    r"(?P<content>images[-.]idx3-ubyte|labels[-.](?:idx1-ubyte|idx2-int))(?:\.gz)?"
)


@dataclass(frozen=True)
class IdxHeader:
    """An IDX header: an array of `shape` with items of `dtype` (big-endian)."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]

    @property
    def start(self) -> int:
        """The offset of the items in bytes."""
        return 4 + 4 * len(self.shape)

    @property
    def end(self) -> int:
        """The offset of their end, which is the size of the file, in bytes."""
        return self.start + math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{' x '.join(map(str, self.shape)) or 'one'} {self.dtype.name}"


def read_idx(path: Path) -> ndarray:
    """Return the array in `path`, plain or gzipped, writable and in native byte order.

    Raises `FormatError` unless the file is exactly one IDX array.
    """
    with _unpacked(path) as (stream, size, packed):
        header = _checked_header(stream, size, packed, path)
        try:
            array = np.empty(header.shape, header.dtype)
        except ValueError:  # an axis of 0, and others whose product NumPy cannot hold
            raise FormatError(f"{path}: no array can be {header}") from None
        got = stream.readinto(array.reshape(-1).view(np.uint8).data)
        if got < array.nbytes:
            raise _truncated(path, header, header.start + got)
        if stream.read(1):
            raise FormatError(f"{path}: surplus data after the {header} that its header promises")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def read_idx_header(path: Path) -> IdxHeader:
    """Return the header of `path`, checked against the file's size, without reading the items."""
    with _unpacked(path) as (stream, size, packed):
        return _checked_header(stream, size, packed, path)


def write_idx(path: Path, array: ndarray, compress: bool = False) -> None:
    """Write `array` as IDX, gzipped if `compress`; equal arrays give equal bytes.

    Raises `FormatError` for a type that IDX lacks, or an axis that is too long.
    """
    names = {np.dtype(code).name: (key, code) for key, code in TYPES.items()}
    if array.dtype.name not in names:
        raise FormatError(f"{path}: IDX holds {', '.join(names)}, not {array.dtype.name}")
    if array.ndim > MAX_AXES or any(length > _MAX_LENGTH for length in array.shape):
        raise FormatError(f"{path}: at most {MAX_AXES} axes are supported, got {array.shape}")
    key, code = names[array.dtype.name]
    header = bytes([0, 0, key, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    items = np.ascontiguousarray(array, code)
    with replace_file(path) as file:
        if not compress:
            file.write(header)
            file.write(items.data)
            return
        # Without name and time, equal arrays give equal files. On MNIST's images, level 9 takes
        # ten times as long as level 6 and saves 2 % of the bytes.
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as packer:
            packer.write(header)
            packer.write(items.data)


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[io.BufferedIOBase, int, bool]]:
    """Yield (stream of IDX bytes, size of the file on disk, whether it is gzipped)."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        packed = file.read(2) == GZIP
        file.seek(0)
        if not packed:
            yield file, size, False
            return
        try:
            with gzip.GzipFile(fileobj=file) as stream:
                yield stream, size, True
        except EOFError:
            raise FormatError(f"{path}: truncated gzip data; fetch the file again") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise FormatError(f"{path}: damaged gzip data ({error})") from None


def _checked_header(stream: io.BufferedIOBase, size: int, packed: bool, path: Path) -> IdxHeader:
    """Read the header and reject a size that the file cannot have."""
    header = _read_header(stream, path)
    if packed:
        if header.end > min(MAX_UNPACKED, size * DEFLATE_RATIO):
            raise FormatError(
                f"{path}: its header promises {header} ({header.end:,} bytes), more than "
                f"{size:,} gzipped bytes can be trusted with"
            )
    elif size < header.end:
        raise _truncated(path, header, size)
    elif size > header.end:
        raise FormatError(
            f"{path}: surplus data: its header promises {header} ({header.end:,} bytes), "
            f"the file has {size:,}"
        )
    return header


def _read_header(stream: io.BufferedIOBase, path: Path) -> IdxHeader:
    magic = stream.read(4)
    if not magic:
        raise FormatError(f"{path}: the file is empty; expected IDX data")
    if len(magic) == 4 and magic[2:] == b"\0\0" and magic[1] in TYPES:
        raise FormatError(f"{path}: a little-endian IDX header; IDX is big-endian")
    if magic[:2] != b"\0\0"[: len(magic)]:
        kind = kind_of(magic + stream.read(508))
        raise FormatError(f"{path}: not IDX (wrong magic number): it looks like {kind}")
    if len(magic) < 4:
        raise FormatError(f"{path}: truncated IDX header: {len(magic)} bytes of 4")
    code, axes = magic[2:]
    if code not in TYPES:
        known = ", ".join(f"0x{key:02x}" for key in TYPES)
        raise FormatError(f"{path}: unknown IDX type 0x{code:02x}; IDX has {known}")
    if axes > MAX_AXES:
        raise FormatError(f"{path}: its IDX header has {axes} axes; at most {MAX_AXES} are read")
    lengths = stream.read(4 * axes)
    if len(lengths) < 4 * axes:
        raise FormatError(
            f"{path}: truncated IDX header: {4 + len(lengths)} bytes of {4 + 4 * axes}"
        )
    return IdxHeader(np.dtype(TYPES[code]), tuple(np.frombuffer(lengths, ">u4").tolist()))


def _truncated(path: Path, header: IdxHeader, size: int) -> FormatError:
    swapped = tuple(int.from_bytes(n.to_bytes(4, "big"), "little") for n in header.shape)
    if IdxHeader(header.dtype, swapped).end == size:
        return FormatError(f"{path}: little-endian lengths in its IDX header; IDX is big-endian")
    return FormatError(
        f"{path}: truncated: its header promises {header} ({header.end:,} bytes), "
        f"there are {size:,}"
    )


def idx_name(part: Part, content: Content) -> str:
    """Return the canonical name: `idx_name("test", "labels")` is t10k-labels-idx1-ubyte."""
    return f"{PREFIX[part]}-{content}-idx{AXES[content]}-ubyte"


def idx_file(place: Path, part: Part, content: Content) -> Path | None:
    """Return the file with `content` of `part` in a folder, under any of its usual names.

    Canonical names come first, then those with the prefix of another collection. Where there are
    several, that of digits (emnist-digits-) counts, unless `place` is one of the files.
    """
    folder, prefix = place, None
    if place.is_file():
        match = _OTHER_NAME.fullmatch(place.name)
        folder, prefix = place.parent, match["prefix"] if match else ""
    if not prefix:
        name = idx_name(part, content)
        for stem in (name, name.replace("-idx", ".idx")):
            for suffix in ("", ".gz"):
                if (folder / (stem + suffix)).is_file():
                    return folder / (stem + suffix)
    if not folder.is_dir():
        return None
    named = [(_OTHER_NAME.fullmatch(file.name), file) for file in sorted(folder.iterdir())]
    known = [(match, file) for match, file in named if match and file.is_file()]
    prefixes = {match["prefix"] for match, _ in known}
    if prefix is not None:
        prefixes = {prefix}
    elif len(prefixes) > 1:
        prefixes = {each for each in prefixes if each.endswith("digits-")}
    words = {"train"} if part == "train" else {"t10k", "test"}
    return next(
        (
            file
            for match, file in known
            if match["content"].startswith(content)
            and match["part"] in words
            and prefixes == {match["prefix"]}
        ),
        None,
    )


def without_origin(labels: ndarray) -> ndarray:
    """Return the digits of QMNIST's n x 8 int32 labels, and other labels as they are."""
    is_qmnist = labels.ndim == 2 and labels.dtype == np.int32 and labels.shape[1] == QMNIST_COLUMNS
    return labels[:, 0] if is_qmnist else labels


def idx_parts(place: Path) -> tuple[Part, ...]:
    """Return the parts whose images exist in a folder, or beside one of the files."""
    return tuple(part for part in PARTS if idx_file(place, part, "images"))


def read_idx_folder(place: Path, part: Part, name: str) -> Dataset:
    """Read the two files of `part`. Raises `FormatError` naming a missing or damaged file."""
    paths = [idx_file(place, part, content) for content in AXES]
    for content, path in zip(AXES, paths, strict=True):
        if path is None:
            raise FormatError(f"{place}: no file {idx_name(part, content)} (plain or .gz)")
    images_path, labels_path = (path for path in paths if path)
    images = read_idx(images_path)
    try:
        check_images(images, name)
        if images.ndim != 3:
            raise DataError("expected images of n x h x w uint8")
    except DataError as error:
        raise FormatError(f"{images_path}: {error}") from None
    return idx_labels(read_idx(labels_path), labels_path).dataset(images, name, str(labels_path))


def idx_labels(labels: ndarray, path: Path) -> Labels:
    """Return the labels of an IDX file, which may be QMNIST's n x 8 or EMNIST's.

    Raises `FormatError` naming `path` unless they are n integers, or n x 8 int32.
    """
    names = dict(enumerate(DIGITS)) if labels.ndim == 2 else emnist_names(path)
    labels = without_origin(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise FormatError(
            f"{path}: labels must be n whole numbers, or n x {QMNIST_COLUMNS} int32 as QMNIST's, "
            f"got {labels.dtype} of shape {labels.shape}"
        )
    return as_labels(labels, str(path), names)


def write_idx_folder(folder: Path, train: Dataset, test: Dataset, compress: bool = False) -> None:
    """Write the four files, gzipped and with the suffix `.gz` if `compress`.

    Raises `UsageError` for classes with names, which IDX cannot hold.
    """
    if not is_numbered(train.classes):
        raise UsageError(
            f"IDX files hold no names of classes ({brief(', '.join(train.classes))}): export as "
            "npz or png instead"
        )
    suffix = ".gz" if compress else ""
    for part, data in zip(PARTS, (train, test), strict=True):
        write_idx(folder / (idx_name(part, "images") + suffix), data.images, compress)
        write_idx(folder / (idx_name(part, "labels") + suffix), data.labels, compress)
