"""Folders of labelled pictures, read in any layout of `picture_layout`, written as PNGs.

    train/0/*.png .. train/9/*.png, test/0/*.png .. test/9/*.png

is what is written: 0 is paper, 255 is ink, named by the index of the image in the part, so that
reading by number restores the order. Pictures of 28 x 28 pixels come back unchanged.
"""

from pathlib import Path

from PIL import Image

from digitnn.data.dataset import PARTS, Dataset, Part
from digitnn.data.formats.picture_layout import list_classes, list_pictures, picture_parts
from digitnn.data.formats.picture_options import DEFAULT_OPTIONS, PictureOptions
from digitnn.data.formats.picture_set import LabelledPicture, read_pictures
from digitnn.errors import UsageError


def find_pictures(path: Path) -> Path | None:
    """Return `path` if it is a folder of labelled pictures."""
    return path if path.is_dir() and picture_parts(path) else None


def read_picture_folder(
    folder: Path, part: Part, name: str, options: PictureOptions = DEFAULT_OPTIONS
) -> Dataset:
    """Read the pictures of `part`, fitted to 28 x 28 and with light ink on dark paper.

    The test part has the classes of the training part, if there is one. Raises `FormatError` like
    `list_pictures` and `read_pictures`.
    """
    pictures = list_pictures(folder, part)
    classes = list_classes(folder, part)
    index_of = {one: index for index, one in enumerate(classes)}
    labelled = (LabelledPicture(one.path, str(one.path), index_of[one.label]) for one in pictures)
    return read_pictures(labelled, classes, (str(folder), part), name, options)


def write_png_folder(folder: Path, train: Dataset, test: Dataset) -> None:
    """Write `folder`/train/5/00000.png and so on into a new folder.

    Raises `UsageError` for classes whose names are no names of folders.
    """
    for odd in (one for one in train.classes if not one.strip(".") or set(one) & set("/\\\0")):
        raise UsageError(f"no folder can have the name of the class {odd!r}: export as npz instead")
    for part, data in zip(PARTS, (train, test), strict=True):
        for one in data.classes:
            (folder / part / one).mkdir(parents=True)
        for n, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
            place = folder / part / data.classes[label]
            Image.fromarray(image).save(place / f"{n:05}.png")
