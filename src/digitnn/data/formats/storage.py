"""The storage formats of a collection: detection, reading, export.

Files to export are written to a hidden folder on the same file system and then moved into place, so
a full disk or Ctrl-C leaves no partial export and keeps an older one intact.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from digitnn.data.dataset import DIGITS, PARTS, Dataset, Part
from digitnn.data.formats import csv_files, idx, kmnist, libsvm, parquet_files, pickled
from digitnn.data.formats.mat_collections import MAT_NAME, find_mat, mat_parts, read_mat, write_mat
from digitnn.data.formats.npz import NPZ_NAME, find_npz, npz_parts, read_npz, write_npz
from digitnn.data.formats.orientation import upright
from digitnn.data.formats.picture_folder import find_pictures, read_picture_folder, write_png_folder
from digitnn.data.formats.picture_layout import picture_parts
from digitnn.data.formats.picture_options import DEFAULT_OPTIONS, PictureOptions
from digitnn.errors import FormatError, UsageError


@dataclass(frozen=True)
class Format:
    """A format to read.

    find: maps a file or folder to the path that holds this format, or None.
    parts: returns the parts at that path. read: (path, part, name) -> that part. fitted: the same
    for a format of pictures, with the options that fit them.
    """

    name: str
    title: str
    find: Callable[[Path], Path | None]
    parts: Callable[[Path], tuple[Part, ...]]
    read: Callable[[Path, Part, str], Dataset]
    fitted: Callable[[Path, Part, str, PictureOptions], Dataset] | None = None


@dataclass(frozen=True)
class Found:
    """Data of a known format at `path`, with the parts it holds."""

    format: Format
    path: Path
    parts: tuple[Part, ...]

    def read(self, part: Part, name: str, options: PictureOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read one part, upright, as a data set called `name`. Raises `FormatError`.

        options: how pictures become images; other formats ignore them, see `check_options`.
        """
        if self.format.fitted is not None:
            pictures = self.format.fitted(self.path, part, name, options)
            return upright(pictures, str(self.path)) if pictures.classes == DIGITS else pictures
        return upright(self.format.read(self.path, part, name), str(self.path))

    def check_options(self, options: PictureOptions) -> None:
        """Raise `UsageError` for options about pictures where the data are arrays of pixels."""
        options.resolved()
        if options != DEFAULT_OPTIONS and self.format.fitted is None:
            raise UsageError(
                f"--fit and --skip-bad take effect on pictures only; {self.path} holds a format "
                f"with its own pixels ({self.format.title})"
            )


def _find_idx(path: Path) -> Path | None:
    """Return `path` if it is a folder of IDX files, or the images or labels of one part."""
    if path.is_file() and "idx" not in path.name:
        return None
    return path if idx.idx_parts(path) else None


FORMATS = (
    Format("idx", "IDX files", _find_idx, idx.idx_parts, idx.read_idx_folder),
    Format("mat", "MATLAB file", find_mat, mat_parts, read_mat),
    Format("npz-files", ".npz files", kmnist.find_kmnist, kmnist.kmnist_parts, kmnist.read_kmnist),
    Format("npz", ".npz file", find_npz, npz_parts, read_npz),
    Format(
        "pickle",
        "pickle",
        pickled.find_pickle,
        pickled.pickle_parts,
        pickled.read_pickled,
    ),
    Format("csv", "CSV files", csv_files.find_csv, csv_files.csv_parts, csv_files.read_csv_part),
    Format("libsvm", "LIBSVM text", libsvm.find_libsvm, libsvm.libsvm_parts, libsvm.read_libsvm),
    Format(
        "parquet",
        "Parquet files",
        parquet_files.find_parquet,
        parquet_files.parquet_parts,
        parquet_files.read_parquet,
        parquet_files.read_parquet,
    ),
    Format(
        "png",
        "folders of pictures",
        find_pictures,
        picture_parts,
        read_picture_folder,
        read_picture_folder,
    ),
)


@dataclass(frozen=True)
class ExportFormat:
    """An export format: `write(folder, train, test)` creates `names` in an empty folder."""

    names: tuple[str, ...]
    write: Callable[[Path, Dataset, Dataset], None]


_IDX = tuple(idx.idx_name(part, content) for part in PARTS for content in idx.AXES)
_IDX_GZ = tuple(f"{name}.gz" for name in _IDX)

