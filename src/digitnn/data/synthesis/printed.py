"""Letters and signs of fonts, each scaled as a digit would be."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont

from digitnn.data.augmentation.resampling import fitted

LETTERS = "ACEFHKLMNPRUVWXcdehkmnpruvwx&@#%?*+=<>~$€£"
"""Without those that are digits to somebody: O o Q D and 0, I i J j l t f ! and 1, Z z 2, y Y 4,
S s 5, b G 6, T 7, B 8, a g q 9. A network that must call them junk calls sloppy digits junk too."""

PIXELS = 64


def lettering(
    fonts: Sequence[Path], text: str, n: int, rng: np.random.Generator
) -> tuple[UInt8[ndarray, "n 28 28"], list[str]]:
    """`n` characters of `text`, each of a font drawn by chance; and which they are."""
    characters = rng.choice(list(text), n)
    loaded = [ImageFont.truetype(str(font), PIXELS) for font in fonts]
    pages = np.zeros((n, 2 * PIXELS, 2 * PIXELS), np.float32)
    for page, character, font in zip(
        pages, characters, rng.integers(len(fonts), size=n), strict=True
    ):
        image = Image.new("L", page.shape)
        middle = (PIXELS, PIXELS)
        ImageDraw.Draw(image).text(middle, character, fill=255, font=loaded[font], anchor="mm")
        page[:] = np.asarray(image, np.float32) / 255
    return fitted(pages), list(characters)
