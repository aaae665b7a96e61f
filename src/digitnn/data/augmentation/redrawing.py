"""Training images redrawn: by another pen, in another hand, scanned at another size, cut out anew.

A network that learned from MNIST's images alone has seen one scanner, one pen and one way of
cutting out. What strangers hand in differs in all of them, and of that `picture.normalise` undoes
only what can be undone. So an image goes the way of a picture here, with chance at every turn:

    bent, slanted -> the pen -> cut out -> the medium's pixels -> cut out again, 20 x 20 in 28 x 28

Axes: n images, h w pixels.
"""

from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray

from digitnn.data.augmentation.distortion import Distortion, random_points, sample
from digitnn.data.augmentation.resampling import bounding_boxes, resample_windows
from digitnn.data.augmentation.stroke_width import change_thickness
from digitnn.data.dataset import DIGIT_SIDE, SIDE
from digitnn.errors import UsageError

CANVAS, MAGNIFICATION = 40, 1.4
"""Pens are changed on 40 x 40 pixels, on which the image is 1.4 times as large."""

MEDIUM_SIZES = 4
"""Sizes of a medium in one batch; each is a few calls for its share of the images."""

MIN_WIDTH_RATIO = 0.25
"""Of a stretched digit's longest side: a narrower 1 would become a block."""

PLAIN_HAND = 0.3
"""Of `hand`, for plain images: enough that none is ever seen twice."""

_PROBABILITIES = ("bilevel", "noisy", "stretched", "cut", "crowded", "plain")

INK_THRESHOLD = 0.35
"""Of the full ink: what the box of a digit holds."""


@dataclass(frozen=True)
class Redrawing:
    """How far each image may be redrawn. What is called a share is a probability.

    hand: how the shape is distorted.
    thicker: the outline of the strokes moves out by up to this many of the image's pixels.
    thinner: likewise in.
    least: pixels a side of the smallest medium that the digit is drawn on.
    most: of the largest.
    bilevel: the share of media that know ink and paper only.
    noisy: the share that add grain.
    stretched: the share of digits that fill their box more than their proportions would, half of
        them wholly.
    cut: the share of digits that lose up to an eighth at one side.
    crowded: the share of digits that have part of another one beside them.
    plain: the share that comes nearly as MNIST's own digits do: its own pen, its own medium, and a
        hand that is `PLAIN_HAND` of `hand` off.
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
        for name in (*_PROBABILITIES, "thicker", "thinner"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
                raise UsageError(f"Redrawing: {name} must be a finite number, got {value!r}")
            most = 1.0 if name in _PROBABILITIES else 4.0
            if not 0 <= value <= most:
                raise UsageError(f"Redrawing: {name} must be from 0 to {most:g}, got {value!r}")
        if not 5 <= self.least <= self.most <= 64:
            raise UsageError(
                "Redrawing: least and most must be 5 to 64 pixels in this order, "
                f"got {self.least!r} and {self.most!r}"
            )


def redraw(
    images: UInt8[ndarray, "n h w"], redrawing: Redrawing, rng: np.random.Generator
) -> UInt8[ndarray, "n h w"]:
    """Each of `images` redrawn in its own way."""
    n = len(images)
    plain = rng.random(n) < redrawing.plain
    drawn = _by_another_hand(images, redrawing.hand, np.where(plain, PLAIN_HAND, 1), rng)
    drawn[~plain] = change_pen(drawn[~plain], redrawing, rng)
    ink = np.empty((n, SIDE, SIDE), np.float32)
    # An image's own frame, in the canvas.
    frame = np.full((n, 2), (CANVAS - SIDE * MAGNIFICATION) / 2, np.float32)
    ink[plain] = resample_windows(
        drawn[plain], frame[plain], np.full_like(frame[plain], SIDE * MAGNIFICATION), SIDE
    )
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
    """The images distorted by each one's `share` of `hand` on the canvas, 0..1."""
    still = random_points(1, CANVAS, CANVAS, Distortion(), rng, MAGNIFICATION)
    points = random_points(len(images), CANVAS, CANVAS, hand, rng, MAGNIFICATION)
    points = still + share[:, None, None].astype(np.float32) * (points - still)
    points -= np.float32((CANVAS - SIDE) / 2)
    return sample(images, points).astype(np.float32) / 255


def change_pen(
    ink: Float32[ndarray, "n h w"], redrawing: Redrawing, rng: np.random.Generator
) -> Float32[ndarray, "n h w"]:
    """Outlines moved out or in (see `strokes`); half of the images keep their pen."""
    n = len(ink)
    amount = rng.uniform(-redrawing.thinner, redrawing.thicker, n) * MAGNIFICATION
    amount[rng.random(n) < 0.5] = 0
    return change_thickness(ink, amount)


def _cut_out(
    drawn: Float32[ndarray, "n 40 40"], side: int, redrawing: Redrawing, rng: np.random.Generator
) -> Float32[ndarray, "n side side"]:
    """The digits' boxes on `side` x `side` pixels: tight or loose, sometimes stretched or cut."""
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
    # What is beside a cut digit is cut as well, in whichever window it would fall.
    rows = np.arange(CANVAS) + 0.5
    inside = [np.abs(rows - middle[:, [i]]) <= extents[:, [i]] / 2 + 0.5 for i in (0, 1)]
    kept = drawn * inside[0][:, :, None] * inside[1][:, None, :]
    return resample_windows(
        kept, (middle - wanted / 2).astype(np.float32), wanted.astype(np.float32), side
    )


def through_medium(
    ink: Float32[ndarray, "n h w"], redrawing: Redrawing, rng: np.random.Generator
) -> Float32[ndarray, "n h w"]:
    """What pixels make of ink: blur, more or less contrast, grain, two levels only."""
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
    """Each pixel the mean of its neighbourhood by 1 2 1, down and across."""
    framed = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    across = framed[:, :, :-2] + 2 * framed[:, :, 1:-1] + framed[:, :, 2:]
    return (across[:, :-2] + 2 * across[:, 1:-1] + across[:, 2:]) / 16


def frame_as_mnist(
    ink: Float32[ndarray, "n h w"], rng: np.random.Generator
) -> Float32[ndarray, "n 28 28"]:
    """The longest side on 20 pixels; mostly the centre of mass in the middle, sometimes the box's.

    Not quite, so that the last pixel is never what decides.
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
    # Never so far that ink leaves the image.
    half = np.float32(SIDE / 2)
    middle = np.clip(middle, starts + extents - half * pixel, starts + half * pixel)
    middle += rng.uniform(-0.5, 0.5, (n, 2)) * pixel
    first = (middle - half * pixel).astype(np.float32)
    framed = resample_windows(
        ink, first, np.repeat(SIDE * pixel, 2, axis=1).astype(np.float32), SIDE
    )
    return framed / np.maximum(framed.max(axis=(1, 2), keepdims=True), 0.1)


def _crowd(ink: Float32[ndarray, "n 28 28"], share: float, rng: np.random.Generator) -> None:
    """Parts of other images come in from the sides of some, in place."""
    crowded = np.flatnonzero(rng.random(len(ink)) < share)
    others = ink[rng.integers(len(ink), size=len(crowded))]
    across = rng.integers(17, 24, len(crowded)) * rng.choice([-1, 1], len(crowded))
    for place, other, shift in zip(crowded, others, across, strict=True):
        if shift > 0:
            part = ink[place, :, shift:]
            np.maximum(part, other[:, : SIDE - shift], out=part)
        else:
            part = ink[place, :, :shift]
            np.maximum(part, other[:, -shift:], out=part)
