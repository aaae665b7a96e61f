"""Augmentation for robustness: random disturbances of many kinds.

MNIST-C's corruptions, which measure robustness, are deliberately not among them: training on them
would invalidate the measurement. The families here are broader: shapes, outlines, random kernels
(Xu et al. 2021, Robust and generalizable visual representation learning via random convolutions),
grain, strokes across, patches, negatives, uneven backgrounds. Most images get only a few:

    shape -> strokes -> kernel -> strokes across -> patch -> negative -> ground -> grain

Axes: n images, h w pixels, p points, k places of a kernel.
"""

from dataclasses import dataclass, field, fields

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from digitnn.data.augmentation.distortion import Distortion, distort, smooth_noise
from digitnn.data.augmentation.resampling import change_thickness, dilate
from digitnn.errors import check_numbers

KERNEL_SIDE = 7
"""Side of a random kernel, in pixels."""

STROKE_POINTS = 8
"""Points of a stroke across."""

GROUND_SMOOTHNESS, PATCH_SMOOTHNESS = 8.0, 1.5
"""Smoothness of a background and of a patch's outline, in pixels; see `smooth_noise`."""


@dataclass(frozen=True)
class Disturbance:
    """Probabilities of the disturbances, each drawn independently for each image.

    shape: the distortion of all images but the plain ones.
    plain: the probability that an image stays unchanged.
    hollow: the probability of outlines only; as many images get thicker or thinner strokes.
    smeared: the probability of a random kernel.
    jittered: the probability that each pixel is replaced by one nearby.
    crossed: the probability of a stroke across the image.
    patched: the probability of grey patches.
    negative: the probability that a band from side to side is inverted.
    uneven: the probability of an uneven background with less contrast.
    grainy: the probability of noise in single pixels.
    """

    shape: Distortion = field(default_factory=Distortion)
    plain: float = 0.2
    hollow: float = 0.15
    smeared: float = 0.15
    jittered: float = 0.12
    crossed: float = 0.2
    patched: float = 0.1
    negative: float = 0.15
    uneven: float = 0.25
    grainy: float = 0.2

    def __post_init__(self) -> None:
        probabilities = (field.name for field in fields(self) if field.name != "shape")
        check_numbers(self, *probabilities, at_least=0, at_most=1)


def disturb(
    images: UInt8[ndarray, "n h w"], limits: Disturbance, rng: np.random.Generator
) -> UInt8[ndarray, "n h w"]:
    """Disturb each image in its own random way."""
    n = len(images)
    disturbed = images.copy()
    others = np.flatnonzero(rng.random(n) >= limits.plain)
    ink = distort(images[others], limits.shape, rng).astype(np.float32) / 255
    _jitter(ink, _some(limits.jittered, ink, rng), rng)
    _redraw(ink, limits.hollow, rng)
    for share, change in (
        (limits.smeared, _smear),
        (limits.crossed, _cross),
        (limits.patched, _patch),
        (limits.negative, _invert),
        (limits.uneven, _lay_ground),
        (limits.grainy, _grain),
    ):
        chosen = _some(share, ink, rng)
        ink[chosen] = change(ink[chosen], rng)
    disturbed[others] = np.rint(np.clip(ink, 0, 1) * 255).astype(np.uint8)
    return disturbed


def _some(share: float, ink: ndarray, rng: np.random.Generator) -> Bool[ndarray, " n"]:
    return rng.random(len(ink)) < share


def _uniform(
    low: float, high: float, ink: ndarray, rng: np.random.Generator
) -> Float32[ndarray, "n 1 1"]:
    """Draw one number for each image."""
    return rng.uniform(low, high, (len(ink), 1, 1)).astype(np.float32)


def _redraw(ink: Float32[ndarray, "n h w"], hollow: float, rng: np.random.Generator) -> None:
    """Make strokes thicker or thinner, or keep only their outlines, in place."""
    chosen = rng.random(len(ink))
    changed = chosen < 2 * hollow
    ink[changed] = change_thickness(ink[changed], rng.uniform(-0.7, 1.3, int(changed.sum())))
    outlined = chosen < hollow
    before = ink[outlined]
    outline = dilate(before, corners=rng.random() < 0.5) - before
    outline /= np.maximum(outline.max(axis=(1, 2), keepdims=True, initial=0), 0.1)
    ink[outlined] = np.minimum(outline * _uniform(1, 1.6, outline, rng), 1)


def _smear(ink: Float32[ndarray, "n h w"], rng: np.random.Generator) -> Float32[ndarray, "n h w"]:
    """Convolve each image with its own random kernel, dominated by a few weights."""
    n, h, w = ink.shape
    half = KERNEL_SIDE // 2
    weights = rng.exponential(size=(n, KERNEL_SIDE**2)).astype(np.float32) ** 3
    weights /= weights.sum(axis=1, keepdims=True)
    framed = np.pad(ink, ((0, 0), (half, half), (half, half)))
    smeared = np.zeros_like(ink)
    for place, weight in enumerate(weights.T):
        y, x = divmod(place, KERNEL_SIDE)
        smeared += weight[:, None, None] * framed[:, y : y + h, x : x + w]
    return smeared * _uniform(1, 1.5, ink, rng)


