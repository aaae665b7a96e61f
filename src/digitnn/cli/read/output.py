"""How readings are printed: as text for people, as JSON or CSV for programs, one by one.

Each function prints entries as they come, and returns whether every picture could be read.
"""

import csv
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from digitnn.cli.console import complain
from digitnn.data.dataset import NO_DIGIT
from digitnn.errors import PictureError
from digitnn.reader.reader import Digit, Reading

UNSURE = 0.8
"""Digits that are read with less confidence are pointed out to people."""

MARK = ("line", "place", "digit", "confidence", "left", "top", "right", "bottom")
COLUMNS = ("path", "page", *MARK, "error")


@dataclass(frozen=True)
class PictureResult:
    """What became of a picture. page: None where there is only one."""

    path: str
    page: int | None
    found: Reading | PictureError


def print_json(entries: Iterable[PictureResult]) -> bool:
    """One object on stdout, a line for each picture."""
    whole, separator = True, "\n"
    sys.stdout.write('{"schema": 1, "pictures": [')
    for entry in entries:
        sys.stdout.write(separator + json.dumps(_to_json(entry), allow_nan=False))
        sys.stdout.flush()
        whole, separator = whole and isinstance(entry.found, Reading), ",\n"
    sys.stdout.write("\n]}\n")
    return whole


def print_csv(entries: Iterable[PictureResult]) -> bool:
    """A heading, then a row a mark; one without a digit for a picture without marks.

    line and place count from 1; a refused mark has "?" for its digit.
    """
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(COLUMNS)
    whole = True
    for entry in entries:
        start = [entry.path, entry.page]
        if isinstance(entry.found, PictureError):
            table.writerow([*start, *[None] * len(MARK), one_line(entry.found)])
            whole = False
        elif not entry.found.digits:
            table.writerow([*start, *[None] * len(MARK), None])
        else:
            for (line, place), digit in zip(_places(entry.found), entry.found.digits, strict=True):
                sign = "?" if digit.digit is None else digit.digit
                confidence = _rounded(digit.confidence)
                table.writerow([*start, line, place, sign, confidence, *digit.box, None])
        sys.stdout.flush()
    return whole


def print_text(entries: Iterable[PictureResult]) -> bool:
    """`path: text`, several lines of it indented below; errors on stderr, one line each."""
    whole = True
    for entry in entries:
        name = entry.path + (f", page {entry.page}" if entry.page else "")
        if isinstance(entry.found, PictureError):
            complain(one_line(entry.found))
            whole = False
            continue
        sys.stdout.write(f"{name}:{_layout(entry.found)}\n")
        sys.stdout.flush()
    return whole


def one_line(error: PictureError) -> str:
    """Its message, even if a file's name holds a line break."""
    return " ".join(str(error).split())


def _to_json(entry: PictureResult) -> dict[str, Any]:
    page = {"page": entry.page} if entry.page else {}
    if isinstance(entry.found, PictureError):
        return {
            "path": entry.path,
            **page,
            "text": "",
            "digits": [],
            "error": one_line(entry.found),
        }
    digits = [
        {
            "digit": digit.digit,
            "confidence": _rounded(digit.confidence),
            "box": list(digit.box),
        }
        for digit in entry.found.digits
    ]
    return {"path": entry.path, **page, "text": entry.found.text, "digits": digits, "error": None}


def _rounded(confidence: float) -> float:
    return round(confidence, 6)


def _places(reading: Reading) -> list[tuple[int, int]]:
    """(line, place in it) of each mark, from 1."""
    lines = reading.text.replace(" ", "").split("\n")
    return [(n, place) for n, line in enumerate(lines, 1) for place in range(1, len(line) + 1)]


def _layout(reading: Reading) -> str:
    if not reading.digits:
        return "  (no digits)"
    lines = reading.text.split("\n")
    text = f" {lines[0]}" if len(lines) == 1 else "".join(f"\n  {line}" for line in lines)
    hints = [hint for digit in reading.digits if (hint := _hint(digit))]
    if not hints:
        return text
    shown = "; ".join(hints[:3]) + (f"; and {len(hints) - 3} more" if len(hints) > 3 else "")
    return f"{text}  ({shown})" if len(lines) == 1 else f"{text}\n  ({shown})"


def _hint(digit: Digit) -> str:
    share = f"{100 * digit.confidence:.0f} %"
    if digit.digit is not None:
        return f"{digit.digit} is not sure: {share}" if digit.confidence < UNSURE else ""
    if (nothing := float(digit.probabilities[NO_DIGIT])) > digit.confidence:
        return f"? is no digit: {100 * nothing:.0f} %"
    return f"? is not clear: most like {digit.likeliest}, {share}"
