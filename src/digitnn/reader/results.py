"""The result of reading a file, page by page, and its form in JSON.

`digitnn read --json` and `POST /v1/read` give the same bytes for the same picture.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from digitnn.errors import PictureError
from digitnn.reader.input.opening import Picture, PictureSource
from digitnn.reader.input.pages import pages_of
from digitnn.reader.reader import Digit, Reader, Reading


@dataclass(frozen=True)
class PictureResult:
    """The outcome for one picture, or for one page of a document (page: from 1, else None)."""

    path: str
    page: int | None
    found: Reading | PictureError


Draw: TypeAlias = Callable[[int | None, Picture, Reading], None]
"""Makes drawings of a page, given its number as in `PictureResult`."""


def read_pages(
    reader: Reader, source: PictureSource, path: str, single: bool, draw: Draw | None = None
) -> Iterator[PictureResult]:
    """Yield the result of each page of a picture or document that is called `path`."""
    try:
        pages = pages_of(source, reader.limits)
    except PictureError as error:
        yield PictureResult(path, None, error)
        return
    for page in pages:
        number = page.number if page.count > 1 else None
        try:
            picture = page.open()
            reading = reader.read_picture(picture, single)
        except PictureError as error:
            yield PictureResult(path, number, error)
            continue
        if draw:
            draw(number, picture, reading)
        yield PictureResult(path, number, reading)


def json_parts(lines: Iterable[str]) -> Iterator[str]:
    """Yield the parts of one JSON object from the line of each picture, see `to_line`."""
    yield '{"schema": 1, "pictures": ['
    separator = "\n"
    for line in lines:
        yield separator + line
        separator = ",\n"
    yield "\n]}\n"


def to_line(picture: dict[str, Any]) -> str:
    """Return what `result_to_json` gives on one line."""
    return json.dumps(picture, allow_nan=False)


def result_to_json(result: PictureResult) -> dict[str, Any]:
    """Return the JSON object of one result; a digit is null if it is rejected."""
    page = {"page": result.page} if result.page else {}
    if isinstance(result.found, PictureError):
        error = one_line(result.found)
        return {"path": result.path, **page, "text": "", "digits": [], "notes": [], "error": error}
    found = result.found
    digits = [digit_to_json(digit) for digit in found.digits]
    outcome = {"text": found.text, "digits": digits, "notes": list(found.notes), "error": None}
    return {"path": result.path, **page, **outcome}


def digit_to_json(d: Digit) -> dict[str, Any]:
    """Return the JSON object of one digit or symbol."""
    found = {"digit": d.digit, "confidence": round(d.confidence, 6), "box": list(d.box)}
    return found | ({"symbol": d.symbol} if d.symbol else {})


def one_line(error: PictureError) -> str:
    """Return its message without the line breaks that a file name may contain."""
    return " ".join(str(error).split())
