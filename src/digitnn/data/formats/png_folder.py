"""Folders of PNGs, one folder for each class.

    train/0/*.png .. train/9/*.png, test/0/*.png .. test/9/*.png
    or 0/*.png .. 9/*.png alone, which make a training file

Every PNG is 28 x 28 and greyscale (mode L); 0 is paper, 255 is ink. Its name is the index of the
image in the part, so reading by index across the classes restores the original order.
"""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from digitnn.data.dataset import CLASSES, PARTS, SIDE, Dataset, Part
from digitnn.data.formats.magic import PNG, head_of, kind_of
from digitnn.errors import FormatError
from digitnn.wording import error_text

_CLASS_NAMES = [str(digit) for digit in range(CLASSES)]


def png_parts(folder: Path) -> tuple[Part, ...]:
    """Return the parts in `folder`; class folders alone are a training file."""
    parts = tuple(part for part in PARTS if _holds_classes(folder / part))
    return parts or (("train",) if _holds_classes(folder) else ())


def read_png_folder(folder: Path, part: Part, name: str) -> Dataset:
    """Read the PNGs of `part`, in the order of their numbers.

    Raises `FormatError` naming a file that is not a 28 x 28 greyscale PNG, or a folder that is not
    a class.
    """
    place = folder / part
    if not _holds_classes(place):
        if part == "test":
            raise FormatError(f"{folder}: no test part; expected {place}/0 to {place}/9")
        place = folder
    pictures = _pictures(place)
    images = np.empty((len(pictures), SIDE, SIDE), np.uint8)
    labels = np.empty(len(pictures), np.uint8)
    for n, (digit, path) in enumerate(pictures):
        images[n], labels[n] = _read_picture(path), digit
    return Dataset(images, labels, name)


def write_png_folder(folder: Path, train: Dataset, test: Dataset) -> None:
    """Write `folder`/train/5/00000.png and so on into a new folder."""
    for part, data in zip(PARTS, (train, test), strict=True):
        for digit in _CLASS_NAMES:
            (folder / part / digit).mkdir(parents=True)
        for n, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
            Image.fromarray(image).save(folder / part / str(label) / f"{n:05}.png")


def _holds_classes(folder: Path) -> bool:
    return any(next((folder / digit).glob("*.[pP][nN][gG]"), None) for digit in _CLASS_NAMES)


def _pictures(place: Path) -> list[tuple[int, Path]]:
    """Return (digit, path) of every PNG below `place`, in the order of their numbers."""
    found: list[tuple[int, Path]] = []
    for folder in sorted(place.iterdir()):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        if folder.name not in _CLASS_NAMES:
            raise FormatError(f"{folder}: not a class; the folders of {place} must be 0 to 9")
        pictures = (path for path in folder.iterdir() if path.suffix.lower() == ".png")
        found += [(int(folder.name), path) for path in pictures if path.name[0] != "."]
    if not found:
        raise FormatError(f"{place}: no PNG in its folders 0 to 9")
    return sorted(found, key=_order)


def _order(picture: tuple[int, Path]) -> tuple[bool, int, str, int]:
    """Return the sort key: numbered files by number, then others by name, then the class."""
    digit, path = picture
    numbered = path.stem.isdecimal()
    return (not numbered, int(path.stem) if numbered else 0, path.stem, digit)


def _read_picture(path: Path) -> UInt8[ndarray, "28 28"]:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            # Size and mode are in the header: check them before unpacking.
            if picture.size != (SIDE, SIDE) or picture.mode != "L":
                width, height = picture.size
                raise FormatError(
                    f"{path}: expected {SIDE} x {SIDE} greyscale (mode L), "
                    f"got {width} x {height}, mode {picture.mode}"
                )
            return np.asarray(picture)
    except FormatError:
        raise
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error, ...
        head = head_of(path)
        if not head.startswith(PNG):
            raise FormatError(f"{path}: not a PNG: it looks like {kind_of(head)}") from None
        raise FormatError(f"{path}: damaged PNG ({error_text(error)})") from None
