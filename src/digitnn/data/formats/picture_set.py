"""Many labelled pictures as one data set: fitted, of one polarity, and without unreadable ones.

Pictures are fitted to 28 x 28 one by one. Where most of the border of the pictures is light, all
are taken for dark ink on light paper and inverted: once for the whole part, never picture by
picture. A function that fits them returns light ink on dark paper, so that nothing is inverted.
Axes: n pictures.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.data.dataset import MAX_CLASSES, SIDE, Dataset
from digitnn.data.formats.notes import tell
from digitnn.data.formats.picture_options import PictureOptions
from digitnn.data.formats.pictures import PictureFile, fit_picture, light_share, read_grey
from digitnn.errors import DigitnnError, FormatError
from digitnn.wording import count

LIGHT_BORDER = 0.6
"""Share of light border pixels, averaged over the pictures, above which ink is dark."""

MAX_ODD_SHARE = 0.1
"""Share of pictures with the opposite border that is not worth a note."""

_MAX_NAMED = 3
_HOW = {
    "pad": "padded to a square and resized",
    "crop": "cropped and resized",
    "stretch": "stretched",
}


@dataclass(frozen=True)
class LabelledPicture:
    """A picture, how errors name it, and the index of its class."""

    source: PictureFile
    name: str
    label: int


def read_pictures(
    pictures: Iterable[LabelledPicture],
    classes: tuple[str, ...],
    what: tuple[str, str],
    name: str,
    options: PictureOptions,
) -> Dataset:
    """Return the pictures as images of 28 x 28.

    what: the file or folder, and the part, for notes and errors. name: of the data set.
    Raises `FormatError` that counts and names the unreadable pictures, unless `options` skip them,
    and for more classes than a data set can have.
    """
    place, part = what
    if len(classes) > MAX_CLASSES:
        raise FormatError(f"{place}: {len(classes)} classes; at most {MAX_CLASSES} are possible")
    fit = options.resolved()
    images, labels, light, faults = [], [], [], []
    n_fitted = 0
    for picture in pictures:
        try:
            grey = read_grey(picture.source, picture.name)
            image = fit_picture(grey, fit)
        except DigitnnError as error:
            text = str(error)
            faults.append(text if text.startswith(picture.name) else f"{picture.name}: {text}")
            continue
        n_fitted += grey.shape != (SIDE, SIDE)
        images.append(image)
        labels.append(picture.label)
        light.append(light_share(grey))
    _report_faults(place, faults, len(images) + len(faults), options)
    if n_fitted:
        how = _HOW.get(str(options.fit)) or f"fitted by {options.to_json()['fit']!r}"
        tell(
            f"{place}: {count(n_fitted, 'picture')} of {len(images):,} {part}: {how} to "
            f"{SIDE} x {SIDE}"
        )
    stacked = np.stack(images)
    if not callable(fit) and _has_dark_ink(place, np.array(light)):
        np.subtract(255, stacked, out=stacked)
    return Dataset(stacked, np.array(labels, np.uint8), name, classes=classes)


def _report_faults(place: str, faults: list[str], n: int, options: PictureOptions) -> None:
    """Raise `FormatError` about unreadable pictures, or tell of those that are left out."""
    if not faults:
        return
    more = f"; and {len(faults) - _MAX_NAMED:,} more" if len(faults) > _MAX_NAMED else ""
    listed = "; ".join(faults[:_MAX_NAMED]) + more
    if options.skip_bad and len(faults) < n:
        tell(f"{place}: {len(faults):,} of {count(n, 'picture')} left out: {listed}")
        return
    remedy = "" if options.skip_bad else "; --skip-bad leaves them out, or remove or replace them"
    raise FormatError(
        f"{place}: {len(faults):,} of {count(n, 'picture')} cannot be read: {listed}{remedy}"
    )


def _has_dark_ink(place: str, light: Float[ndarray, " n"]) -> bool:
    """Decide from the shares of light border pixels; tell of inversion and of odd pictures."""
    dark_ink = bool(light.mean() > LIGHT_BORDER)
    if dark_ink:
        tell(f"{place}: dark ink on light paper; all pictures are inverted")
    odd = int(((light > 0.5) != dark_ink).sum())
    if odd > MAX_ODD_SHARE * len(light):
        kinds = ("dark", "light") if dark_ink else ("light", "dark")
        tell(
            f"{place}: {odd:,} of {len(light):,} pictures have a {kinds[0]} border, the others a "
            f"{kinds[1]} one; ink should be the same in all"
        )
    return dark_ink
