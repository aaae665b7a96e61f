"""Which pictures the arguments of `digitnn read` mean: files, folders, globs, stdin, clipboard."""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

from PIL.Image import Image

from digitnn.errors import PictureError
from digitnn.reader.input.opening import PictureSource
from digitnn.reader.input.signatures import looks_like_picture

STDIN = "-"
CLIPBOARD = "clipboard"

SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".dib", ".tif", ".tiff", ".webp"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".pfm", ".heic", ".heif", ".pdf"),
)
"""Of a folder's files, these are taken for pictures by their name, others by their first bytes."""


@dataclass(frozen=True)
class PictureFile:
    """path: as given, or the folder as given and the name in it; source: what is to be opened,
    or why there is nothing."""

    path: str
    source: PictureSource | PictureError


def find_pictures(arguments: list[str]) -> list[PictureFile]:
    """All that is meant, in the order given; what lies in a folder in natural order."""
    return [found for argument in arguments for found in _expand(argument)]


def from_clipboard() -> list[PictureFile]:
    """What was copied last: a picture, or files. Raises `PictureError`."""
    from PIL import ImageGrab

    try:
        found = ImageGrab.grabclipboard()
    except Exception as error:  # no display, no xclip or wl-paste, nothing that is a picture
        raise PictureError(f"{CLIPBOARD}: cannot be read ({error})") from None
    if isinstance(found, Image):
        return [PictureFile(CLIPBOARD, found)]
    if not found:
        raise PictureError(f"{CLIPBOARD}: holds no picture")
    return find_pictures(list(found))


def _expand(argument: str) -> Iterator[PictureFile]:
    if argument == STDIN:
        stdin = sys.stdin.buffer if sys.stdin else PictureError(f"{STDIN}: stdin is closed")
        yield PictureFile(STDIN, stdin)
    elif _is_folder(argument):
        yield from _in_folder(argument)
    elif has_magic(argument) and not _exists(argument):
        yield from _matching(argument)
    else:
        yield PictureFile(argument, argument)


def _in_folder(folder: str) -> Iterator[PictureFile]:
    """Its pictures, not those of folders in it; hidden files are none."""
    try:
        found = [path for path in Path(folder).iterdir() if _is_picture(path)]
    except OSError as error:
        yield PictureFile(folder, PictureError(f"{folder}: cannot be read ({error.strerror})"))
        return
    if not found:
        message = (
            f"{folder}: a folder without pictures; those of its subfolders are "
            f"'{Path(folder) / '**' / '*'}'"
        )
        yield PictureFile(folder, PictureError(message))
    for name in sorted((path.name for path in found), key=natural):
        path = str(Path(folder) / name)
        yield PictureFile(path, path)


def _matching(pattern: str) -> Iterator[PictureFile]:
    """What a shell would have made of it, had it been asked; `**` goes through all folders."""
    found: list[str] = []
    root = Path(pattern).anchor
    with suppress(ValueError):  # `**` beside other characters
        matches = Path(root).glob(str(Path(pattern).relative_to(root)))
        found += [str(path) for path in matches if _is_picture(path)]
    if not found:
        message = f"{pattern}: no such file, and no picture's path is of this pattern"
        yield PictureFile(pattern, PictureError(message))
    for path in sorted(found, key=natural):
        yield PictureFile(path, path)


def natural(name: str) -> list[tuple[int, int, str]]:
    """What to sort by so that page2 comes before page10, whatever the case of its letters."""
    parts = re.findall(r"(\d+)|(\D+)", name)
    return [(0, int(number), "") if number else (1, 0, text.casefold()) for number, text in parts]


def _is_picture(path: Path) -> bool:
    with suppress(OSError):
        if path.name.startswith(".") or not path.is_file():
            return False
        if path.suffix.lower() in SUFFIXES:
            return True
        with path.open("rb") as file:
            return looks_like_picture(file.read(16))
    return False


def _is_folder(argument: str) -> bool:
    with suppress(OSError, ValueError):
        return Path(argument).is_dir()
    return False


def _exists(argument: str) -> bool:
    with suppress(OSError, ValueError):
        return Path(argument).exists()
    return False
