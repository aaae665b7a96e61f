"""Which format a file or folder holds, and the one way to read it.

`FORMATS` is the table: a new format is one more entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from digitnn.data.dataset import PARTS, Dataset, Part
from digitnn.data.formats import idx_folder, mat, npz, png_folder
from digitnn.errors import FormatError


@dataclass(frozen=True)
class Format:
    """One way to keep a collection.

    find: a file or folder -> what of it is in this format, or None.
    parts: which parts that holds. read: (found path, part, name) -> that part alone.
    """

    name: str
    title: str
    find: Callable[[Path], Path | None]
    parts: Callable[[Path], tuple[Part, ...]]
    read: Callable[[Path, Part, str], Dataset]


@dataclass(frozen=True)
class Found:
    """Data in a known format at `path`, holding `parts`."""

    format: Format
    path: Path
    parts: tuple[Part, ...]

    def read(self, part: Part, name: str) -> Dataset:
        """Read one part and call it `name`. Raises `FormatError` if it is missing or damaged."""
        return self.format.read(self.path, part, name)


def _file_named(name: str) -> Callable[[Path], Path | None]:
    """Finds the file itself if it has that suffix, else the file of that name in a folder."""

    def find(path: Path) -> Path | None:
        file = path / name if path.is_dir() else path
        return file if file.is_file() and file.suffix == Path(name).suffix else None

    return find


def _find_idx(path: Path) -> Path | None:
    """A folder of IDX files, also when one of those files is named instead."""
    folder = path.parent if path.is_file() and "-ubyte" in path.name else path
    return folder if idx_folder.idx_parts(folder) else None


def _find_png(path: Path) -> Path | None:
    return path if png_folder.png_parts(path) else None


FORMATS = (
    Format("idx", "IDX files", _find_idx, idx_folder.idx_parts, idx_folder.read_idx_folder),
    Format("mat", "MATLAB file", _file_named(mat.NAME), lambda _: PARTS, mat.read_mat),
    Format("npz", "Keras .npz", _file_named(npz.NAME), lambda _: PARTS, npz.read_npz),
    Format("png", "PNG folders", _find_png, png_folder.png_parts, png_folder.read_png_folder),
)


def detect(path: Path) -> Found | None:
    """What `path`, a file or folder, holds; None if it is no known format or is not there."""
    for known in FORMATS:
        place = known.find(path)
        if place is not None:
            return Found(known, place, known.parts(place))
    return None


def read_part(path: Path, part: Part, name: str) -> Dataset:
    """Read `part` of the data that `path` holds, whatever their format, and nothing else of them.

    Raises `FormatError` if `path` holds no data, or damaged data, or not that part.
    """
    found = detect(path)
    if found is None:
        state = "holds no digit data" if path.exists() else "no such file or folder"
        raise FormatError(
            f"{path}: {state}; expected the four IDX files, {mat.NAME}, {npz.NAME}, or folders "
            "train/0 .. test/9 of PNGs"
        )
    return found.read(part, name)
