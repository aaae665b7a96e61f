"""Export of a whole collection to one of the formats.

Files are written to a hidden folder on the same file system and then moved into place, so a full
disk or Ctrl-C leaves no partial export and keeps an older one intact.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from digitnn.data.dataset import PARTS, Dataset
from digitnn.data.formats.idx_folder import AXES, idx_name, write_idx_folder
from digitnn.data.formats.mat import MAT_NAME, write_mat
from digitnn.data.formats.npz import NPZ_NAME, write_npz
from digitnn.data.formats.png_folder import write_png_folder
from digitnn.errors import UsageError


@dataclass(frozen=True)
class ExportFormat:
    """An export format: `write(folder, train, test)` creates `names` in an empty folder."""

    names: tuple[str, ...]
    write: Callable[[Path, Dataset, Dataset], None]


_IDX = tuple(idx_name(part, content) for part in PARTS for content in AXES)

EXPORT_FORMATS = {
    "mat": ExportFormat((MAT_NAME,), lambda folder, *data: write_mat(folder / MAT_NAME, *data)),
    "idx": ExportFormat(_IDX, write_idx_folder),
    "idx-gz": ExportFormat(
        tuple(f"{name}.gz" for name in _IDX), partial(write_idx_folder, compress=True)
    ),
    "npz": ExportFormat((NPZ_NAME,), lambda folder, *data: write_npz(folder / NPZ_NAME, *data)),
    "png": ExportFormat(tuple(PARTS), write_png_folder),
}


def infer_format(out: Path) -> str:
    """Return the key of `EXPORT_FORMATS` for `out`: by its suffix, or "idx" for a folder.

    Raises `UsageError` for an unknown suffix.
    """
    if not out.suffix or out.is_dir():
        return "idx"
    suffixes = {
        Path(target.names[0]).suffix: to
        for to, target in EXPORT_FORMATS.items()
        if len(target.names) == 1
    }
    if out.suffix not in suffixes:
        raise UsageError(
            f"{out}: no format has the suffix {out.suffix!r}; known: {', '.join(suffixes)}, and no "
            f"suffix for a folder of IDX files; or name one with --to: {', '.join(EXPORT_FORMATS)}"
        )
    return suffixes[out.suffix]


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
