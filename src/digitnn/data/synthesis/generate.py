"""Synthetic training images: digits in other styles, and non-digits.

They are made of strokes, fonts, the training split and Fashion-MNIST's training part. Some are what
wrong segmentation produces: halves of digits, and two touching digits. Training draws a new variant
of each image in every epoch (see `augmentation.redrawing`).
Axes: n images, h w pixels.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from digitnn.data.augmentation.resampling import bounding_boxes, fit_to_image
from digitnn.data.dataset import NON_DIGIT, SIDE, Dataset
from digitnn.data.fetch.sources import load
from digitnn.data.synthesis import SyntheticMix
from digitnn.data.synthesis.digits import DRAWERS, Drawer, jitter_strokes
from digitnn.data.synthesis.fonts import FONTS, LETTERS, draw_characters, fetch_fonts
from digitnn.data.synthesis.pen import draw
from digitnn.data.synthesis.shapes import FIGURES, scribble

PEN_WIDTHS = (1.5, 4.0)
"""Range of pen widths, in pixels of the image."""

SYNTHETIC_SEED = 20
"""The synthetic images are the same for every training seed."""

MAY_BE_DIGITS = {
    "left": (0, 1, 4, 5, 6),
    "right": (0, 1, 3, 4, 5, 7, 8, 9),
    "top": (1, 2, 3, 4, 6, 7, 8, 9),
    "bottom": (1, 2, 4, 6, 7, 8, 9),
}
"""Digits of which this half may be a digit too: a 9's upper half is a 0, its lower half a 1, a
slanted 5's left half a 5."""


def add_synthetic(train: Dataset, mix: SyntheticMix, seed: int = SYNTHETIC_SEED) -> Dataset:
    """Return `train` followed by the images of `mix`; non-digits have the label `NON_DIGIT`.

    Raises `SourceError` if fonts or clothes are needed and cannot be fetched.
    """
    rng = np.random.default_rng(seed)
    fonts = fetch_fonts(FONTS) if mix.printed or mix.letters else []
    images, labels = [train.images], [train.labels]

    def add(found: UInt8[ndarray, "n 28 28"], what: UInt8[ndarray, " n"] | None = None) -> None:
        images.append(found)
        labels.append(np.full(len(found), NON_DIGIT, np.uint8) if what is None else what)

    digits = (np.arange(mix.hands) % len(DRAWERS)).astype(np.uint8)
    add(draw_all([DRAWERS[digit] for digit in digits], rng), digits)
    if mix.printed:
        printed, characters = draw_characters(fonts, "0123456789", mix.printed, rng)
        add(printed, np.array(characters).astype(np.uint8))
    if mix.letters:
        add(draw_characters(fonts, LETTERS, mix.letters, rng)[0])
    add(draw_all([FIGURES[number % len(FIGURES)] for number in range(mix.figures)], rng))
    add(draw_all([scribble] * mix.scribbles, rng))
    add(half_digits(train, mix.halves, rng))
    add(touching_pairs(train, mix.glued, rng))
    if mix.clothes:
        clothes = load("fashion-mnist", "train").images
        add(fit_to_image(clothes[: mix.clothes].astype(np.float32) / 255))
    add(blots(mix.blots, rng))
    return Dataset(np.concatenate(images), np.concatenate(labels), train.name, has_non_digits=True)


def draw_all(drawers: Sequence[Drawer], rng: np.random.Generator) -> UInt8[ndarray, "n 28 28"]:
    """Draw one image with each drawer, by pens of random width."""
    images = np.empty((len(drawers), SIDE, SIDE), np.uint8)
    for image, drawer in zip(images, drawers, strict=True):
        image[:] = draw(jitter_strokes(drawer(rng), 0.015, rng), rng.uniform(*PEN_WIDTHS))
    return images


def blots(n: int, rng: np.random.Generator) -> UInt8[ndarray, "n 28 28"]:
    """Draw ragged blots: in each image, one large blot or many small ones."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    found = np.empty((n, SIDE, SIDE), np.float32)
    for blot in found:
        noise = np.fft.fft2(rng.standard_normal((SIDE, SIDE)))
        field = np.fft.ifft2(noise * np.exp(-((frequency * rng.uniform(3, 40)) ** 2))).real
        blot[:] = field > np.quantile(field, rng.uniform(0.5, 0.95))
    return fit_to_image(found)


def half_digits(digits: Dataset, n: int, rng: np.random.Generator) -> UInt8[ndarray, "n 28 28"]:
    """Return `n` halves (38 to 52 %) of digits whose half cannot be a digit."""
    found = []
    for side, apart in MAY_BE_DIGITS.items():
        usable = np.flatnonzero(~np.isin(digits.labels, apart))
        images = digits.images[rng.choice(usable, -(-n // 4))].astype(np.float32) / 255
        axis = 1 if side in ("left", "right") else 0
        starts, extents = bounding_boxes(images > 0.3)
        share = rng.uniform(0.38, 0.52, len(images))
        first = side in ("left", "top")
        edge = starts[:, axis] + extents[:, axis] * (share if first else 1 - share)
        before = np.arange(SIDE) + 0.5 < edge[:, None]
        kept = before if first else ~before
        found.append(images * (kept[:, None, :] if axis else kept[:, :, None]))
    return fit_to_image(np.concatenate(found)[:n])


def touching_pairs(digits: Dataset, n: int, rng: np.random.Generator) -> UInt8[ndarray, "n 28 28"]:
    """Return `n` pairs of digits, the second moved left until it touches the first, or further."""
    chosen = rng.integers(len(digits), size=(n, 2))
    pairs = digits.images[chosen].astype(np.float32) / 255
    # A 1 that overlaps the other digit may turn it into a 4 or an 8.
    most = np.where((digits.labels[chosen] == 1).any(axis=1), 2, 4)
    pages = np.zeros((n, 2 * SIDE, 2 * SIDE), np.float32)
    for page, (first, second), further in zip(pages, pairs, most, strict=True):
        overlap = min(
            _until_they_touch(first > 0.3, second > 0.3) + int(rng.integers(further)), SIDE
        )
        down = int(rng.integers(-3, 4)) + SIDE // 2
        page[SIDE // 2 : SIDE // 2 + SIDE, :SIDE] = first
        at = page[down : down + SIDE, SIDE - overlap : 2 * SIDE - overlap]
        np.maximum(at, second, out=at)
    return fit_to_image(pages)


def _until_they_touch(first: Bool[ndarray, "h w"], second: Bool[ndarray, "h w"]) -> int:
    """Return by how many pixels the frames overlap when their ink first meets in a row."""
    right = SIDE - first[:, ::-1].argmax(axis=1)
    left = second.argmax(axis=1)
    both = first.any(axis=1) & second.any(axis=1)
    gaps = (SIDE - right + left)[both]
    return int(gaps.min()) + 1 if gaps.size else 8
