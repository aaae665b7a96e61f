"""Handwriting fonts: fetched into the cache, checked by SHA-256, and used to draw characters."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image, ImageDraw, ImageFont

from digitnn.data.augmentation.resampling import fit_to_image
from digitnn.data.fetch.download import download, missing_files
from digitnn.data.fetch.sources import cache_base
from digitnn.data.fetch.transports import KnownFile, npm_package
from digitnn.errors import SourceError

FONTS = {
    "caveat-brush": (63092, "2c57f92c541e3d7c8050ca99d8ce3f6ee2f64cbdfe72f304f6d7683f0db388ba"),
    "cedarville-cursive": (
        26004,
        "8d8360a98492b42d02c17e94c38bcd2a3cce6db6b9b430f3a110e71f81d7149c",
    ),
    "covered-by-your-grace": (
        18568,
        "876d8371eedf1f9add237910aea034ca42cd5bdc8f7d722c7a04819ab3f711b8",
    ),
    "just-another-hand": (
        31660,
        "996689005263a02315843bd1eff3f67b71ec1ca25be7fa9ee4523e4d282b7b89",
    ),
    "kalam": (17668, "70ab8c1d2c10a28f213c6f1c359888624d5e650ffcd64f93a8194c3e14403746"),
    "patrick-hand": (17652, "0f7031f6665437e04d6f354c5f64d6ae6777b498afbe804638c45b957a7ce8aa"),
    "permanent-marker": (36116, "ab8ac2bb72d48e089e37d8eefbacdfe2d74ccd48ae786d952fce9874837d2b2b"),
    "reenie-beanie": (21444, "1b86681155e125625f01839b2e6688dde2b2a7766a8eb49645b3a8707c2bee9f"),
    "rock-salt": (59136, "358d065405a805204d48cc51cc48a8447f8d86369aa05d44c70e0111d7ee7e29"),
    "walter-turncoat": (69916, "90a2eac28cf08ea30ebc93308f5de15abbfa6b8e54253f5fc9cfedb3971b9f89"),
}
"""Size and SHA-256; all by their authors under the SIL Open Font License 1.1 or Apache 2.0."""

FONT_PACKAGE_VERSION = "5.3.0"

LETTERS = "ACEFHKLMNPRUVWXcdehkmnpruvwx&@#%?*+=<>~$€£"
"""Characters that no reader takes for a digit. Left out: O o Q D (0), I i J j l t f ! (1), Z z (2),
y Y (4), S s (5), b G (6), T (7), B (8), a g q (9). A network trained to reject those rejects
sloppy digits too."""

FONT_PIXELS = 64


def fetch_fonts(known: Mapping[str, tuple[int, str]]) -> list[Path]:
    """Return the Latin files of fonts, fetched from their npm packages if missing.

    known: size and SHA-256 by name. Raises `SourceError` if a font cannot be fetched.
    """
    folder = cache_base() / "fonts"
    files = {
        name: KnownFile(f"{name}-latin-400-normal.woff", *kept) for name, kept in known.items()
    }
    missing = missing_files(list(files.values()), folder)
    sources = [
        npm_package(f"@fontsource/{name}@{FONT_PACKAGE_VERSION}")
        for name, file in files.items()
        if file in missing
    ]
    failures = download(missing, folder, sources)
    if failures:
        raise SourceError(f"cannot fetch the fonts: {'; '.join(failures)} -- is npm installed?")
    return [folder / file.name for file in files.values()]


def draw_characters(
    fonts: Sequence[Path], text: str, n: int, rng: np.random.Generator
) -> tuple[UInt8[ndarray, "n 28 28"], list[str]]:
    """Draw `n` random characters of `text` in random fonts; return the images and characters."""
    characters = rng.choice(list(text), n)
    loaded = [ImageFont.truetype(str(font), FONT_PIXELS) for font in fonts]
    pages = np.zeros((n, 2 * FONT_PIXELS, 2 * FONT_PIXELS), np.float32)
    chosen = rng.integers(len(fonts), size=n)
    for page, character, font in zip(pages, characters, chosen, strict=True):
        image = Image.new("L", page.shape)
        middle = (FONT_PIXELS, FONT_PIXELS)
        ImageDraw.Draw(image).text(middle, character, fill=255, font=loaded[font], anchor="mm")
        page[:] = np.asarray(image, np.float32) / 255
    return fit_to_image(pages), list(characters)
