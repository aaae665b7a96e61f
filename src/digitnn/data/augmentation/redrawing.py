"""Augmentation for the reader: images redrawn with another hand, pen, medium and framing.

MNIST's images come from one scanner, one pen and one method of cutting out. Users' pictures differ
in all of them, and the reader's normalisation can undo only a part. So each image is simulated as a
picture, with random choices at every step:

    hand (distortion) -> pen -> cut out -> medium's pixels -> cut out again, 20 x 20 in 28 x 28

Axes: n images, h w pixels.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray

from digitnn.data.augmentation.distortion import Distortion, random_points, sample
from digitnn.data.augmentation.resampling import bounding_boxes, change_thickness, resample_windows
from digitnn.data.dataset import DIGIT_SIDE, SIDE
from digitnn.errors import UsageError, check_numbers

CANVAS, MAGNIFICATION = 40, 1.4
"""Pens are changed on a canvas of 40 x 40 pixels, which magnifies the image 1.4 times."""

MEDIUM_SIZES = 4
"""Number of medium sizes in one batch."""

MIN_WIDTH_RATIO = 0.25
"""Minimum side ratio of a digit when it is stretched: a narrower 1 would become a block."""

PLAIN_HAND = 0.3
"""Share of `hand` for plain images: enough that no image repeats exactly."""

_PROBABILITIES = ("bilevel", "noisy", "stretched", "cut", "crowded", "plain")

INK_THRESHOLD = 0.35
"""Minimum ink, of 1, of a pixel that counts for a digit's bounding box."""


@dataclass(frozen=True)
class Redrawing:
    """Limits and probabilities of redrawing.

    hand: the distortion of the shape.
    thicker: the maximum by which the outline of strokes moves out, in pixels of the image.
    thinner: the same inwards.
    least: side of the smallest medium that the digit is drawn on, in pixels.
    most: side of the largest.
    bilevel: the probability of a medium with ink and paper only.
    noisy: the probability of grain.
    stretched: the probability that a digit is stretched towards its bounding square, half of the
        time completely.
    cut: the probability that a digit loses up to an eighth at one side.
    crowded: the probability of a part of another digit next to it.
    plain: the probability of an almost unchanged image: its own pen and medium, and a small share
        of `hand`.
    """

    hand: Distortion = field(default_factory=Distortion)
    thicker: float = 2.0
    thinner: float = 0.5
    least: int = 9
    most: int = 40
    bilevel: float = 0.4
    noisy: float = 0.25
    stretched: float = 0.4
    cut: float = 0.08
    crowded: float = 0.08
    plain: float = 0.25

    def __post_init__(self) -> None:
        check_numbers(self, *_PROBABILITIES, at_least=0, at_most=1)
        check_numbers(self, "thicker", "thinner", at_least=0, at_most=4)
        if not 5 <= self.least <= self.most <= 64:
            raise UsageError(
                "Redrawing: least and most must be 5 to 64 pixels in this order, "
                f"got {self.least!r} and {self.most!r}"
            )


def redraw(
    images: UInt8[ndarray, "n h w"], redrawing: Redrawing, rng: np.random.Generator
) -> UInt8[ndarray, "n h w"]:
    """Redraw each image in its own random way."""
    n = len(images)
    plain = rng.random(n) < redrawing.plain
    drawn = _by_another_hand(images, redrawing.hand, np.where(plain, PLAIN_HAND, 1), rng)
    drawn[~plain] = change_pen(drawn[~plain], redrawing, rng)
    ink = np.empty((n, SIDE, SIDE), np.float32)
    # The frame of the original image within the canvas.
    extents = np.full((int(plain.sum()), 2), SIDE * MAGNIFICATION)
    ink[plain] = resample_windows(drawn[plain], (CANVAS - extents) / 2, extents, SIDE)
    others = rng.permutation(np.flatnonzero(~plain))
    for part in np.array_split(others, MEDIUM_SIZES):
        side = int(redrawing.least * (redrawing.most / redrawing.least) ** rng.random())
        medium = through_medium(_cut_out(drawn[part], side, redrawing, rng), redrawing, rng)
        ink[part] = frame_as_mnist(medium, rng)
    _crowd(ink, redrawing.crowded, rng)
    return np.rint(np.clip(ink, 0, 1) * 255).astype(np.uint8)


def _by_another_hand(
    images: UInt8[ndarray, "n h w"],
    hand: Distortion,
    share: Float64[ndarray, " n"],
    rng: np.random.Generator,
) -> Float32[ndarray, "n 40 40"]:
    """Distort the images by each one's `share` of `hand`, on the canvas, as 0..1."""
    still = random_points(1, CANVAS, CANVAS, Distortion(), rng, MAGNIFICATION)
    points = random_points(len(images), CANVAS, CANVAS, hand, rng, MAGNIFICATION)
    points = still + share[:, None, None].astype(np.float32) * (points - still)
    points -= np.float32((CANVAS - SIDE) / 2)
    return sample(images, points).astype(np.float32) / 255


def change_pen(
    ink: Float32[ndarray, "n h w"], redrawing: Redrawing, rng: np.random.Generator
) -> Float32[ndarray, "n h w"]:
    """Make strokes thicker or thinner (see `change_thickness`) in half of the images."""
    n = len(ink)
    amount = rng.uniform(-redrawing.thinner, redrawing.thicker, n) * MAGNIFICATION
    amount[rng.random(n) < 0.5] = 0
    return change_thickness(ink, amount)


