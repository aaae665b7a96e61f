"""Digits as comma-separated values: a row per image, 784 pixels and a label.

The file is read block by block; memory holds its images as uint8 and one block of text. A row that
the fast parser cannot take is read again cell by cell, which finds the fault and names its place.
Axes: n images.
"""

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.dataset import CLASSES, SIDE, Dataset
from digitnn.data.formats.magic import MAX_UNPACKED
from digitnn.data.formats.text_blocks import TextFile, first_line, text_blocks
from digitnn.data.formats.values import PIXELS
from digitnn.errors import FormatError

_LABEL_NAMES = ("label", "labels", "class", "target", "digit", "y")
_NUMBER = re.compile(rb"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*")
_MAX_SHOWN = 20
_COMMA, _NEWLINE, _ZERO, _NINE = b",\n09"
_SAMPLE_ROWS = 1000


@dataclass(frozen=True)
class Layout:
    """The columns of a table. names: of the header, if it has one; label: None if there is none."""

    names: tuple[str, ...] | None
    n_columns: int
    label: int | None

    def title(self, column: int) -> str:
        """Return the name of a column: the header's, or "label", or "pixel 17"."""
        if self.names:
            return self.names[column]
        if column == self.label:
            return "label"
        return f"pixel {column - (self.label is not None and self.label < column)}"


def read_layout(text: TextFile) -> Layout:
    """Return the columns, from the first block. Raises `FormatError` for an unknown number."""
    cells = first_line(text).replace(b'"', b"").split(b",")
    names = None
    if not all(_NUMBER.fullmatch(cell) for cell in cells if cell.strip()):
        names = tuple(cell.decode("utf-8", "replace").strip() for cell in cells)
    n = len(cells)
    if n not in (PIXELS, PIXELS + 1):
        held = f"{n:,} column" + ("" if n == 1 else "s")
        raise FormatError(
            f"{text}: line 1 has {held}; expected {PIXELS + 1} (a label and {PIXELS} pixels) or "
            f"{PIXELS} without labels, separated by commas"
        )
    if n == PIXELS:
        return Layout(names, n, None)
    if names is None:
        return Layout(None, n, _label_column(text))
    known = [column for column, name in enumerate(names) if name.lower() in _LABEL_NAMES]
    if len(known) != 1:
        shown = ", ".join(map(ascii, (names[0], names[1], names[-1])))
        raise FormatError(
            f"{text}: line 1 must name one label column {', '.join(_LABEL_NAMES)}; got {shown}"
        )
    return Layout(names, n, known[0])


def _label_column(text: TextFile) -> int:
    """Return the first column, or the last where only that one looks like labels.

    The corner pixels of MNIST are 0 in every image: a constant column holds no labels.
    """
    block = next(block for block in text_blocks(text) if block.strip())
    rows = [line.split(b",") for line in block.split(b"\n")[:_SAMPLE_ROWS]]
    digits = {str(digit).encode() for digit in range(CLASSES)}
    first, last = ({row[n].strip(b' "') for row in rows if len(row) > PIXELS} for n in (0, -1))
    last_fits = last <= digits and len(last) > 1
    return PIXELS if last_fits and (not first <= digits or len(first) == 1) else 0


def read_csv(text: TextFile, name: str) -> Dataset:
    """Read the images and labels of a table.

    Raises `FormatError` naming file, line and column for what is no pixel or label, and where
    labels are missing.
    """
    layout = read_layout(text)
    if layout.label is None:
        raise FormatError(
            f"{text}: no labels: {layout.n_columns} columns and no label column, as in Kaggle's "
            f"test.csv; training and evaluation need {PIXELS + 1} columns"
        )
    pixels, labels, line = bytearray(), bytearray(), 1
    skip_header = layout.names is not None
    for block in text_blocks(text):
        n_lines = block.count(b"\n")
        at = line
        if skip_header and block.strip():
            blank = len(block) - len(block.lstrip(b"\n"))
            at += blank + 1
            block, skip_header = block[block.index(b"\n", blank) + 1 :], False
        cells = _parse_block(block, layout.n_columns)
        if cells is None:
            cells = _parse_lines(block, layout, text, at)
        column = cells[:, layout.label]
        if (column >= CLASSES).any():
            raise _label_error(block, int(np.argmax(column >= CLASSES)), layout, text, at)
        labels += column.tobytes()
        pixels += np.delete(cells, layout.label, axis=1).tobytes()
        if len(pixels) > MAX_UNPACKED:
            raise FormatError(f"{text}: more than {MAX_UNPACKED:,} pixels")
        line += n_lines
    if not labels:
        raise FormatError(f"{text}: no rows below the header")
    images = np.frombuffer(pixels, np.uint8).reshape(-1, SIDE, SIDE)
    return Dataset(images, np.frombuffer(labels, np.uint8), name)


