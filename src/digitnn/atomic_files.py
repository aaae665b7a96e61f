"""Atomic writing of files and directories: no reader ever sees a partial one.

Data go to a hidden sibling on the same file system, which is then renamed in one step. On any
failure the sibling is removed and the target stays as it was.
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

_SIBLING_NAME = re.compile(r"\..+\.\d+-[0-9a-f]{8}\.part")


@contextmanager
def replace_file(path: Path) -> Iterator[BinaryIO]:
    """Open a sibling of `path` for writing bytes; rename it to `path` when the block succeeds.

    Creates parent folders. Flushes to the disk before the rename, so a full disk raises `OSError`
    here and leaves `path` as it was.
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
        if isinstance(error, OSError) and error.errno:  # name the target, not the sibling
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path` atomically."""
    with replace_file(path) as file:
        file.write(text.encode())


@contextmanager
def new_directory(path: Path) -> Iterator[Path]:
    """Yield an empty sibling folder to fill; rename it to `path` when the block succeeds.

    Raises `FileExistsError` if `path` exists and is not an empty folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise _exists(path)
    sibling = _sibling(path)
    sibling.mkdir()
    try:
        yield sibling
        sibling.replace(path)
        _flush_folder(path.parent)
    except BaseException as error:
        shutil.rmtree(sibling, ignore_errors=True)
        if isinstance(error, OSError) and error.errno == errno.ENOTEMPTY:
            raise _exists(path) from error  # created by another process in the meantime
        raise


def remove_leftovers(folder: Path) -> None:
    """Remove the siblings that killed processes left in `folder`.

    No other process may be writing there.
    """
    for path in folder.iterdir():
        if _SIBLING_NAME.fullmatch(path.name):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _flush_folder(path: Path) -> None:
    """Flush a folder's entries to the disk, which makes a rename durable, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(errno.EEXIST, "already exists and is not an empty folder", str(path))


def _sibling(path: Path) -> Path:
    """Return a hidden name next to `path`, unique to this process and call."""
    path = path.absolute()
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
