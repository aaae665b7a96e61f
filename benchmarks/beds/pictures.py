"""How well are the pictures of a folder read that a manifest tells the truth about?

manifest.csv has the columns file, content (digits from left to right, "|" is the next line, a space
a wide gap, nothing where there is no digit) and kind. A picture whose content is one digit or none
is read as `digitnn read --single` does, any other as `digitnn read`.

    python -m benchmarks.beds.pictures FOLDER [--model RUN] [--json] [--misread OUT.png]
"""

import argparse
import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from benchmarks.beds.scoring import Answer, line, row
from benchmarks.beds.sheets import contact_sheet
from benchmarks.measuring import print_result
from digitnn.errors import PictureError
from digitnn.reader.input.opening import open_picture
from digitnn.reader.reader import Reader

COLUMNS = ("file", "content", "kind")


@dataclass(frozen=True)
class Entry:
    """A line of the manifest; content with newlines for "|"."""

    path: Path
    content: str
    kind: str


def entries(folder: Path) -> list[Entry]:
    """What the manifest lists. Ends the program in one line where it cannot be used."""
    manifest = folder / "manifest.csv"
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise SystemExit(f"{manifest}: expected columns {', '.join(missing)} as well")
            return [
                Entry(folder / r["file"], r["content"].replace("|", "\n"), r["kind"]) for r in table
            ]
    except OSError as error:
        raise SystemExit(f"{manifest}: cannot be read ({error.strerror})") from None


def answers(reader: Reader, listed: Sequence[Entry]) -> list[Answer]:
    """What the reader makes of each picture, in order; one that cannot be opened is nothing."""
    found: list[Answer] = []
    for entry in listed:
        try:
            text = reader.read(entry.path, single=len(entry.content) <= 1).text
        except PictureError:
            text = ""
        found.append(Answer(entry.content, text))
    return found


def rows_by(keys: Sequence[str], found: Sequence[Answer]) -> dict[str, Any]:
    """A row for each key, in the order of the alphabet."""
    groups: dict[str, list[Answer]] = defaultdict(list)
    for key, answer in zip(keys, found, strict=True):
        groups[key].append(answer)
    return {key: row(group) for key, group in sorted(groups.items())}


def score(
    reader: Reader, folder: Path, listed: Sequence[Entry]
) -> tuple[dict[str, Any], list[Answer]]:
    """Rows by the manifest's kinds and by the folders the files lie in; the answers."""
    found = answers(reader, listed)
    folders = [entry.path.relative_to(folder).parent.as_posix() for entry in listed]
    result = {
        "schema": 1,
        "folder": folder.name,
        "min_confidence": reader.min_confidence,
        "kinds": rows_by([entry.kind for entry in listed], found),
        "folders": rows_by(folders, found),
        "misread": [
            {"file": e.path.relative_to(folder).as_posix(), "content": a.truth, "text": a.text}
            for e, a in zip(listed, found, strict=True)
            if not a.right
        ],
    }
    return result, found


def _grey(path: Path) -> ndarray:
    try:
        return open_picture(path).grey
    except PictureError:
        return np.full((28, 28), 128, np.uint8)


def main() -> None:
    """Score the folder; print rows, or JSON; draw what was misread."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, metavar="RUN")
    parser.add_argument("--min-confidence", type=float, metavar="P")
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--misread", type=Path, metavar="OUT.png", help="a sheet to look at")
    options = parser.parse_args()
    reader = Reader.load(options.model, options.min_confidence)
    listed = entries(options.folder)
    result, found = score(reader, options.folder, listed)
    if options.misread:
        wrong = [(e, a) for e, a in zip(listed, found, strict=True) if not a.right]
        captions = [f"{a.truth} > {a.text}".replace("\n", "|") for _, a in wrong]
        contact_sheet([_grey(e.path) for e, _ in wrong], captions, cell=120).save(options.misread)
    if options.json:
        print_result(result, compact=True)
        return
    for part in ("folders", "kinds"):
        for name, found_row in result[part].items():
            print(line(f"{part[:-1]} {name}", found_row))


if __name__ == "__main__":
    main()
