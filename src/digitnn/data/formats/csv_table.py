"""Images as comma-separated values: a row per image, a square number of pixels and a label.

The file is read block by block; memory holds its images as uint8 and one block of text. A row that
the fast parser cannot take is read again cell by cell, which finds the fault and names its place.
Axes: n images, p pixels.
"""

from dataclasses import dataclass
from math import isqrt
from time import monotonic

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.dataset import DIGITS, Dataset
from digitnn.data.formats.csv_labels import MAX_SHOWN, NUMBER, LabelColumn
from digitnn.data.formats.magic import MAX_UNPACKED
from digitnn.data.formats.notes import progress
from digitnn.data.formats.text_blocks import TextFile, first_line, text_blocks
from digitnn.data.formats.values import scale_sixteenths, square_side
from digitnn.errors import FormatError
from digitnn.wording import count

_LABEL_NAMES = ("label", "labels", "class", "target", "digit", "y")
_COMMA, _NEWLINE, _ZERO, _NINE = b",\n09"
_SAMPLE_ROWS = 1000
_SECONDS_BETWEEN_LINES = 5.0


@dataclass(frozen=True)
class Layout:
    """The columns of a table. names: of the header, if it has one; label: None if there is none."""

    names: tuple[str, ...] | None
    n_columns: int
    label: int | None

    @property
    def n_pixels(self) -> int:
        """The number of the other columns."""
        return self.n_columns - (self.label is not None)

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
    n = len(cells)
    words = [cell.strip() for cell in cells if cell.strip() and not NUMBER.fullmatch(cell)]
    names = None
    # One word alone is the label of the first row, unless it is the name of the label column
    if len(words) > 1 or any(
        word.decode("utf-8", "replace").lower() in _LABEL_NAMES for word in words
    ):
        names = tuple(cell.decode("utf-8", "replace").strip() for cell in cells)
    known = [column for column, name in enumerate(names or ()) if name.lower() in _LABEL_NAMES]
    has_pixels, has_label = square_side(n) is not None, square_side(n - 1) is not None
    if not has_pixels and not has_label:
        raise FormatError(
            f"{text}: line 1 has {count(n, 'column')}; expected a label and a square number of "
            "pixels, such as 785 columns for 28 x 28, or the pixels alone, separated by commas"
        )
    if has_pixels:
        return Layout(names, n, None)
    if names is None:
        return Layout(None, n, _label_column(text, n))
    if len(known) != 1:
        shown = ", ".join(map(ascii, (names[0], names[1], names[-1])))
        raise FormatError(
            f"{text}: line 1 must name one label column {', '.join(_LABEL_NAMES)}; got {shown}"
        )
    return Layout(names, n, known[0])


def _label_column(text: TextFile, n_columns: int) -> int:
    """Return the first column, or the last where only that one looks like labels.

    Words are labels, and so are digits in one of the columns. The corner pixels of MNIST are 0 in
    every image: a constant column holds no labels.
    """
    block = next(block for block in text_blocks(text) if block.strip())
    rows = [line.split(b",") for line in block.split(b"\n")[:_SAMPLE_ROWS]]
    digits = {digit.encode() for digit in DIGITS}
    first, last = ({row[n].strip(b' "') for row in rows if len(row) == n_columns} for n in (0, -1))
    if any(not NUMBER.fullmatch(cell) for cell in last if cell):
        return n_columns - 1
    if any(not NUMBER.fullmatch(cell) for cell in first if cell):
        return 0
    last_fits = len(last) > 1 and (last <= digits or len(first) == 1)
    return n_columns - 1 if last_fits and (not first <= digits or len(first) == 1) else 0


