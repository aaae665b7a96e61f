"""Open many small grey PNGs at once, without the checks that only other pictures need.

Millions of images of 28 x 28 are mostly such files, and opening one by one takes eight times as
long. `open_bytes` is the reference: it gives the same pixels, and says what is wrong with a file.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image

from digitnn.data.dataset import SIDE

_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + SIDE.to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
"""Up to the checksum of the header: 28 x 28 pixels of 8 bits, grey, not interlaced."""

_START = _HEAD + zlib.crc32(_HEAD[12:]).to_bytes(4, "big")
_LENGTH, _KIND, _DATA = slice(33, 37), slice(37, 41), 41
_CHECKSUM_BYTES, _END = 4, b"\0\0\0\0IEND\xaeB`\x82"

_ROW = 1 + SIDE
"""Bytes of a row: the number of its filter, and its pixels."""

MAX_FILTER = 4


def is_plain_png(data: bytes) -> bool:
    """Tell whether a file begins as those that `open_plain_pngs` opens."""
    return data.startswith(_START) and data[_KIND] == b"IDAT"


def open_plain_pngs(files: Sequence[bytes]) -> list[UInt8[ndarray, "28 28"] | None]:
    """Return the pixels of PNGs of 28 x 28 grey pixels without any metadata; None for others.

    None for damaged ones too. The rows of all files are decoded as those of one tall picture.
    """
    found: list[UInt8[ndarray, "28 28"] | None] = [None] * len(files)
    inflated = [_inflate(data) if is_plain_png(data) else None for data in files]
    places = [place for place, rows in enumerate(inflated) if rows is not None]
    rows = np.frombuffer(b"".join(inflated[place] or b"" for place in places), np.uint8)
    rows = rows.reshape(len(places), SIDE, _ROW)
    valid = rows[:, :, 0].max(axis=1) <= MAX_FILTER
    pictures = iter(_decode(rows[valid]))
    for place, is_valid in zip(places, valid.tolist(), strict=True):
        if is_valid:
            found[place] = next(pictures)
    return found


def _inflate(data: bytes) -> bytes | None:
    """Return the filtered rows of a file, or None if they are damaged or not the only content."""
    end = _DATA + int.from_bytes(data[_LENGTH], "big")
    if data[end + _CHECKSUM_BYTES :] != _END:
        return None
    stream = zlib.decompressobj()
    try:
        rows = stream.decompress(data[_DATA:end], SIDE * _ROW + 1)
    except zlib.error:
        return None
    return rows if stream.eof and len(rows) == SIDE * _ROW and not stream.unused_data else None


def _decode(rows: UInt8[ndarray, "n 28 29"]) -> UInt8[ndarray, "n 28 28"]:
    """Return the pixels of filtered rows. A blank row above each picture keeps filters inside it.

    The filters of a picture's first row take the row above it for 0.
    """
    tall = np.zeros((len(rows), 1 + SIDE, _ROW), np.uint8)
    tall[:, 1:] = rows
    if not len(rows):
        return tall[:, 1:, 1:]
    size = (SIDE, len(rows) * (1 + SIDE))
    picture = Image.frombytes("L", size, zlib.compress(tall.tobytes(), 0), "zip", "L", 0)
    return np.frombuffer(picture.tobytes(), np.uint8).reshape(-1, 1 + SIDE, SIDE)[:, 1:]
