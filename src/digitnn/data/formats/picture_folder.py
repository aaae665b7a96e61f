"""Folders of labelled pictures, read in any layout of `picture_layout`, written as PNGs.

    train/0/*.png .. train/9/*.png, test/0/*.png .. test/9/*.png

is what is written: 28 x 28 pixels, 0 is paper, 255 is ink, named by the index of the image in the
part, so that reading by number restores the order. Such pictures come back unchanged; others are
fitted to 28 x 28. Where most of the border of the pictures is light, all are taken for dark ink on
light paper and inverted: once for the whole part, never picture by picture.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from digitnn.data.dataset import CLASSES, PARTS, SIDE, Dataset, Part
from digitnn.data.formats.notes import tell
from digitnn.data.formats.picture_layout import list_pictures, picture_parts
from digitnn.data.formats.pictures import Fit, fit_picture, light_share, read_grey
from digitnn.errors import FormatError
from digitnn.wording import count

LIGHT_BORDER = 0.6
"""Share of light border pixels, averaged over the pictures, above which ink is dark."""

MAX_ODD_SHARE = 0.1
"""Share of pictures with the opposite border that is not worth a note."""

_MAX_NAMED = 3


def find_pictures(path: Path) -> Path | None:
    """Return `path` if it is a folder of labelled pictures."""
    return path if path.is_dir() and picture_parts(path) else None


def read_picture_folder(folder: Path, part: Part, name: str, fit: Fit = "pad") -> Dataset:
    """Read the pictures of `part`, fitted to 28 x 28 and with light ink on dark paper.

    Raises `FormatError` like `list_pictures`, and one that counts and names unreadable pictures.
    """
    pictures = list_pictures(folder, part)
    images = np.zeros((len(pictures), SIDE, SIDE), np.uint8)
    light = np.zeros(len(pictures))
    faults: list[str] = []
    n_fitted = 0
    for n, picture in enumerate(pictures):
        try:
            grey = read_grey(picture.path)
        except FormatError as error:
            faults.append(str(error))
            continue
        n_fitted += grey.shape != (SIDE, SIDE)
        images[n], light[n] = fit_picture(grey, fit), light_share(grey)
    if faults:
        raise _unreadable(folder, faults, len(pictures))
    if n_fitted:
        how = {"pad": "padded to a square and resized", "crop": "cropped and resized"}
        tell(
            f"{folder}: {count(n_fitted, 'picture')} of {len(pictures):,} {part}: "
            f"{how.get(str(fit), 'fitted')} to {SIDE} x {SIDE}"
        )
    if _has_dark_ink(folder, light):
        np.subtract(255, images, out=images)
    labels = np.array([picture.label for picture in pictures], np.uint8)
    return Dataset(images, labels, name)


def write_png_folder(folder: Path, train: Dataset, test: Dataset) -> None:
    """Write `folder`/train/5/00000.png and so on into a new folder."""
    for part, data in zip(PARTS, (train, test), strict=True):
        for digit in range(CLASSES):
            (folder / part / str(digit)).mkdir(parents=True)
        for n, (image, label) in enumerate(zip(data.images, data.labels, strict=True)):
            Image.fromarray(image).save(folder / part / str(label) / f"{n:05}.png")


def _has_dark_ink(folder: Path, light: np.ndarray) -> bool:
    """Decide from the shares of light border pixels; tell of inversion and of odd pictures."""
    dark_ink = bool(light.mean() > LIGHT_BORDER)
    if dark_ink:
        tell(f"{folder}: dark ink on light paper; all pictures are inverted")
    odd = int(((light > 0.5) != dark_ink).sum())
    if odd > MAX_ODD_SHARE * len(light):
        kinds = ("dark", "light") if dark_ink else ("light", "dark")
        tell(
            f"{folder}: {odd:,} of {len(light):,} pictures have a {kinds[0]} border, the others a "
            f"{kinds[1]} one; ink should be the same in all"
        )
    return dark_ink


def _unreadable(folder: Path, faults: list[str], n: int) -> FormatError:
    more = f"; and {len(faults) - _MAX_NAMED:,} more" if len(faults) > _MAX_NAMED else ""
    return FormatError(
        f"{folder}: {len(faults):,} of {count(n, 'picture')} cannot be read: "
        f"{'; '.join(faults[:_MAX_NAMED])}{more}; remove or replace them"
    )
