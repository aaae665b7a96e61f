"""Pictures of any size side by side in one, for a person to look at."""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray
from PIL import Image, ImageDraw


def contact_sheet(
    pictures: Sequence[ndarray], captions: Sequence[str] = (), columns: int = 10, cell: int = 96
) -> Image.Image:
    """Each picture fitted into a square of `cell` pixels, its caption below, row by row."""
    below = 14 if captions else 0
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * cell, rows * (cell + below)), (90, 90, 110))
    pen = ImageDraw.Draw(sheet)
    for at, pixels in enumerate(pictures):
        y, x = divmod(at, columns)
        image = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
        scale = (cell - 4) / max(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX
        sheet.paste(image.resize(size, method), (x * cell + 2, y * (cell + below) + 2))
        if captions:
            pen.text((x * cell + 3, y * (cell + below) + cell), captions[at], fill=(255, 255, 120))
    return sheet
