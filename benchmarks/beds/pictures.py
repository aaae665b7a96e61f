"""How accurate is the reader on a folder of pictures whose content a manifest lists?

manifest.csv has the columns file, content and kind. The content is the digits from left to right,
with "|" for a new line and a space for a wide gap; it is empty if there is no digit. A picture of
at most one digit is read as by `digitnn read --single`, any other as by `digitnn read`; with
--default all are. A score compares whole texts, another the digits of each line, for manifests that
list digits only.

    python -m benchmarks.beds.pictures FOLDER [--default] [--model RUN] [--json] [--misread PNG]
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
from PIL import Image, ImageDraw

from benchmarks.beds.scoring import Answer, format_summary, summarise_answers
from benchmarks.measuring import print_result
from digitnn.errors import PictureError
from digitnn.reader.input.opening import open_picture
from digitnn.reader.reader import Reader

COLUMNS = ("file", "content", "kind")


@dataclass(frozen=True)
class ManifestEntry:
    """A row of the manifest, with newlines for "|" in its content."""

    path: Path
    content: str
    kind: str


def read_manifest(folder: Path) -> list[ManifestEntry]:
    """Return the manifest's entries. Raises `SystemExit` with one line if it is unusable."""
    manifest = folder / "manifest.csv"
    try:
        with manifest.open(newline="", encoding="utf-8") as file:
            table = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise SystemExit(f"{manifest}: expected columns {', '.join(missing)} as well")
            return [
                ManifestEntry(folder / r["file"], r["content"].replace("|", "\n"), r["kind"])
                for r in table
            ]
    except OSError as error:
        raise SystemExit(f"{manifest}: cannot be read ({error.strerror})") from None


def read_pictures(
    reader: Reader, listed: Sequence[ManifestEntry], default: bool = False
) -> list[Answer]:
    """Read each picture in order; the text of one that cannot be opened is empty.

    default: whether pictures of at most one digit are read like all others.
    """
    found: list[Answer] = []
    for entry in listed:
        single = not default and len(entry.content) <= 1
        try:
            text = reader.read(entry.path, single=single).text
        except PictureError:
            text = ""
        found.append(Answer(entry.content, text))
    return found


def rows_by(keys: Sequence[str], found: Sequence[Answer]) -> dict[str, Any]:
    """Summarise the answers of each key, in alphabetical order.

    "digits": how many agree if only the digits of each line are compared.
    """
    groups: dict[str, list[Answer]] = defaultdict(list)
    for key, answer in zip(keys, found, strict=True):
        groups[key].append(answer)
    return {
        key: {**summarise_answers(group), "digits": sum(answer.digits_correct for answer in group)}
        for key, group in sorted(groups.items())
    }


def score(
    reader: Reader, folder: Path, listed: Sequence[ManifestEntry], default: bool = False
) -> tuple[dict[str, Any], list[Answer]]:
    """Return summaries by the manifest's kinds and by the files' folders, and the answers."""
    found = read_pictures(reader, listed, default)
    folders = [entry.path.relative_to(folder).parent.as_posix() for entry in listed]
    result = {
        "schema": 1,
        "folder": folder.name,
        "default": default,
        "min_confidence": reader.min_confidence,
        "kinds": rows_by([entry.kind for entry in listed], found),
        "folders": rows_by(folders, found),
        "misread": [
            {"file": e.path.relative_to(folder).as_posix(), "content": a.truth, "text": a.text}
            for e, a in zip(listed, found, strict=True)
            if not a.correct
        ],
    }
    return result, found


def contact_sheet(
    pictures: Sequence[ndarray], captions: Sequence[str] = (), columns: int = 10, cell: int = 96
) -> Image.Image:
    """Fit each picture into a square of `cell` pixels, row by row, with its caption below."""
    below = 14 if captions else 0
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * cell, rows * (cell + below)), (90, 90, 110))
    pen = ImageDraw.Draw(sheet)
    for at, pixels in enumerate(pictures):
        y, x = divmod(at, columns)
        image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
        scale = (cell - 4) / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
        sheet.paste(image.resize(size, method), (x * cell + 2, y * (cell + below) + 2))
        if captions:
            pen.text((x * cell + 3, y * (cell + below) + cell), captions[at], fill=(255, 255, 120))
    return sheet


def _grey(path: Path) -> ndarray:
    try:
        return open_picture(path).grey
    except PictureError:
        return np.full((28, 28), 128, np.uint8)


def main() -> None:
    """Score the folder; print rows or JSON; draw the misread pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", type=Path, metavar="RUN")
    parser.add_argument("--min-confidence", type=float, metavar="P")
    parser.add_argument("--json", action="store_true", help="print JSON on one line only")
    parser.add_argument("--misread", type=Path, metavar="PNG", help="draw a contact sheet")
    parser.add_argument(
        "--default", action="store_true", help="read pictures of one digit without --single too"
    )
    options = parser.parse_args()
    reader = Reader.load(options.model, options.min_confidence)
    listed = read_manifest(options.folder)
    result, found = score(reader, options.folder, listed, options.default)
    if options.misread:
        wrong = [(e, a) for e, a in zip(listed, found, strict=True) if not a.correct]
        captions = [f"{a.truth} > {a.text}".replace("\n", "|") for _, a in wrong]
        contact_sheet([_grey(e.path) for e, _ in wrong], captions, cell=120).save(options.misread)
    if options.json:
        print_result(result, compact=True)
        return
    for part in ("folders", "kinds"):
        for name, found_row in result[part].items():
            digits = f"digits alone {found_row['digits']}"
            print(f"{format_summary(f'{part[:-1]} {name}', found_row)}  {digits}")


if __name__ == "__main__":
    main()
