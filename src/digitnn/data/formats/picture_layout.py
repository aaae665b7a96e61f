"""Where the pictures of a folder are, and how their labels are written.

    0/ .. 9/                a folder for each class
    labels.csv              beside the pictures: two columns, the file and its label
    3_17.png, scan-3.png    the label first or last in every name, after or before "_" or "-"

Each in the folder itself, which is then a training file, or in `train` or `training` and `test` or
`testing`.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from digitnn.data.dataset import CLASSES, PARTS, Part
from digitnn.data.formats.magic import head_of, kind_of
from digitnn.data.formats.pictures import is_picture
from digitnn.errors import FormatError

PART_FOLDERS: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
}
LABELS_NAME = "labels.csv"
MAX_LABELS_BYTES = 1 << 26
_CLASS_NAMES = [str(digit) for digit in range(CLASSES)]
_NAME_PATTERNS = (re.compile(r"([0-9])[_-].*"), re.compile(r".*[_-]([0-9])"))


@dataclass(frozen=True)
class Labelled:
    """A picture file and its label."""

    path: Path
    label: int


def picture_parts(folder: Path) -> tuple[Part, ...]:
    """Return the parts in `folder`; labelled pictures in the folder itself are a training file."""
    parts = tuple(part for part in PARTS if _place(folder, part))
    return parts or (("train",) if folder.is_dir() and _is_labelled(folder) else ())


def list_pictures(folder: Path, part: Part) -> list[Labelled]:
    """Return the pictures of `part`: in the order of `labels.csv`, else of their numbers.

    Raises `FormatError` for a missing part, a folder that is no class, a bad label or only one
    class.
    """
    place = _place(folder, part)
    if place is None:
        if part == "test":
            raise FormatError(
                f"{folder}: no test part; expected {folder / 'test'}/0 to {folder / 'test'}/9"
            )
        place = folder
    if _has_table(place):
        found = _from_table(place)
    elif _class_folders(place):
        found = sorted(_from_classes(place), key=_order)
    else:
        found = sorted(_from_names(place), key=_order)
    if not found:
        raise FormatError(f"{place}: no pictures in its folders 0 to 9")
    labels = {one.label for one in found}
    if len(labels) == 1:
        raise FormatError(
            f"{place}: all {len(found):,} pictures are labelled {labels.pop()}; expected at least "
            "two classes"
        )
    return found


def _place(folder: Path, part: Part) -> Path | None:
    places = (folder / name for name in PART_FOLDERS[part])
    return next((place for place in places if place.is_dir() and _is_labelled(place)), None)


def _is_labelled(place: Path) -> bool:
    if _has_table(place):
        return True
    classes = _class_folders(place)
    if classes:
        return any(is_picture(path) for one in classes for path in one.iterdir())
    return len({one.label for one in _from_names(place)}) > 1


def _has_table(place: Path) -> bool:
    """Return whether one of the first rows of `labels.csv` names a picture."""
    if not (place / LABELS_NAME).is_file():
        return False
    rows = head_of(place / LABELS_NAME, 4096).decode("utf-8", "replace").splitlines()
    return any(is_picture(Path(row.split(",")[0].strip(' "') or ".")) for row in rows)


def _class_folders(place: Path) -> list[Path]:
    return [place / name for name in _CLASS_NAMES if (place / name).is_dir()]


def _from_classes(place: Path) -> list[Labelled]:
    """Return every picture in the class folders."""
    found = []
    for folder in sorted(place.iterdir()):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        if folder.name not in _CLASS_NAMES:
            raise FormatError(f"{folder}: not a class; the folders of {place} must be 0 to 9")
        pictures = filter(is_picture, folder.iterdir())
        found += [Labelled(path, int(folder.name)) for path in pictures]
    return found


def _from_names(place: Path) -> list[Labelled]:
    """Return the pictures of `place` if one pattern finds a label in every name, else none."""
    pictures = [path for path in place.iterdir() if is_picture(path)]
    for pattern in _NAME_PATTERNS:
        matches = [pattern.fullmatch(path.stem) for path in pictures]
        if all(matches):
            return [
                Labelled(path, int(match[1]))
                for path, match in zip(pictures, matches, strict=True)
                if match
            ]
    return []


def _from_table(place: Path) -> list[Labelled]:
    """Return the pictures that `labels.csv` names, in its order."""
    table = place / LABELS_NAME
    if table.stat().st_size > MAX_LABELS_BYTES:
        raise FormatError(f"{table}: more than {MAX_LABELS_BYTES:,} bytes")
    try:
        rows = list(csv.reader(table.read_text(encoding="utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error):
        kind = kind_of(table.read_bytes()[:512])
        raise FormatError(f"{table}: no CSV text; it looks like {kind}") from None
    found = []
    for line, row in enumerate(rows, start=1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (line == 1 and cells[-1].lower() in ("label", "class", "digit")):
            continue
        if len(cells) != 2:
            raise FormatError(
                f"{table}: line {line} has {len(cells)} columns; expected 2, file and label"
            )
        name, label = cells
        if label not in _CLASS_NAMES:
            raise FormatError(
                f"{table}: line {line}, column 2 (label) is {label[:20]!a}; labels are 0 to 9"
            )
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise FormatError(f"{table}: line {line}: {name[:40]!a} is not below {place}")
        found.append(Labelled(place / name, int(label)))
    if not found:
        raise FormatError(f"{table}: no rows; expected the columns file and label")
    return found


def _order(one: Labelled) -> tuple[bool, int, str, int]:
    """Return the sort key: numbered files by number, then others by name, then the class."""
    stem = one.path.stem
    numbered = stem.isdecimal()
    return (not numbered, int(stem) if numbered else 0, stem, one.label)
