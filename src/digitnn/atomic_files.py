"""Writing files and directories so that nobody ever sees half of one.

Everything is written to a hidden sibling on the same file system and then renamed, which the
operating system does in one step. On any failure the sibling is removed and what stood at the
target before still stands there.
"""

import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_LEFTOVER = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.part")
"""What `_sibling` calls its files."""


@contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Open a sibling of `path` for writing bytes; rename it to `path` when the block succeeds.

    Parent folders are made. The bytes are flushed to the disk before the rename, so that a
    full disk fails here, with `OSError`, and leaves `path` as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sibling = _sibling(path)
    try:
        with sibling.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        sibling.replace(path)
        _flush_folder(path.parent)
    except BaseException as error:
        sibling.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:  # name what was to be, not the sibling
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    with replace_file(path) as file:
        file.write(text.encode())


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield an empty sibling folder to fill; rename it to `path` when the block succeeds.

    Raises `FileExistsError` if `path` is already there as anything but an empty folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise _taken(path)
    sibling = _sibling(path)
    sibling.mkdir()
    try:
        yield sibling
        sibling.replace(path)
        _flush_folder(path.parent)
    except BaseException as error:
        shutil.rmtree(sibling, ignore_errors=True)
        if isinstance(error, OSError) and error.errno == errno.ENOTEMPTY:
            raise _taken(path) from error  # by another process, since we looked
        raise


def remove_leftovers(folder: Path) -> None:
    """Remove what processes that were killed while they wrote into `folder` have left there.

    Nobody else may be writing there.
    """
    for path in folder.iterdir():
        if _LEFTOVER.fullmatch(path.name):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _flush_folder(path: Path) -> None:
    """Have the names in `path` on the disk, where the system can: a rename is one of them."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _taken(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "already exists and is not an empty folder", str(path))


def _sibling(path: Path) -> Path:
    """A hidden name beside `path` that no other process and no earlier crash has taken."""
    path = path.absolute()
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
