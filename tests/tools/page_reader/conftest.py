"""Small sources instead of MNIST, Fashion-MNIST and fonts from the network."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from handwriting import HAND
from matplotlib import get_data_path

from benchmarks.beds.pens import Place, draw
from benchmarks.beds.styles import written
from digitnn.data.dataset import Dataset
from tools.page_reader import hands, shapes, train, train_glyphs

TRAINING_DIGITS, VALIDATION_DIGITS = 60, 12
FONTS = [Path(get_data_path(), "fonts", "ttf", f"DejaVu{name}.ttf") for name in ("Sans", "Serif")]


def small_mnist() -> Dataset:
    """Written digits to train on, and white squares to validate on: a sixth of all."""
    rng = np.random.default_rng(0)
    images = np.zeros((TRAINING_DIGITS + VALIDATION_DIGITS, 28, 28), np.uint8)
    labels = np.arange(len(images)) % 10
    for image, label in zip(images[:TRAINING_DIGITS], labels, strict=False):
        ink = draw(written(HAND[label], rng), (28, 28), Place(14, 14, 20), 2.4, rng)
        image[:] = np.rint(255 * ink)
    images[TRAINING_DIGITS:, 8:20, 8:20] = 255
    return Dataset(images, labels.astype(np.uint8))


@pytest.fixture(autouse=True, scope="module")
def loaded() -> Iterator[list[tuple[str, str]]]:
    """Replace all sources; yield what was loaded, as (collection, part)."""
    asked = []
    clothes = Dataset(np.kron(np.eye(2, dtype=np.uint8) * 255, np.ones((14, 14), np.uint8))[None],
                      np.zeros(1, np.uint8))  # fmt: skip
    data = {"mnist": small_mnist(), "fashion-mnist": clothes}

    def load(name: str, part: str) -> Dataset:
        asked.append((name, part))
        return data[name]

    kept = (hands.mnist, hands._fonts, hands._font_glyph, shapes._clothes)
    for cached in kept:
        cached.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hands, "load", load)
        patch.setattr(shapes, "load", load)
        patch.setattr(train, "load", load)
        patch.setattr(train_glyphs, "load", load)
        patch.setattr(hands, "fetch_fonts", lambda known: FONTS)
        yield asked
    for cached in kept:
        cached.cache_clear()
