"""The names of EMNIST's classes: from its mapping files, or from the name of its files.

    emnist-balanced-mapping.txt     label and ASCII code of the character: "0 48" to "46 116"
    emnist-letters-mapping.txt      label and the codes of both cases: "1 65 97" to "26 90 122"

The same table is the field `mapping` of its MATLAB files. Where the text is missing, the published
classes of the split in the name are used (Cohen et al. 2017, "EMNIST", table II). Letters that
merge both cases are named by the small one.
"""

import re
from pathlib import Path

import numpy as np
from numpy import ndarray

from digitnn.errors import FormatError

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CAPITALS = _LETTERS.upper()
_DIGITS = "0123456789"
_MERGED = f"{_DIGITS}{_CAPITALS}abdefghnqrt"
_CLASSES = {
    "digits": _DIGITS,
    "mnist": _DIGITS,
    "balanced": _MERGED,
    "bymerge": _MERGED,
    "byclass": f"{_DIGITS}{_CAPITALS}{_LETTERS}",
}
_NAME = re.compile(r"(emnist-(letters|digits|mnist|balanced|bymerge|byclass))", re.IGNORECASE)
_MAX_MAPPING_BYTES = 1 << 16


def emnist_names(path: Path) -> dict[int, str] | None:
    """Return the class of each label of a file named as EMNIST's; None for other names.

    Raises `FormatError` for a mapping file next to it that is none.
    """
    match = _NAME.search(path.name)
    if match is None:
        return None
    beside = path.with_name(f"{match[1]}-mapping.txt")
    if beside.is_file():
        return _read_mapping(beside)
    if match[2].lower() == "letters":
        return dict(enumerate(_LETTERS, start=1))
    return dict(enumerate(_CLASSES[match[2].lower()]))


def names_from_table(table: ndarray, source: str) -> dict[int, str]:
    """Return the names in rows of a label and one or two character codes."""
    if table.ndim != 2 or table.shape[1] not in (2, 3) or not len(table):
        raise FormatError(
            f"{source}: expected rows of a label and one or two character codes, got {table.shape}"
        )
    codes = table[:, -1]
    if table.dtype.kind not in "iuf" or (codes < 33).any() or (codes > 126).any():
        raise FormatError(f"{source}: expected character codes from 33 to 126")
    names = {int(row[0]): chr(int(row[-1])) for row in table}
    if len(names) < len(table) or len(set(names.values())) < len(table):
        raise FormatError(f"{source}: a label or a character occurs twice")
    return names


def _read_mapping(path: Path) -> dict[int, str]:
    try:
        rows = [line.split() for line in path.read_bytes()[:_MAX_MAPPING_BYTES].splitlines()]
        table = np.array([[int(cell) for cell in row] for row in rows if row])
    except ValueError:
        raise FormatError(
            f"{path}: expected lines of a label and character codes, such as 10 65"
        ) from None
    return names_from_table(table, str(path))
