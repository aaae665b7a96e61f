"""LIBSVM's text format: a line per image, its label and the pixels that are not 0.

    5 153:3 154:18 155:18 ...

Pixels count from 1, or from 0 where an index 0 occurs; values are grey levels, or 0..1 in files
named "scale". The LIBSVM site's files are `mnist.bz2`, `mnist.t.bz2` (the test part) and the same
with `.scale`; others are `*.svm` or `*.libsvm`. A file may be packed with bzip2, gzip or ZIP.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from digitnn.data.dataset import MAX_CLASSES, PARTS, Dataset, Part
from digitnn.data.formats.csv_files import part_of
from digitnn.data.formats.labels import as_labels
from digitnn.data.formats.magic import MAX_UNPACKED
from digitnn.data.formats.notes import tell
from digitnn.data.formats.text_blocks import TextFile, text_blocks
from digitnn.data.formats.values import GREY_TOLERANCE, scale_sixteenths
from digitnn.errors import FormatError

_LINE = re.compile(rb"\s*[-+]?\d+(\.\d*)?(\s+\d+:[-+.\deE]+)+\s*(#.*)?")
_NAME = re.compile(
    r"(?P<stem>mnist(\.scale)?|.+\.(svm|libsvm))(?P<t>\.t)?(?P<packed>\.(bz2|gz|zip))?",
    re.IGNORECASE,
)
# Each text matches in one way only: otherwise a fault at the end of a line costs exponential time.
_PAIR = rb"\d{1,9}:[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?"
_PAIRS = re.compile(_PAIR + rb"(?: " + _PAIR + rb")*")
SIDES = (8, 16, 28, 32, 64, 128)
"""The text does not state the size of the images: the first of these that holds all pixels."""

MAX_INDEX = SIDES[-1] ** 2


@dataclass(frozen=True)
class _Row:
    """One line: its number in the file, the label, and the pixels that it names."""

    line: int
    label: int
    indices: Int[ndarray, " named"]
    values: Float[ndarray, " named"]


def find_libsvm(path: Path) -> Path | None:
    """Return `path` if its content is of this format, or a folder with files named as usual."""
    if path.is_file():
        return path if is_libsvm(path) else None
    return path if path.is_dir() and libsvm_sources(path) else None


def is_libsvm(path: Path) -> bool:
    """Return whether the first line that is no comment is a label and pixels."""
    try:
        for block in text_blocks(TextFile(path)):
            for line in block.split(b"\n"):
                if line.strip() and not line.startswith(b"#"):
                    return _LINE.fullmatch(line) is not None
    except (FormatError, OSError):
        pass
    return False


def libsvm_parts(path: Path) -> tuple[Part, ...]:
    """Return the parts that are in `path`, or in `path` and the test file next to it."""
    sources = libsvm_sources(path)
    return tuple(part for part in PARTS if part in sources)


def read_libsvm(path: Path, part: Part, name: str) -> Dataset:
    """Read `part`. Raises `FormatError` naming the file and line of what is wrong."""
    sources = libsvm_sources(path)
    if part not in sources:
        kind, example = ("test", "mnist.t.bz2") if part == "test" else ("training", "mnist.bz2")
        found = ", ".join(file.name for file in sources.values()) or "no LIBSVM file"
        raise FormatError(
            f"{path}: no {kind} part; a file such as {example} would be one, found {found}"
        )
    return _read_file(TextFile(sources[part]), name)


def libsvm_sources(path: Path) -> dict[Part, Path]:
    """Return the file of each part."""
    sources: dict[Part, Path] = {}
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if _NAME.fullmatch(file.name)]
        files = [file for file in files if file.is_file() and is_libsvm(file)]
        for part in PARTS:
            named = [file for file in files if _part_of(file.name) == part]
            if len(named) == 1:
                sources[part] = named[0]
        return sources
    part = _part_of(path.name)
    sources[part] = path
    match = _NAME.fullmatch(path.name)
    if part == "train" and match:
        names = (
            f"{match['stem']}.t{match['packed'] or ''}",
            path.name.replace("training", "test").replace("train", "test"),
        )
        for file in (path.with_name(name) for name in names if name != path.name):
            if file.is_file():
                sources["test"] = file
    return sources


def _part_of(name: str) -> Part:
    match = _NAME.fullmatch(name)
    return "test" if match and match["t"] else part_of(name) or "train"


def _read_file(text: TextFile, name: str) -> Dataset:
    """Read all rows. The first value that shows the scale decides it for the file."""
    blocks: list[UInt8[ndarray, "n width"]] = []
    labels = bytearray()
    scale: float | None = None
    lowest, highest, line, n_pixels = MAX_INDEX, 0, 1, 0
    for block in text_blocks(text):
        rows = _parse_block(block, text, line)
        line += block.count(b"\n")
        width = 1 + max((int(row.indices.max(initial=0)) for row in rows), default=0)
        images = np.zeros((len(rows), width), np.uint8)
        for n, row in enumerate(rows):
            if scale is None:
                scale = _scale_shown_by(row)
                if scale == 255:  # so far there were only 0 and 1
                    for earlier in (images[:n], *blocks):
                        earlier *= np.uint8(255)
            images[n, row.indices] = _levels(row, scale or 1.0, text)
            lowest = min(lowest, int(row.indices.min(initial=MAX_INDEX)))
        highest = max(highest, width - 1)
        blocks.append(images)
        labels += bytes(row.label for row in rows)
        n_pixels += images.size
        if n_pixels > MAX_UNPACKED:
            raise FormatError(f"{text}: more than {MAX_UNPACKED:,} pixels")
    if not labels:
        raise FormatError(f"{text}: no rows; expected lines such as 5 153:3 154:18")
    first = 0 if lowest == 0 else 1
    if lowest == 0 and highest in [side * side for side in SIDES]:
        raise FormatError(
            f"{text}: pixels from 0 to {highest}; expected 0 to {highest - 1} or 1 to {highest}"
        )
    side = next((side for side in SIDES if highest - first < side * side), None)
    if side is None:
        raise FormatError(f"{text}: pixels from 0 to {highest}; expected 0 to {MAX_INDEX - 1}")
    if side != SIDES[2]:
        tell(f"{text}: pixels up to {highest}: read as images of {side} x {side}")
    images = np.zeros((len(labels), side * side), np.uint8)
    at = 0
    for rows_ in blocks:
        images[at : at + len(rows_), : rows_.shape[1] - first] = rows_[:, first:]
        at += len(rows_)
    if scale is None:
        images *= np.uint8(255)
    if scale == 1.0:
        images = scale_sixteenths(images, str(text))
    found = as_labels(np.frombuffer(labels, np.uint8), str(text))
    return found.dataset(images.reshape(-1, side, side), name, str(text))


def _scale_shown_by(row: _Row) -> float | None:
    """Return 1 for grey levels, 255 for values up to 1; None where there are only 0 and 1."""
    if (row.values > 1).any():
        return 1.0
    return 255.0 if (row.values != np.rint(row.values)).any() else None


def _levels(row: _Row, scale: float, text: TextFile) -> UInt8[ndarray, " named"]:
    levels = row.values * scale
    whole = np.rint(levels)
    with np.errstate(invalid="ignore"):  # infinity
        fits = (np.abs(levels - whole) <= GREY_TOLERANCE) & (whole >= 0) & (whole <= 255)
    if not fits.all():
        wrong = int(np.argmin(fits))
        expected = "whole numbers from 0 to 255" if scale == 1 else "k / 255, from 0 to 1"
        raise FormatError(
            f"{text}: line {row.line}: pixel {row.indices[wrong]} is {row.values[wrong]:g}; "
            f"expected {expected}"
        )
    return whole.astype(np.uint8)


def _parse_block(block: bytes, text: TextFile, line: int) -> list[_Row]:
    """Return the rows of a block, whose first line has the number `line`."""
    rows = []
    for at, content in enumerate(block[:-1].split(b"\n"), start=line):
        tokens = content.partition(b"#")[0].split()
        if tokens:
            rows.append(_parse_line(tokens, text, at))
    return rows


def _parse_line(tokens: list[bytes], text: TextFile, line: int) -> _Row:
    label, *pairs = tokens
    try:
        digit = float(label)
    except ValueError:
        digit = -1
    if digit not in range(MAX_CLASSES):
        raise FormatError(
            f"{text}: line {line}: label {_shown(label)}; labels are whole numbers from 0 to "
            f"{MAX_CLASSES - 1}"
        )
    text_of_pairs = b" ".join(pairs)
    if pairs and not _PAIRS.fullmatch(text_of_pairs):
        wrong = next(pair for pair in pairs if not _PAIRS.fullmatch(pair))
        raise FormatError(
            f"{text}: line {line}: {_shown(wrong)}; expected pixel:value, such as 153:3"
        )
    numbers = np.fromstring(text_of_pairs.replace(b":", b" "), sep=" ") if pairs else np.empty(0)
    indices, values = numbers[::2].astype(np.int64), numbers[1::2]
    if len(indices) and indices.max() > MAX_INDEX:
        beyond = indices[indices > MAX_INDEX][0]
        raise FormatError(
            f"{text}: line {line}: pixel {beyond}; images have at most {MAX_INDEX} pixels"
        )
    return _Row(line, int(digit), indices, values)


def _shown(token: bytes) -> str:
    return ascii(token[:20].decode("utf-8", "replace"))
