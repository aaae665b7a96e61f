"""The reader's way to fit a picture of a digit, for `--fit digit`."""

from typing import TYPE_CHECKING

from digitnn.errors import PictureError

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from numpy import ndarray


def fit_as_digit(grey: "UInt8[ndarray, 'h w']") -> "UInt8[ndarray, '28 28']":
    """Return the digit in a picture, normalised as `digitnn read` does: light ink on dark paper.

    Raises `PictureError` for a picture without ink.
    """
    from digitnn.reader.ink.normalise import normalise
    from digitnn.reader.input.opening import Picture

    name = "picture"
    try:
        return normalise(Picture(grey, name)).image
    except PictureError as error:
        raise PictureError(str(error).removeprefix(f"{name}: ")) from None
