"""Find the pictures that `digitnn read` is given: files, folders, globs, stdin, clipboard."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

from PIL.Image import Image

from digitnn.errors import PictureError
from digitnn.reader.input.opening import PictureSource
from digitnn.reader.input.signatures import PICTURE_SUFFIXES, looks_like_picture
from digitnn.wording import error_text

STDIN = "-"
CLIPBOARD = "clipboard"


@dataclass(frozen=True)
class PictureFile:
    """path: for messages and results; source: what to open, or why there is nothing to open."""

    path: str
    source: PictureSource | PictureError


def find_pictures(arguments: list[str]) -> list[PictureFile]:
    """Return the pictures of all arguments in order; those of a folder in natural order."""
    return [found for argument in arguments for found in _expand(argument)]


def from_clipboard() -> list[PictureFile]:
    """Return the picture or the files on the clipboard. Raises `PictureError`."""
    from PIL import ImageGrab

    try:
        found = ImageGrab.grabclipboard()
    except Exception as error:  # no display, no xclip or wl-paste, nothing that is a picture
        raise PictureError(f"{CLIPBOARD}: cannot be read ({error_text(error)})") from None
    if isinstance(found, Image):
        return [PictureFile(CLIPBOARD, found)]
    if not found:
        raise PictureError(f"{CLIPBOARD}: holds no picture")
    return find_pictures(list(found))


def _expand(argument: str) -> Iterator[PictureFile]:
    if argument == STDIN:
        stdin = sys.stdin.buffer if sys.stdin else PictureError(f"{STDIN}: stdin is closed")
        yield PictureFile(STDIN, stdin)
    elif not argument:  # as of a variable that is not set; a path of "" would be this folder
        yield PictureFile(argument, PictureError("'': an empty name; expected a picture"))
    elif _holds(argument, Path.is_dir):
        yield from _in_folder(argument)
    elif has_magic(argument) and not _holds(argument, Path.exists):
        yield from _matching(argument)
    else:
        yield PictureFile(argument, argument)


def _in_folder(folder: str) -> Iterator[PictureFile]:
    """Yield the pictures of a folder, without hidden files and subfolders."""
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
    for name in sorted((path.name for path in found), key=natural_key):
        path = str(Path(folder) / name)
        yield PictureFile(path, path)


def _matching(pattern: str) -> Iterator[PictureFile]:
    """Expand a pattern as a shell would; `**` matches subfolders at any depth."""
    found: list[str] = []
    root = Path(pattern).anchor
    with suppress(ValueError):  # `**` is not a whole path component
        matches = Path(root).glob(str(Path(pattern).relative_to(root)))
        found += [str(path) for path in matches if _is_picture(path)]
    if not found:
        message = f"{pattern}: no such file, and no picture's path is of this pattern"
        yield PictureFile(pattern, PictureError(message))
    for path in sorted(found, key=natural_key):
        yield PictureFile(path, path)


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that puts page2 before page10 and ignores case."""
    parts = re.findall(r"(\d+)|(\D+)", name)
    return [(0, int(number), "") if number else (1, 0, text.casefold()) for number, text in parts]


def _is_picture(path: Path) -> bool:
    with suppress(OSError):
        if path.name.startswith(".") or not path.is_file():
            return False
        if path.suffix.lower() in PICTURE_SUFFIXES:
            return True
        with path.open("rb") as file:
            return looks_like_picture(file.read(16))
    return False


def _holds(argument: str, test: Callable[[Path], bool]) -> bool:
    """Return whether `argument` is a valid path for which `test` holds."""
    with suppress(OSError, ValueError):
        return test(Path(argument))
    return False