def _cut_out(
    drawn: Float32[ndarray, "n 40 40"], side: int, redrawing: Redrawing, rng: np.random.Generator
) -> Float32[ndarray, "n side side"]:
    """Cut out the digits' boxes on `side` x `side` pixels, sometimes stretched or cropped."""
    n = len(drawn)
    starts, extents = bounding_boxes(drawn > INK_THRESHOLD)
    cut = rng.random(n) < redrawing.cut
    axis, at_start = rng.integers(2, size=n), rng.random(n) < 0.5
    lost = np.where(cut, rng.uniform(0, 1 / 8, n), 0) * extents[np.arange(n), axis]
    starts[np.arange(n), axis] += np.where(at_start, lost, 0)
    extents[np.arange(n), axis] -= lost
    margin = np.where(cut, 0, rng.uniform(0, 2, n) * (rng.random(n) < 0.5))[:, None]
    starts, extents = starts - margin, extents + 2 * margin
    longest = extents.max(axis=1, keepdims=True)
    fill = np.minimum(2 * rng.random((n, 1)), 1) * (rng.random((n, 1)) < redrawing.stretched)
    wanted = longest * np.maximum(extents / longest, MIN_WIDTH_RATIO) ** fill
    middle = starts + extents / 2
    # Ink outside the cropped box must not reappear in a larger window.
    rows = np.arange(CANVAS) + 0.5
    inside = [np.abs(rows - middle[:, [i]]) <= extents[:, [i]] / 2 + 0.5 for i in (0, 1)]
    kept = drawn * inside[0][:, :, None] * inside[1][:, None, :]
    return resample_windows(kept, middle - wanted / 2, wanted, side)


def through_medium(
    ink: Float32[ndarray, "n h w"], redrawing: Redrawing, rng: np.random.Generator
) -> Float32[ndarray, "n h w"]:
    """Simulate a medium: blur, contrast, grain, or two levels only."""
    n = len(ink)
    blurred = _blurred(ink)
    share = (rng.random(n) * (rng.random(n) < 0.4))[:, None, None]
    ink = ink + share.astype(np.float32) * (blurred - ink)
    ink /= np.maximum(ink.max(axis=(1, 2), keepdims=True), 0.1)
    gain, power = rng.uniform(0.9, 1.7, n), np.exp(rng.uniform(-0.5, 0.5, n))
    ink = np.clip(ink * gain[:, None, None].astype(np.float32), 0, 1)
    ink **= power[:, None, None].astype(np.float32)
    strength = rng.uniform(0, 0.18, n) * (rng.random(n) < redrawing.noisy)
    grain = rng.standard_normal(ink.shape, np.float32)
    grain *= strength[:, None, None].astype(np.float32)
    ink += grain
    bilevel = rng.random(n) < redrawing.bilevel
    threshold = rng.uniform(0.3, 0.6, (n, 1, 1))
    return np.where(bilevel[:, None, None], ink > threshold, np.clip(ink, 0, 1)).astype(np.float32)


def _blurred(ink: Float32[ndarray, "n h w"]) -> Float32[ndarray, "n h w"]:
    """Blur with the kernel 1 2 1, down and across."""
    framed = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    across = framed[:, :, :-2] + 2 * framed[:, :, 1:-1] + framed[:, :, 2:]
    return (across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:]) / 16


def frame_as_mnist(
    ink: Float32[ndarray, "n h w"], rng: np.random.Generator
) -> Float32[ndarray, "n 28 28"]:
    """Frame digits as in MNIST: longest side 20 pixels, mostly centred by mass, else by the box.

    Size and place are varied slightly, so that no single pixel decides.
    """
    n, size, _ = ink.shape
    starts, extents = bounding_boxes(ink > INK_THRESHOLD)
    longest = extents.max(axis=1, keepdims=True)
    by_mass = rng.random((n, 1)) < 0.75
    places = np.arange(size, dtype=np.float32) + 0.5
    lines = (np.sum(ink, axis=2), np.sum(ink, axis=1))
    mean = np.stack([line @ places / (line.sum(axis=1) + 1e-6) for line in lines], 1)
    middle = np.where(by_mass, mean, starts + extents / 2)
    pixel = longest * rng.uniform(0.95, 1.08, (n, 1)) / DIGIT_SIDE
    # Keep all ink inside the image.
    half = np.float32(SIDE / 2)
    middle = np.clip(middle, starts + extents - half * pixel, starts + half * pixel)
    middle += rng.uniform(-0.5, 0.5, (n, 2)) * pixel
    extents = np.repeat(SIDE * pixel, 2, axis=1)
    framed = resample_windows(ink, middle - half * pixel, extents, SIDE)
    return framed / np.maximum(framed.max(axis=(1, 2), keepdims=True), 0.1)


def _crowd(ink: Float32[ndarray, "n 28 28"], share: float, rng: np.random.Generator) -> None:
    """Add a part of another image at the left or right of some images, in place."""
    crowded = np.flatnonzero(rng.random(len(ink)) < share)
    others = ink[rng.integers(len(ink), size=len(crowded))]
    across = rng.integers(17, 24, len(crowded)) * rng.choice([-1, 1], len(crowded))
    for place, other, shift in zip(crowded, others, across, strict=True):
        near, part = ink[place, :, shift:], other[:, : SIDE - shift]
        if shift < 0:
            near, part = ink[place, :, :shift], other[:, -shift:]
        np.maximum(near, part, out=near)
