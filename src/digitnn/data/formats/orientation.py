"""Images that are stored transposed, as EMNIST's are, turned upright.

EMNIST keeps each image column by column (Cohen et al. 2017): read row by row, the digits lie
mirrored at the diagonal. Nothing in the files says so, therefore the content decides: images are
classified by the nearest class mean of MNIST's digits, as they are and transposed. They are turned
only if many more labels are right after turning. Clothes and other characters are near no mean in
either position and stay as they are, as do files too small to decide.

Letters have no means here. Most of them are taller than wide, in both cases, so that letters of
which clearly more are wider than tall lie. Images of other sizes than 28 x 28 stay as they are.
Axes: n images, h = w = 14 pixels after averaging 2 x 2, k = 10 classes.
"""

import base64
import zlib
from dataclasses import replace
from functools import cache

import numpy as np
from jaxtyping import Float, Int, UInt8
from numpy import ndarray

from digitnn.data.dataset import CLASSES, DIGITS, SIDE, Dataset
from digitnn.data.formats.mean_digits import MEAN_DIGITS
from digitnn.data.formats.notes import tell
from digitnn.machine.blas import one_core_blas

HALF = SIDE // 2
MAX_SAMPLE = 2000
"""Images that are classified, evenly spaced over the file."""

MIN_ACCURACY = 0.35
"""Of the turned images. MNIST reaches 0.82, blurred digits that fill their box 0.49; of 300 samples
of 100 images of Fashion-MNIST, none gained more than 0.14 by turning."""

TALL_LETTERS = frozenset("abcdefgijklpqrstvxyzABCDEFGIJKLPQRSTVXYZ")
"""Without H, M, N, O, U and W. Drawn in 47 fonts of handwriting, 96 % of these are taller than
wide, of those left out 53 %; of MNIST's training digits 89 %."""

MIN_WIDE_SHARE = 0.65
"""Share of wide images above which letters lie: letters stretched to a square reach one half."""

MIN_SIGMAS = 4.0
"""By how many standard deviations more labels must be right after turning (McNemar)."""


def upright(data: Dataset, source: str) -> Dataset:
    """Return `data`, transposed and with a note naming `source` if it is stored transposed."""
    if data.images.shape[1:] != (SIDE, SIDE) or not is_transposed(data):
        return data
    tell(f"{source}: the images are stored transposed, as in EMNIST; they are turned upright")
    return replace(data, images=np.ascontiguousarray(data.images.transpose(0, 2, 1)))


def is_transposed(data: Dataset) -> bool:
    """Return whether the classes fit the transposed images clearly better than the images.

    Only digits are counted, or `TALL_LETTERS` where there are no digits; False without either.
    """
    with one_core_blas:  # its threads would spin for 0.1 s, in which a training begins
        if data.classes[: len(DIGITS)] == DIGITS:
            chosen = _sample(data, frozenset(DIGITS))
            return _digits_lie(data.images[chosen], data.labels[chosen])
        return _letters_lie(data.images[_sample(data, TALL_LETTERS)])


def _sample(data: Dataset, names: frozenset[str]) -> Int[ndarray, " m"]:
    """Return the indices of at most `MAX_SAMPLE` images of these classes, evenly spaced."""
    counted = [index for index, name in enumerate(data.classes) if name in names]
    known = np.flatnonzero(np.isin(data.labels, counted))
    return known[:: -(-len(known) // MAX_SAMPLE) or 1]


def _digits_lie(images: UInt8[ndarray, "n 28 28"], labels: UInt8[ndarray, " n"]) -> bool:
    """Return whether the nearest mean is right for many more images after turning."""
    halves = images.reshape(-1, HALF, 2, HALF, 2).mean((2, 4), dtype=np.float32)
    as_stored = _nearest_means(halves) == labels
    turned = _nearest_means(halves.transpose(0, 2, 1)) == labels
    gained, lost = int((turned & ~as_stored).sum()), int((as_stored & ~turned).sum())
    significant = gained - lost > MIN_SIGMAS * (gained + lost) ** 0.5
    return bool(significant and turned.mean() >= MIN_ACCURACY)


def _letters_lie(images: UInt8[ndarray, "n 28 28"]) -> bool:
    """Return whether many more images are wider than tall, by the variance of their ink."""
    ink = images.astype(np.float64)
    squares = (np.arange(SIDE) - (SIDE - 1) / 2) ** 2
    place = np.arange(SIDE) - (SIDE - 1) / 2
    total = ink.sum(axis=(1, 2)) + 1e-6
    spread = []
    for axis in (2, 1):  # summed over columns: along y; over rows: along x
        profile = ink.sum(axis=axis)
        spread.append(profile @ squares / total - (profile @ place / total) ** 2)
    wide, tall = int((spread[1] > spread[0]).sum()), int((spread[1] < spread[0]).sum())
    significant = wide - tall > MIN_SIGMAS * (wide + tall) ** 0.5
    return bool(significant and wide >= MIN_WIDE_SHARE * len(images))


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
