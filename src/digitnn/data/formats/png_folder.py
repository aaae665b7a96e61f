"""Folders of PNGs, one folder for each class.

    train/0/*.png .. train/9/*.png, test/0/*.png .. test/9/*.png
    or 0/*.png .. 9/*.png alone, which make a training file

Every picture is 28 x 28 and greyscale (mode L); 0 is paper, 255 is ink, as everywhere. The name
of a picture is the number of its image in the part, so that reading in the order of the
numbers, across the classes, restores the order in which they were written.
"""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from digitnn.data.dataset import CLASSES, PARTS, SIDE, Dataset, Part
from digitnn.data.formats.magic import PNG, head_of, kind_of
from digitnn.errors import FormatError
from digitnn.wording import words_of

_CLASS_NAMES = [str(digit) for digit in range(CLASSES)]


def png_parts(folder: Path) -> tuple[Part, ...]:
    """The parts that `folder` holds; class folders alone are a training file."""
    parts = tuple(part for part in PARTS if _holds_classes(folder / part))
    return parts or (("train",) if _holds_classes(folder) else ())


def read_png_folder(folder: Path, part: Part, name: str) -> Dataset:
    """The pictures of `part`, in the order of their numbers; the other part is not opened.

    Raises `FormatError` naming the picture that is not a 28 x 28 greyscale PNG, or the folder
    that is not a class.
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
    """Write `folder`/train/5/00000.png and so on; `folder` is new and not yet seen by anybody."""
    for part, data in zip(PARTS, (train, test), strict=True):
        for digit in _CLASS_NAMES:
            (folder / part / digit).mkdir(parents=True)
        for n, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
            Image.fromarray(image).save(folder / part / str(label) / f"{n:05}.png")


def _holds_classes(folder: Path) -> bool:
    return any(next((folder / digit).glob("*.[pP][nN][gG]"), None) for digit in _CLASS_NAMES)


def _pictures(place: Path) -> list[tuple[int, Path]]:
    """(digit, path) of every PNG below `place`, in the order of their numbers."""
    found: list[tuple[int, Path]] = []
    for folder in sorted(place.iterdir()):
        if not folder.is_dir() or folder.name.startswith("."):
            continue
        if folder.name not in _CLASS_NAMES:
            raise FormatError(f"{folder}: not a class; the folders of {place} are to be 0 to 9")
        pictures = (path for path in folder.iterdir() if path.suffix.lower() == ".png")
        found += [(int(folder.name), path) for path in pictures if path.name[0] != "."]
    if not found:
        raise FormatError(f"{place}: no PNG in its folders 0 to 9")
    return sorted(found, key=_order)


def _order(picture: tuple[int, Path]) -> tuple[bool, int, str, int]:
    """Numbered pictures by number, then the others by name; the class breaks ties."""
    digit, path = picture
    numbered = path.stem.isdecimal()
    return (not numbered, int(path.stem) if numbered else 0, path.stem, digit)


def _read_picture(path: Path) -> UInt8[ndarray, "28 28"]:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            # Size and mode stand in the header: nothing is unpacked before they are right.
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
        raise FormatError(f"{path}: damaged PNG ({words_of(error)})") from None
