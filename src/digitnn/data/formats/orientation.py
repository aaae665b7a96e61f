"""Images that are stored transposed, as EMNIST's are, turned upright.

EMNIST keeps each image column by column (Cohen et al. 2017): read row by row, the digits lie
mirrored at the diagonal. Nothing in the files says so, therefore the content decides: images are
classified by the nearest class mean of MNIST's digits, as they are and transposed. They are turned
only if many more labels are right after turning. Clothes and other characters are near no mean in
either position and stay as they are, as do files too small to decide.
Axes: n images, h = w = 14 pixels after averaging 2 x 2, k = 10 classes.
"""

import base64
import zlib
from dataclasses import replace
from functools import cache

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from digitnn.data.dataset import CLASSES, DIGITS, SIDE, Dataset
from digitnn.data.formats.mean_digits import MEAN_DIGITS
from digitnn.data.formats.notes import tell

HALF = SIDE // 2
MAX_SAMPLE = 2000
"""Images that are classified, evenly spaced over the file."""

MIN_ACCURACY = 0.35
"""Of the turned images. MNIST reaches 0.82, blurred digits that fill their box 0.49; of 300 samples
of 100 images of Fashion-MNIST, none gained more than 0.14 by turning."""

MIN_SIGMAS = 4.0
"""By how many standard deviations more labels must be right after turning (McNemar)."""


def upright(data: Dataset, source: str) -> Dataset:
    """Return `data`, transposed and with a note naming `source` if it is stored transposed."""
    if data.images.shape[1:] != (SIDE, SIDE) or data.classes != DIGITS or not is_transposed(data):
        return data
    tell(f"{source}: the images are stored transposed, as in EMNIST; they are turned upright")
    return replace(data, images=np.ascontiguousarray(data.images.transpose(0, 2, 1)))


def is_transposed(data: Dataset) -> bool:
    """Return whether the labels fit the transposed images clearly better than the images."""
    digits = np.flatnonzero(data.labels < CLASSES)
    chosen = digits[:: -(-len(digits) // MAX_SAMPLE) or 1]
    halves = data.images[chosen].reshape(-1, HALF, 2, HALF, 2).mean((2, 4), dtype=np.float32)
    labels = data.labels[chosen]
    as_stored = _nearest_means(halves) == labels
    turned = _nearest_means(halves.transpose(0, 2, 1)) == labels
    gained, lost = int((turned & ~as_stored).sum()), int((as_stored & ~turned).sum())
    significant = gained - lost > MIN_SIGMAS * (gained + lost) ** 0.5
    return bool(significant and turned.mean() >= MIN_ACCURACY)


def _nearest_means(halves: Float[ndarray, "n h w"]) -> ndarray:
    """Return the class whose mean correlates best with each image."""
    return np.asarray((_standardised(halves) @ _mean_digits().T).argmax(axis=1))


def _standardised(halves: Float[ndarray, "n h w"]) -> Float[ndarray, "n pixels"]:
    rows = halves.reshape(len(halves), HALF * HALF)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-6))


@cache
def _mean_digits() -> Float[ndarray, "k pixels"]:
    content = zlib.decompress(base64.b85decode(MEAN_DIGITS))
    means = np.frombuffer(content, np.uint8).reshape(CLASSES, HALF, HALF)
    return _standardised(means.astype(np.float32))
