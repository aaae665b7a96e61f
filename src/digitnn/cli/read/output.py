"""Print the results of `digitnn read`: as text for people, as JSON or CSV for programs.

Each function prints results as they arrive, and returns whether every picture could be read.
"""

import csv
import sys
from collections.abc import Iterable, Iterator

from digitnn.cli.console import complain, printable
from digitnn.errors import PictureError
from digitnn.reader.reader import MIN_SURE_CONFIDENCE, Reading
from digitnn.reader.results import PictureResult, json_parts, one_line, result_to_json, to_line

DIGIT_COLUMNS = ("line", "place", "digit", "confidence", "left", "top", "right", "bottom")
READING_COLUMNS = ("path", "page", *DIGIT_COLUMNS, "error")


def print_as_json(results: Iterable[PictureResult]) -> bool:
    """Print one JSON object with one line for each picture."""
    whole = True

    def lines() -> Iterator[str]:
        nonlocal whole
        for result in results:
            yield to_line(result_to_json(result))
            whole = whole and isinstance(result.found, Reading)

    for part in json_parts(lines()):
        sys.stdout.write(part)
        sys.stdout.flush()
    return whole


def print_as_csv(results: Iterable[PictureResult]) -> bool:
    """Print a header and a row for each digit, or one empty row for a picture without digits.

    line and place count from 1; the digit is "?" if rejected.
    """
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(READING_COLUMNS)
    whole = True
    for result in results:
        start, found = [result.path, result.page], result.found
        if isinstance(found, PictureError):
            table.writerow([*start, *[None] * len(DIGIT_COLUMNS), one_line(found)])
            whole = False
        elif not found.digits:
            table.writerow([*start, *[None] * len(DIGIT_COLUMNS), None])
        else:
            for place, digit in zip(_places(found), found.digits, strict=True):
                confidence = round(digit.confidence, 6)
                table.writerow([*start, *place, digit.character, confidence, *digit.box, None])
        sys.stdout.flush()
    return whole


def print_as_text(results: Iterable[PictureResult]) -> bool:
    """Print `path: text`, with several lines indented below; errors go to stderr, one line each."""
    whole = True
    for result in results:
        name = printable(result.path) + (f", page {result.page}" if result.page else "")
        if isinstance(result.found, PictureError):
            complain(one_line(result.found))
            whole = False
            continue
        sys.stdout.write(f"{name}:{_layout(result.found)}\n")
        sys.stdout.flush()
    return whole


def _places(reading: Reading) -> list[tuple[int, int]]:
    """Return (line, place in the line) of each digit, from 1."""
    lines = reading.text.replace(" ", "").split("\n")
    return [(n, place) for n, line in enumerate(lines, 1) for place in range(1, len(line) + 1)]


def _layout(reading: Reading) -> str:
    if not reading.digits:
        return "  (no digits)"
    lines = reading.text.split("\n")
    text = f" {lines[0]}" if len(lines) == 1 else "".join(f"\n  {line}" for line in lines)
    unsure = [
        digit.verdict
        for digit in reading.digits
        if not digit.symbol and (digit.digit is None or digit.confidence < MIN_SURE_CONFIDENCE)
    ]
    unsure = [note for note in reading.notes if "turning" in note] + unsure
    if not unsure:
        return text
    shown = "; ".join(unsure[:3]) + (f"; and {len(unsure) - 3} more" if len(unsure) > 3 else "")
    return f"{text}  ({shown})" if len(lines) == 1 else f"{text}\n  ({shown})"