EXPORT_FORMATS = {
    "mat": ExportFormat((MAT_NAME,), lambda folder, *data: write_mat(folder / MAT_NAME, *data)),
    "idx": ExportFormat(_IDX, idx.write_idx_folder),
    "idx-gz": ExportFormat(_IDX_GZ, partial(idx.write_idx_folder, compress=True)),
    "npz": ExportFormat((NPZ_NAME,), lambda folder, *data: write_npz(folder / NPZ_NAME, *data)),
    "png": ExportFormat(tuple(PARTS), write_png_folder),
}
SUFFIXES = {Path(name).suffix: to for to, name in (("mat", MAT_NAME), ("npz", NPZ_NAME))}


def detect(path: Path) -> Found | None:
    """Return the data at `path`, a file or folder, or None if the format is unknown.

    A damaged file counts as one with both parts: reading it then says what is wrong.
    """
    for known in FORMATS:
        place = known.find(path)
        if place is not None:
            try:
                return Found(known, place, known.parts(place))
            except FormatError:
                return Found(known, place, PARTS)
    return None


def read_part(
    path: Path, part: Part, name: str, options: PictureOptions = DEFAULT_OPTIONS
) -> Dataset:
    """Read `part` of the data at `path` in any known format.

    Raises `FormatError` for an unknown format, damaged data or a missing part.
    """
    found = detect(path)
    if found is None:
        state = "holds no labelled images" if path.exists() else "no such file or folder"
        raise FormatError(
            f"{path}: {state}; expected the four IDX files, {MAT_NAME}, {NPZ_NAME}, CSV files or "
            "a folder of pictures for each class (all formats: docs/formats.md)"
        )
    return found.read(part, name, options)


def infer_format(out: Path) -> str:
    """Return the key of `EXPORT_FORMATS` for `out`: by its suffix, or "idx" for a folder.

    Raises `UsageError` for an unknown suffix.
    """
    if not out.suffix or out.is_dir():
        return "idx"
    if out.suffix not in SUFFIXES:
        raise UsageError(
            f"{out}: no format has the suffix {out.suffix!r}; known: {', '.join(SUFFIXES)}, and "
            "no suffix for a folder of IDX files; or name one with --to: "
            f"{', '.join(EXPORT_FORMATS)}"
        )
    return SUFFIXES[out.suffix]


def export(train: Dataset, test: Dataset, out: Path, to: str, force: bool = False) -> list[Path]:
    """Write both parts as `to`, a key of `EXPORT_FORMATS`; return the files or folders written.

    Raises `UsageError` as `destinations` does.
    """
    places = destinations(out, to, force)
    folder = places[0].parent
    above = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    with tempfile.TemporaryDirectory(prefix=".digitnn-export-", dir=above) as staging:
        EXPORT_FORMATS[to].write(Path(staging), train, test)
        folder.mkdir(parents=True, exist_ok=True)
        for name, place in zip(EXPORT_FORMATS[to].names, places, strict=True):
            _move(Path(staging) / name, place)
    return places


def destinations(out: Path, to: str, force: bool = False) -> list[Path]:
    """Return the paths that an export will write, in the order of its names.

    out: a folder, which may hold other files; or a file name, if `to` is a single file and `out`
    has its suffix. Raises `UsageError` for an unknown `to`, for a file where a folder is needed,
    and, unless `force`, if one of the paths exists.
    """
    if to not in EXPORT_FORMATS:
        raise UsageError(f"cannot export to {to!r}; expected one of {', '.join(EXPORT_FORMATS)}")
    names = EXPORT_FORMATS[to].names
    if len(names) == 1 and out.suffix == Path(names[0]).suffix and not out.is_dir():
        places = [out]
    else:
        places = [out / name for name in names]
    folder = places[0].parent
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; expected a folder to export to")
    existing = [place for place in places if place.exists() and not force]
    if existing:
        raise UsageError(f"{existing[0]} already exists; --force overwrites it")
    return places


def _move(made: Path, place: Path) -> None:
    """Move `made` to `place`; a folder already there is deleted with the staging folder."""
    if place.is_dir():
        place.rename(made.with_name(f"old-{made.name}"))
    made.replace(place)
