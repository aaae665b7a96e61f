"""Detection of the format of a file or folder. A new format is one more entry in `FORMATS`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from digitnn.data.dataset import PARTS, Dataset, Part
from digitnn.data.formats import idx_folder, mat, npz, png_folder
from digitnn.errors import FormatError


@dataclass(frozen=True)
class Format:
    """A storage format of a collection.

    find: maps a file or folder to the path that holds this format, or None.
    parts: returns the parts at that path. read: (path, part, name) -> that part.
    """

    name: str
    title: str
    find: Callable[[Path], Path | None]
    parts: Callable[[Path], tuple[Part, ...]]
    read: Callable[[Path, Part, str], Dataset]


@dataclass(frozen=True)
class Found:
    """Data of a known format at `path`, with the parts it holds."""

    format: Format
    path: Path
    parts: tuple[Part, ...]

    def read(self, part: Part, name: str) -> Dataset:
        """Read one part as a data set called `name`. Raises `FormatError`."""
        return self.format.read(self.path, part, name)


def _file_named(name: str) -> Callable[[Path], Path | None]:
    """Return a finder for a file with the suffix of `name`, or for `name` in a folder."""

    def find(path: Path) -> Path | None:
        file = path / name if path.is_dir() else path
        return file if file.is_file() and file.suffix == Path(name).suffix else None

    return find


def _find_idx(path: Path) -> Path | None:
    """Return the folder of IDX files; `path` may also be one of the files."""
    folder = path.parent if path.is_file() and "-ubyte" in path.name else path
    return folder if idx_folder.idx_parts(folder) else None


def _find_png(path: Path) -> Path | None:
    return path if png_folder.png_parts(path) else None


FORMATS = (
    Format("idx", "IDX files", _find_idx, idx_folder.idx_parts, idx_folder.read_idx_folder),
    Format("mat", "MATLAB file", _file_named(mat.MAT_NAME), lambda _: PARTS, mat.read_mat),
    Format("npz", "Keras .npz", _file_named(npz.NPZ_NAME), lambda _: PARTS, npz.read_npz),
    Format("png", "PNG folders", _find_png, png_folder.png_parts, png_folder.read_png_folder),
)


def detect(path: Path) -> Found | None:
    """Return the data at `path`, a file or folder, or None if the format is unknown."""
    for known in FORMATS:
        place = known.find(path)
        if place is not None:
            return Found(known, place, known.parts(place))
    return None


def read_part(path: Path, part: Part, name: str) -> Dataset:
    """Read `part` of the data at `path` in any known format.

    Raises `FormatError` for an unknown format, damaged data or a missing part.
    """
    found = detect(path)
    if found is None:
        state = "holds no digit data" if path.exists() else "no such file or folder"
        raise FormatError(
            f"{path}: {state}; expected the four IDX files, {mat.MAT_NAME}, {npz.NPZ_NAME}, or "
            "folders train/0 .. test/9 of PNGs"
        )
    return found.read(part, name)
