"""CSV files of a collection: Kaggle's, pjreddie's and others, by their names and columns.

    train.csv, test.csv            Kaggle: a header `label,pixel0,...`; the test file has no labels
    mnist_train.csv, mnist_test.csv   pjreddie: no header, the label first

A name with the word "train" or "test" says the part; any other file is a training file. Each may
be packed with gzip, bzip2 or ZIP; a ZIP archive may also hold both files. `csv_table` reads them.
"""

import re
from pathlib import Path

from digitnn.data.dataset import PARTS, SIDE, Dataset, Part
from digitnn.data.formats.csv_table import read_csv, read_layout
from digitnn.data.formats.text_blocks import TextFile, first_line, zip_members
from digitnn.data.formats.values import square_side
from digitnn.errors import FormatError

_NAME = re.compile(r"\.csv(\.gz|\.bz2|\.zip)?$|\.zip$", re.IGNORECASE)
_WORD = re.compile(r"(?<![a-z])(train|test)(ing)?(?![a-z])", re.IGNORECASE)


def find_csv(path: Path) -> Path | None:
    """Return `path` if it is a CSV file, or a folder with a file of one part or both."""
    return path if csv_sources(path) else None


def csv_parts(path: Path) -> tuple[Part, ...]:
    """Return the parts that have labels."""
    sources = csv_sources(path)
    return tuple(
        part for part in PARTS if part in sources and read_layout(sources[part]).label is not None
    )


def read_csv_part(path: Path, part: Part, name: str) -> Dataset:
    """Read `part`. Raises `FormatError` naming the file, line and column of what is wrong."""
    sources = csv_sources(path)
    if part not in sources:
        title = {"train": "training", "test": "test"}[part]
        names = ", ".join(str(source) for source in sources.values())
        raise FormatError(
            f"{path}: no {'test' if part == 'test' else title} part; a file {part}.csv or "
            f"mnist_{part}.csv would be one, found {names or 'no CSV file'}"
        )
    return read_csv(sources[part], name)


def part_of(name: str) -> Part | None:
    """Return the part that a file name says, or None."""
    words = {word.lower() for word, _ in _WORD.findall(name)}
    return "train" if words == {"train"} else "test" if words == {"test"} else None


def csv_sources(path: Path) -> dict[Part, TextFile]:
    """Return the file of each part. A folder counts only files with the columns of images."""
    if path.is_dir():
        files = [file for file in sorted(path.iterdir()) if _NAME.search(file.name)]
        texts = [text for file in files if file.is_file() for text in csv_texts(file)]
        texts = [text for text in texts if has_pixel_columns(text)]
        found = _by_part(texts)
        if not found and len(texts) == 1:
            found["train"] = texts[0]
        return found
    if not path.is_file() or not _NAME.search(path.name):
        return {}
    texts = csv_texts(path)
    if len(texts) != 1:
        return _by_part(texts)
    (text,) = texts
    part = part_of(text.member or path.name) or part_of(path.name)
    if part == "test":
        return {"test": text}
    if part is None:
        return {"train": text}
    # The file that is named the same, but for "test"
    partner = path.with_name(_WORD.sub(lambda word: _as_test(word[0]), path.name))
    sources: dict[Part, TextFile] = {"train": text}
    if partner.is_file():
        sources["test"] = TextFile(partner)
    return sources


def csv_texts(path: Path) -> list[TextFile]:
    """Return the file, or the CSV files in it if it is a ZIP archive."""
    members = zip_members(path)
    if not path.name.lower().endswith(".zip"):
        return [TextFile(path)]
    tables = [name for name in members if name.lower().endswith(".csv") and name[:2] != "__"]
    if len(tables) > 1:
        tables = [name for name in tables if part_of(Path(name).name)]
    return [TextFile(path, name) for name in tables]


def _by_part(texts: list[TextFile]) -> dict[Part, TextFile]:
    """Return the only file of each part; of a plain and a packed copy, the plain one."""
    found: dict[Part, TextFile] = {}
    for part in PARTS:
        named = [text for text in texts if part_of(Path(text.member or text.path).name) == part]
        named.sort(key=lambda text: (len(str(text)), str(text)))
        copies = {_NAME.sub("", Path(text.member or text.path).name) for text in named}
        if len(copies) == 1:
            found[part] = named[0]
    return found


def has_pixel_columns(text: TextFile) -> bool:
    """Return whether the first line has a square number of columns, and perhaps one of labels.

    28 x 28 pixels may have one column more, so that the error names it.
    """
    try:
        columns = first_line(text).count(b",") + 1
    except (FormatError, OSError):
        return False
    candidates = (columns, columns - 1, *((columns - 2,) if columns == SIDE * SIDE + 2 else ()))
    return any(square_side(n) is not None for n in candidates)


def _as_test(word: str) -> str:
    """Return "test" in the case of `word`, which is a form of "train"."""
    return "TEST" if word.isupper() else "Test" if word[0].isupper() else "test"