def count_rows(text: TextFile, header: bool = False) -> int:
    """Return the number of lines that are not blank, without the header."""
    lines = sum(sum(map(bool, block.split(b"\n"))) for block in text_blocks(text))
    return lines - header


def _parse_block(block: bytes, n_columns: int) -> UInt8[ndarray, "n columns"] | None:
    """Return the cells of a block if each is one to three decimal digits up to 255; else None."""
    codes = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero((codes < _ZERO) | (codes > _NINE))
    if not len(ends) or len(ends) % n_columns:
        return None
    stops = codes[ends].reshape(-1, n_columns)
    if (stops[:, -1] != _NEWLINE).any() or (stops[:, :-1] != _COMMA).any():
        return None
    lengths = np.diff(ends, prepend=-1) - 1
    if lengths.min() < 1 or lengths.max() > 3:
        return None
    values = codes[ends - 1].astype(np.int16) - _ZERO
    for place, power in ((2, 10), (3, 100)):
        longer = np.flatnonzero(lengths >= place)
        values[longer] += (codes[ends[longer] - place].astype(np.int16) - _ZERO) * power
    if values.max() > 255:
        return None
    return values.astype(np.uint8).reshape(-1, n_columns)


def _parse_lines(
    block: bytes, layout: Layout, text: TextFile, line: int
) -> UInt8[ndarray, "n columns"]:
    """Return the cells of a block, read one by one; `line` is the number of its first line.

    Raises `FormatError` naming the first wrong cell.
    """
    rows = []
    for at, row in enumerate(block[:-1].split(b"\n"), start=line):
        if not row.strip():
            continue
        cells = row.replace(b'"', b"").split(b",")
        if len(cells) != layout.n_columns:
            raise FormatError(
                f"{text}: line {at} has {len(cells):,} columns; expected {layout.n_columns}, as "
                "in line 1"
            )
        try:
            values = np.array([float(cell) for cell in cells])
        except ValueError:
            values = np.array([np.nan])
        if b"_" in row:  # which Python's float accepts between digits
            values[:] = np.nan
        whole = (values >= 0) & (values <= 255) & (values == np.rint(values))
        if not whole.all():
            raise _cell_error(cells, layout, text, at)
        rows.append(values.astype(np.uint8))
    return np.stack(rows) if rows else np.empty((0, layout.n_columns), np.uint8)


def _cell_error(cells: list[bytes], layout: Layout, text: TextFile, line: int) -> FormatError:
    """Return the error for the first cell of a row that is no whole number from 0 to 255."""
    for column, cell in enumerate(cells):
        what = "a label from 0 to 9" if column == layout.label else "a whole number from 0 to 255"
        shown = ascii(cell[:_MAX_SHOWN].decode("utf-8", "replace").strip())
        hint = ""
        if not cell.strip():
            fault = "is empty"
        elif not _NUMBER.fullmatch(cell):
            fault = f"is {shown}"
        else:
            value = float(cell)
            if 0 <= value <= 255 and value == round(value):
                continue
            fault = f"is {shown}"
            hint = "; multiply scaled pixels by 255 and round" if 0 < value < 1 else ""
        return FormatError(
            f"{text}: line {line}, column {column + 1} ({layout.title(column)}) {fault}; "
            f"expected {what}{hint}"
        )
    return FormatError(f"{text}: line {line}: expected whole numbers from 0 to 255")


def _label_error(block: bytes, row: int, layout: Layout, text: TextFile, line: int) -> FormatError:
    """Return the error for the label of the row with index `row` in the block."""
    lines = [
        (at, cells) for at, cells in enumerate(block[:-1].split(b"\n"), start=line) if cells.strip()
    ]
    at, cells = lines[row]
    column = layout.label or 0
    value = cells.split(b",")[column].decode("ascii", "replace").strip(' "')
    return FormatError(
        f"{text}: line {at}, column {column + 1} ({layout.title(column)}) is {value}; labels are "
        f"0 to {CLASSES - 1}"
    )
