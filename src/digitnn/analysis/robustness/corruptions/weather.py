"""Corrupt images by light, fog and mud.

Axes: n images, h w pixels.
"""

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from scipy.ndimage import gaussian_filter

MUD_LEVEL = 63
"""The level of spattered mud, between 0 paper and 255 ink."""

SKY_SIDE = 256
"""Side of the cloud image in pixels, a power of two; a corner of it is used."""

SKIES_AT_ONCE = 4
"""So few stay in cache: 256 at once take a quarter more time."""


def brightness(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, light: float
) -> UInt8[ndarray, "n h w"]:
    """Add `light` * 255 to each pixel, up to 255."""
    return np.rint(np.minimum(images + light * 255, 255)).astype(np.uint8)


def fog(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, thickness: float, decay: float
) -> UInt8[ndarray, "n h w"]:
    """Return (image + thickness * clouds) * m / (m + thickness), m the image's maximum, in 0..1.

    Full ink in the thickest fog therefore keeps its level.
    """
    n, h, w = images.shape
    ink = images.astype(np.float32) / 255
    maximum = ink.max(axis=(1, 2), keepdims=True)
    haze = np.empty_like(ink)
    for start in range(0, n, SKIES_AT_ONCE):
        part = haze[start : start + SKIES_AT_ONCE]
        part[...] = clouds(len(part), decay, rng)[:, :h, :w]
    hazy = ink + np.float32(thickness) * haze
    return np.rint(np.clip(hazy * maximum / (maximum + thickness), 0, 1) * 255).astype(np.uint8)


def clouds(
    n: int, decay: float, rng: np.random.Generator, size: int = SKY_SIDE
) -> Float32[ndarray, "n size size"]:
    """Return plasma fractals by the diamond-square algorithm, scaled to 0..1.

    See Fournier, Fussell and Carpenter 1982. The plane is a torus that starts with one point of
    height 0. The centre of each square becomes the mean of its corners, then the middle of each
    side the mean of the four points around it, each plus noise uniform in +-amplitude. Each round
    halves the spacing and divides the amplitude by decay^2 (the published code multiplies by the
    range it draws from).
    """
    heights = np.zeros((n, size, size), np.float32)
    amplitude, step = 1.0, size

    def uniform(grid: ndarray) -> ndarray:
        noise = rng.random(grid.shape, np.float32)
        noise -= np.float32(0.5)
        noise *= np.float32(2 * amplitude)
        return noise

    def middle(one: ndarray, other: ndarray) -> ndarray:
        total = one + other
        total *= np.float32(0.25)
        total += uniform(total)
        return total

    while step >= 2:
        half = step // 2
        corners = heights[:, ::step, ::step]
        rows = corners + np.roll(corners, -1, axis=1)
        centres = middle(rows, np.roll(rows, -1, axis=2))
        heights[:, half::step, half::step] = centres
        across = corners + np.roll(corners, -1, axis=2)
        heights[:, ::step, half::step] = middle(centres + np.roll(centres, 1, axis=1), across)
        down = corners + np.roll(corners, -1, axis=1)
        heights[:, half::step, ::step] = middle(centres + np.roll(centres, 1, axis=2), down)
        step, amplitude = half, amplitude / decay**2
    heights -= heights.min(axis=(1, 2), keepdims=True)
    heights /= heights.max(axis=(1, 2), keepdims=True)
    return heights


def spatter(
    images: UInt8[ndarray, "n h w"],
    rng: np.random.Generator,
    *,
    mean: float,
    spread: float,
    drop: float,
    threshold: float,
    softness: float,
) -> UInt8[ndarray, "n h w"]:
    """Cover parts of the image with opaque drops of mud.

    Normal noise of `mean` and `spread`, blurred by a Gaussian of `drop` pixels, is liquid above
    `threshold`. That mask, blurred by `softness` pixels, is the share of mud of a pixel; shares
    below 0.8 become 0.
    """
    noise = rng.normal(mean, spread, images.shape).astype(np.float32)
    liquid = gaussian_filter(noise, drop, mode="nearest", axes=(1, 2)) > threshold
    mud = gaussian_filter(liquid.astype(np.float32), softness, mode="nearest", axes=(1, 2))
    mud[mud < 0.8] = 0
    return np.rint(images * (1 - mud) + MUD_LEVEL * mud).astype(np.uint8)
