"""Synthetic training images: digits in other styles, and non-digits.

They are made of strokes, fonts, the training split and Fashion-MNIST's training part. Training then
redraws each of them every time (see `augmentation.redrawing`).
Axes: n images.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.augmentation.resampling import fit_to_image
from digitnn.data.dataset import NON_DIGIT, Dataset
from digitnn.data.fetch.sources import load
from digitnn.data.synthesis.digits import DRAWERS, Drawer, jitter_strokes
from digitnn.data.synthesis.fonts import LETTERS, draw_characters, handwriting_fonts
from digitnn.data.synthesis.fragments import half_digits, touching_pairs
from digitnn.data.synthesis.pen import draw
from digitnn.data.synthesis.shapes import FIGURES, scribble
from digitnn.data.synthesis.spec import SyntheticMix

PEN_WIDTHS = (1.5, 4.0)
"""Range of pen widths, in pixels of the image."""

SYNTHETIC_SEED = 20
"""The synthetic images are the same for every training seed."""


def add_synthetic(train: Dataset, mix: SyntheticMix, seed: int = SYNTHETIC_SEED) -> Dataset:
    """Return `train` followed by the images of `mix`; non-digits have the label `NON_DIGIT`.

    Raises `SourceError` if fonts or clothes are needed and cannot be fetched.
    """
    rng = np.random.default_rng(seed)
    fonts = handwriting_fonts() if mix.printed or mix.letters else []
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
    found = [
        draw(jitter_strokes(drawer(rng), 0.015, rng), rng.uniform(*PEN_WIDTHS))
        for drawer in drawers
    ]
    return np.stack(found) if found else np.empty((0, 28, 28), np.uint8)


def blots(n: int, rng: np.random.Generator) -> UInt8[ndarray, "n 28 28"]:
    """Draw ragged blots, from one that fills the image to many small ones."""
    size = 28
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
    found = np.empty((n, size, size), np.float32)
    for blot in found:
        noise = np.fft.fft2(rng.standard_normal((size, size)))
        field = np.fft.ifft2(noise * np.exp(-((frequency * rng.uniform(3, 40)) ** 2))).real
        blot[:] = field > np.quantile(field, rng.uniform(0.5, 0.95))
    return fit_to_image(found)
