"""Draw letters in handwriting fonts, fetched once into the cache from pinned npm packages.

The fonts are under the SIL Open Font License or Apache 2.0, as their packages state. The project
contains none of them, and none draws training images.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont

from digitnn.data.synthesis.fonts import fetch_fonts

FONTS: Mapping[str, tuple[int, str]] = {
    "architects-daughter": (
        15640,
        "0249dd5f81431dbf8a8406996c43f8018bf707221cf261d75145f083bb7091cf",
    ),
    "caveat": (60108, "38b98dbeb922a14a74dfb41f83fc24e0e645e2eed9ce72145fefbdae8828cbfb"),
    "gloria-hallelujah": (
        19608,
        "31e7def8cf155d4dcc98216517ad509923a8a197bc9c8937668d04767c52040e",
    ),
    "homemade-apple": (57676, "998f34b48e0bcb8974dc6e8d94961a87689ca40e3258554d2f6fc3778b1968a3"),
    "indie-flower": (21676, "2cf7154e899ad16246196238d6d13f0135c5feba2d8ccde5d97a22664d012660"),
    "nanum-pen-script": (14116, "08cdd640e142c977071b4c3d5c33fd9ec322990e540f5511ca2fccff4568d0ec"),
    "schoolbell": (25268, "a448b8f4209a8ca16adc48753170f40a57e17f70675963e092501ed48842e4c8"),
    "shadows-into-light": (
        18368,
        "93cff8110a18bb3e1fb0179c95f706ed1e8037e2e527c4cb425b46deaddbd975",
    ),
}
"""npm package below @fontsource -> size in bytes and SHA-256 of its Latin file."""


@cache
def font_file(name: str) -> Path:
    """Return the font's path in the cache. Raises `SourceError` if npm cannot deliver it."""
    return fetch_fonts({name: FONTS[name]})[0]


def letter(character: str, font: str, side: int = 160) -> Float32[ndarray, "s s"]:
    """Return the ink (0..1) of a character, centred; its longest side is 0.75 of the square."""
    face = ImageFont.truetype(str(font_file(font)), 2 * side)
    left, top, right, bottom = face.getbbox(character)
    w, h = int(right - left), int(bottom - top)
    image = Image.new("L", (w + 4, h + 4), 0)
    ImageDraw.Draw(image).text((2 - left, 2 - top), character, font=face, fill=255)
    scale = 0.75 * side / max(w, h, 1)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    square = Image.new("L", (side, side), 0)
    small = image.resize(size, Image.Resampling.BOX)
    square.paste(small, ((side - size[0]) // 2, (side - size[1]) // 2))
    return np.asarray(square, np.float32) / 255
