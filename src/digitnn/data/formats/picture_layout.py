"""Where the pictures of a folder are, and how their labels are written.

    0/ .. 9/, cat/, dog/    a folder for each class, of any names
    labels.csv              beside the pictures: two columns, the file and its label
    3_17.png, scan-3.png    a digit first or last in every name, after or before "_" or "-"

Each in the folder itself, which is then a training file, or in `train` or `training` and `test` or
`testing`.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from digitnn.data.dataset import DIGITS, PARTS, Part
from digitnn.data.formats.labels import order_classes, word_among_numbers
from digitnn.data.formats.magic import head_of, kind_of
from digitnn.data.formats.pictures import is_picture
from digitnn.errors import FormatError
from digitnn.wording import brief

PART_FOLDERS: dict[Part, tuple[str, ...]] = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
}
LABELS_NAME = "labels.csv"
MAX_LABELS_BYTES = 1 << 26
_PART_NAMES = [name for names in PART_FOLDERS.values() for name in names]
_MAX_LABEL = 64
_NAME_PATTERNS = (re.compile(r"([0-9])[_-].*"), re.compile(r".*[_-]([0-9])"))


@dataclass(frozen=True)
class Labelled:
    """A picture file and the name of its class."""

    path: Path
    label: str


def picture_parts(folder: Path) -> tuple[Part, ...]:
    """Return the parts in `folder`; labelled pictures in the folder itself are a training file."""
    parts = tuple(part for part in PARTS if _place(folder, part))
    return parts or (("train",) if folder.is_dir() and _is_labelled(folder) else ())


def list_pictures(folder: Path, part: Part) -> list[Labelled]:
    """Return the pictures of `part`: in the order of `labels.csv`, else of their numbers.

    Raises `FormatError` for a missing part, a bad label or only one class.
    """
    place = _place(folder, part)
    if place is None:
        if part == "test":
            raise FormatError(
                f"{folder}: no test part; expected {folder / 'test'}/0 to {folder / 'test'}/9, or "
                "the folders of other classes"
            )
        place = folder
    found = _labelled(place)
    if not found:
        raise FormatError(f"{place}: no pictures in its folders")
    labels = {one.label for one in found}
    if len(labels) == 1 and part == "train":
        raise FormatError(
            f"{place}: all {len(found):,} pictures are labelled {labels.pop()}; expected at least "
            "two classes"
        )
    return found


def list_classes(folder: Path, part: Part) -> tuple[str, ...]:
    """Return the classes: those of the training part, where there is one.

    Raises `FormatError` for a class of the test part that the training part lacks, and for words
    among numbers.
    """
    train = _place(folder, "train") or (None if part == "test" else folder)
    if train is None:
        return order_classes({one.label for one in list_pictures(folder, part)})
    names = {one.label for one in _labelled(train)}
    odd = word_among_numbers(names)
    if odd is not None:
        raise FormatError(
            f"{train}: the class {odd!r} is a word, but others are numbers; name all of them alike"
        )
    classes = order_classes(names)
    if part == "test":
        unknown = sorted({one.label for one in list_pictures(folder, part)} - set(classes))
        if unknown:
            raise FormatError(
                f"{_place(folder, part)}: the class {brief(', '.join(unknown))} is not among those "
                f"of {train}: {brief(', '.join(classes))}"
            )
    return classes


def _labelled(place: Path) -> list[Labelled]:
    if _has_table(place):
        return _from_table(place)
    if _class_folders(place):
        return sorted(_from_classes(place), key=_order)
    return sorted(_from_names(place), key=_order)


def _place(folder: Path, part: Part) -> Path | None:
    places = (folder / name for name in PART_FOLDERS[part])
    return next((place for place in places if place.is_dir() and _is_labelled(place)), None)


def _is_labelled(place: Path) -> bool:
    if _has_table(place):
        return True
    return bool(_class_folders(place)) or len({one.label for one in _from_names(place)}) > 1


def _has_table(place: Path) -> bool:
    """Return whether one of the first rows of `labels.csv` names a picture."""
    if not (place / LABELS_NAME).is_file():
        return False
    rows = head_of(place / LABELS_NAME, 4096).decode("utf-8", "replace").splitlines()
    return any(is_picture(Path(row.split(",")[0].strip(' "') or ".")) for row in rows)


def _class_folders(place: Path) -> list[Path]:
    """Return the folders that hold pictures: digits alone or two or more of any names."""
    folders = [
        path
        for path in sorted(place.iterdir())
        if path.is_dir() and path.name[0] not in "._" and path.name not in _PART_NAMES
    ]
    folders = [path for path in folders if any(map(is_picture, path.iterdir()))]
    only_digits = all(path.name in DIGITS for path in folders)
    return folders if only_digits or len(folders) > 1 else []


def _from_classes(place: Path) -> list[Labelled]:
    """Return every picture in the class folders."""
    return [
        Labelled(path, folder.name)
        for folder in _class_folders(place)
        for path in filter(is_picture, folder.iterdir())
    ]


def _from_names(place: Path) -> list[Labelled]:
    """Return the pictures of `place` if one pattern finds a label in every name, else none."""
    pictures = [path for path in place.iterdir() if is_picture(path)]
    for pattern in _NAME_PATTERNS:
        matches = [pattern.fullmatch(path.stem) for path in pictures]
        if all(matches):
            return [
                Labelled(path, match[1])
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
        if not label or not label.isprintable() or len(label) > _MAX_LABEL:
            raise FormatError(
                f"{table}: line {line}, column 2 (label) is {label[:20]!a}; expected the name of a "
                "class"
            )
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise FormatError(f"{table}: line {line}: {name[:40]!a} is not below {place}")
        found.append(Labelled(place / name, label))
    if not found:
        raise FormatError(f"{table}: no rows; expected the columns file and label")
    return found


def _order(one: Labelled) -> tuple[bool, int, str, str]:
    """Return the sort key: numbered files by number, then others by name, then the class."""
    stem = one.path.stem
    numbered = stem.isdecimal()
    return (not numbered, int(stem) if numbered else 0, stem, one.label)