def _jitter(ink: Float32[ndarray, "n h w"], chosen: ndarray, rng: np.random.Generator) -> None:
    """Replace each pixel by one up to two rows and columns away, in place."""
    old = ink[chosen]
    n, h, w = old.shape
    image, row, column = np.ogrid[:n, :h, :w]
    reach = rng.uniform(0.5, 1.3, (2, n, 1, 1))
    down, across = np.rint(np.clip(rng.standard_normal((2, n, h, w)), -2, 2) * reach).astype(int)
    jittered = old[image, np.clip(row + down, 0, h - 1), np.clip(column + across, 0, w - 1)]
    ink[chosen] = (jittered + old) / 2 if rng.random() < 0.5 else jittered


def _cross(ink: Float32[ndarray, "n h w"], rng: np.random.Generator) -> Float32[ndarray, "n h w"]:
    """Draw a stroke from side to side; upright in half of the images, dashed in some."""
    n, h, w = ink.shape
    along = np.linspace(-1, w, STROKE_POINTS) + rng.normal(0, 1.5, (n, STROKE_POINTS))
    aside = rng.uniform(-2, h + 2, (n, 1)) + rng.uniform(-6, 6, (n, 1)) * np.linspace(
        -1, 1, STROKE_POINTS
    )
    aside += rng.normal(0, 1, (n, STROKE_POINTS)) * rng.uniform(0, 3, (n, 1))
    points = np.stack([aside, along], axis=2).astype(np.float32)
    upright = rng.random(n) < 0.5
    points[upright] = points[upright, :, ::-1]
    start, step = points[:, :-1], np.diff(points, axis=1)
    pixels = np.indices((h, w)).astype(np.float32).reshape(2, -1).T
    off = pixels[None, None] - start[:, :, None]  # n, p - 1, h w, 2
    length = np.maximum((step**2).sum(axis=2), 1e-3)
    share = np.clip((off * step[:, :, None]).sum(axis=3) / length[:, :, None], 0, 1)
    distance = np.sqrt(((off - share[..., None] * step[:, :, None]) ** 2).sum(axis=3))
    dashes = rng.integers(2, 8, (n, 1, 1)) * (rng.random((n, 1, 1)) < 0.4)
    shown = (dashes == 0) | (np.floor(share * dashes) % 2 == 0)
    distance = np.where(shown, distance, h + w).min(axis=1).reshape(n, h, w)
    pen = np.clip(_uniform(0.9, 1.8, ink, rng) - distance, 0, 1) * _uniform(0.5, 1, ink, rng)
    return np.maximum(ink, pen)


def _patch(ink: Float32[ndarray, "n h w"], rng: np.random.Generator) -> Float32[ndarray, "n h w"]:
    """Fill the places where a smooth random field is high with one grey."""
    n, h, w = ink.shape
    high = smooth_noise(n, h, w, PATCH_SMOOTHNESS, rng)[0] > _uniform(0.7, 2, ink, rng)
    return np.where(high, _uniform(0, 0.8, ink, rng), ink)


def _invert(ink: Float32[ndarray, "n h w"], rng: np.random.Generator) -> Float32[ndarray, "n h w"]:
    """Invert each image between two rows or columns, or outside them."""
    n, h, w = ink.shape
    lines = np.sort(rng.uniform(0, 1, (2, n, 1, 1)), axis=0)
    upright = rng.random((n, 1, 1)) < 0.5
    place = np.where(upright, np.arange(w) / w, np.arange(h)[:, None] / h)
    between = (place >= lines[0]) & (place < lines[1])
    return np.where(between ^ (rng.random((n, 1, 1)) < 0.5), 1 - ink, ink)


def _lay_ground(
    ink: Float32[ndarray, "n h w"], rng: np.random.Generator
) -> Float32[ndarray, "n h w"]:
    """Put contrast * ink on an even or wavy background; mostly within 0 and 1."""
    n, h, w = ink.shape
    contrast = _uniform(0.15, 1, ink, rng)
    level = _uniform(0, 1, ink, rng) * (1 - contrast)
    waves = smooth_noise(n, h, w, GROUND_SMOOTHNESS, rng)[0] * _uniform(0, 0.5, ink, rng) * contrast
    return level + contrast * ink + waves


def _grain(ink: Float32[ndarray, "n h w"], rng: np.random.Generator) -> Float32[ndarray, "n h w"]:
    """Add normal noise, or replace some pixels by any grey, or make the ink uneven."""
    n = len(ink)
    kind = rng.integers(3, size=(n, 1, 1))
    normal = rng.standard_normal(ink.shape, np.float32)
    added = ink + normal * _uniform(0, 0.35, ink, rng)
    uneven = ink * (1 + normal * _uniform(0, 0.6, ink, rng))
    exchanged = rng.random(ink.shape, np.float32) < _uniform(0, 0.3, ink, rng)
    any_grey = np.where(exchanged, rng.random(ink.shape, np.float32), ink)
    return np.select([kind == 0, kind == 1], [added, uneven], any_grey)
