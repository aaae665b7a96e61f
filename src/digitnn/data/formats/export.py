"""A collection into one of the formats: all of it, or nothing.

Everything is first written to a hidden folder on the same file system and moved into place at
the end, so that a full disk or Ctrl-C leaves neither half an export nor a damaged older one.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from digitnn.data.dataset import PARTS, Dataset
from digitnn.data.formats.idx_folder import AXES, idx_name, write_idx_folder
from digitnn.data.formats.mat import NAME as MAT
from digitnn.data.formats.mat import write_mat
from digitnn.data.formats.npz import NAME as NPZ
from digitnn.data.formats.npz import write_npz
from digitnn.data.formats.png_folder import write_png_folder
from digitnn.errors import UsageError


@dataclass(frozen=True)
class Target:
    """One kind of export: `write(folder, train, test)` makes `names` in an empty folder."""

    names: tuple[str, ...]
    write: Callable[[Path, Dataset, Dataset], None]


_IDX = tuple(idx_name(part, content) for part in PARTS for content in AXES)

TARGETS = {
    "mat": Target((MAT,), lambda folder, *data: write_mat(folder / MAT, *data)),
    "idx": Target(_IDX, write_idx_folder),
    "idx-gz": Target(
        tuple(f"{name}.gz" for name in _IDX), partial(write_idx_folder, compress=True)
    ),
    "npz": Target((NPZ,), lambda folder, *data: write_npz(folder / NPZ, *data)),
    "png": Target(tuple(PARTS), write_png_folder),
}


def infer_target(out: Path) -> str:
    """Return the format that the name of `out` implies: by its suffix, or IDX files in a folder.

    Raises `UsageError` for a suffix that belongs to no format.
    """
    if not out.suffix or out.is_dir():
        return "idx"
    suffixes = {
        Path(target.names[0]).suffix: to for to, target in TARGETS.items() if len(target.names) == 1
    }
    if out.suffix not in suffixes:
        raise UsageError(
            f"{out}: no format has the suffix {out.suffix!r}; known: {', '.join(suffixes)}, and no "
            f"suffix for a folder of IDX files; or name one with --to: {', '.join(TARGETS)}"
        )
    return suffixes[out.suffix]


def export(train: Dataset, test: Dataset, out: Path, to: str, force: bool = False) -> list[Path]:
    """Write both parts as `to`, a key of `TARGETS`; return the files or folders made.

    Raises `UsageError` as `destinations` does.
    """
    places = destinations(out, to, force)
    folder = places[0].parent
    above = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    with tempfile.TemporaryDirectory(prefix=".digitnn-export-", dir=above) as staging:
        TARGETS[to].write(Path(staging), train, test)
        folder.mkdir(parents=True, exist_ok=True)
        for name, place in zip(TARGETS[to].names, places, strict=True):
            _move(Path(staging) / name, place)
    return places


def destinations(out: Path, to: str, force: bool = False) -> list[Path]:
    """Where an export will stand, in the order of its names.

    out: a folder, which may hold other things; or a file name, if `to` is one file and `out`
    ends like it. Raises `UsageError` for an unknown `to`, a file where the folder should be, and,
    unless `force`, if something stands at one of the places.
    """
    if to not in TARGETS:
        raise UsageError(f"cannot export to {to!r}; expected one of {', '.join(TARGETS)}")
    names = TARGETS[to].names
    if len(names) == 1 and out.suffix == Path(names[0]).suffix and not out.is_dir():
        places = [out]
    else:
        places = [out / name for name in names]
    folder = places[0].parent
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; expected a folder to export to")
    standing = [place for place in places if place.exists() and not force]
    if standing:
        raise UsageError(f"{standing[0]} already exists; --force overwrites it")
    return places


def _move(made: Path, place: Path) -> None:
    """Put `made` at `place`; a folder that stood there goes the way of the staging folder."""
    if place.is_dir():
        place.rename(made.with_name(f"old-{made.name}"))
    made.replace(place)