def read_csv(text: TextFile, name: str) -> Dataset:
    """Read the images and labels of a table.

    Raises `FormatError` naming file, line and column for what is no pixel or label, and where
    labels are missing.
    """
    layout = read_layout(text)
    if layout.label is None:
        raise FormatError(
            f"{text}: no labels: {layout.n_columns} columns and no label column, as in Kaggle's "
            f"test.csv; training and evaluation need {layout.n_columns + 1} columns"
        )
    labels = LabelColumn(text, f"column {layout.label + 1} ({layout.title(layout.label)})")
    pixels, at, read, told = bytearray(), 1, 0, monotonic()
    skip_header = layout.names is not None
    for block in text_blocks(text):
        lines = [
            (line, row) for line, row in enumerate(block[:-1].split(b"\n"), start=at) if row.strip()
        ]
        at += block.count(b"\n")
        if skip_header and lines:
            del lines[0]
            skip_header = False
        pixels += _parse(lines, layout, labels, text).tobytes()
        if len(pixels) > MAX_UNPACKED:
            raise FormatError(f"{text}: more than {MAX_UNPACKED:,} pixels")
        read += len(block)
        if monotonic() - told > _SECONDS_BETWEEN_LINES:
            told = monotonic()
            progress(f"{text}: {count(len(labels), 'image')} in {read / 1e6:,.0f} MB so far")
    if not len(labels):
        raise FormatError(f"{text}: no rows below the header")
    side = isqrt(layout.n_pixels)
    images = scale_sixteenths(np.frombuffer(pixels, np.uint8), str(text)).reshape(-1, side, side)
    return labels.labels().dataset(images, name, str(text))


def _parse(
    lines: list[tuple[int, bytes]], layout: Layout, labels: LabelColumn, text: TextFile
) -> UInt8[ndarray, "n p"]:
    """Return the pixels of some numbered lines, and add their labels."""
    label = layout.label or 0
    cells, others = [], []
    for _, row in lines:
        if label == 0:
            cell, _, rest = row.partition(b",")
        elif label == layout.n_columns - 1:
            rest, _, cell = row.rpartition(b",")
        else:
            before = row.split(b",", label + 1)
            cell = before.pop(label) if label < len(before) else b""
            rest = b",".join(before)
        cells.append(cell)
        others.append(rest)
    pixels = _parse_block(b"\n".join(others) + b"\n", layout.n_pixels) if others else None
    if pixels is None:
        pixels = _parse_lines(lines, layout, text)
    labels.add(cells, [line for line, _ in lines])
    return pixels


def count_rows(text: TextFile, header: bool = False) -> int:
    """Return the number of lines that are not blank, without the header."""
    lines = sum(sum(map(bool, block.split(b"\n"))) for block in text_blocks(text))
    return lines - header


def _parse_block(block: bytes, n_columns: int) -> UInt8[ndarray, "n p"] | None:
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
    lines: list[tuple[int, bytes]], layout: Layout, text: TextFile
) -> UInt8[ndarray, "n p"]:
    """Return the pixels of some numbered lines, read one by one.

    Raises `FormatError` naming the first wrong cell.
    """
    rows = []
    for line, row in lines:
        cells = row.replace(b'"', b"").split(b",")
        if len(cells) != layout.n_columns:
            raise FormatError(
                f"{text}: line {line} has {len(cells):,} columns; expected {layout.n_columns}, as "
                "in line 1"
            )
        if layout.label is not None:
            del cells[layout.label]
        try:
            values = np.array([float(cell) for cell in cells])
        except ValueError:
            values = np.array([np.nan])
        if b"_" in b"".join(cells):  # which Python's float accepts between digits
            values[:] = np.nan
        whole = (values >= 0) & (values <= 255) & (values == np.rint(values))
        if not whole.all():
            raise _pixel_error(cells, layout, text, line)
        rows.append(values.astype(np.uint8))
    return np.stack(rows) if rows else np.empty((0, layout.n_pixels), np.uint8)


def _pixel_error(cells: list[bytes], layout: Layout, text: TextFile, line: int) -> FormatError:
    """Return the error for the first pixel of a row that is no whole number from 0 to 255."""
    for pixel, cell in enumerate(cells):
        shown = ascii(cell[:MAX_SHOWN].decode("utf-8", "replace").strip())
        hint = ""
        if not cell.strip():
            fault = "is empty"
        elif not NUMBER.fullmatch(cell):
            fault = f"is {shown}"
        else:
            value = float(cell)
            if 0 <= value <= 255 and value == round(value):
                continue
            fault = f"is {shown}"
            hint = "; multiply scaled pixels by 255 and round" if 0 < value < 1 else ""
        column = pixel + (layout.label is not None and layout.label <= pixel)
        return FormatError(
            f"{text}: line {line}, column {column + 1} ({layout.title(column)}) {fault}; "
            f"expected a whole number from 0 to 255{hint}"
        )
    return FormatError(f"{text}: line {line}: expected whole numbers from 0 to 255")
