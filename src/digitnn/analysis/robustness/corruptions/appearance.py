"""Corrupt the appearance of images: noise, blur, light, fog and mud.

Axes: n images, h w pixels.
"""

import numpy as np
from jaxtyping import Float32, Int, Num, UInt8
from numpy import ndarray
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import gaussian_filter, gaussian_filter1d


def glass_blur(
    images: UInt8[ndarray, "n h w"],
    rng: np.random.Generator,
    *,
    sigma: float,
    reach: int,
    rounds: int,
) -> UInt8[ndarray, "n h w"]:
    """Blur, swap neighbouring pixels at random, and blur again.

    sigma: of the Gaussian, in pixels; reach: each pixel, last ones first, is swapped with
    probability 1/2 with one up to `reach` before it or `reach` - 1 after it, in both directions;
    rounds: repetitions. The Gaussian runs down the columns only: the library of the time took the
    last axis of a grey image for colours, and the published images show it.
    """
    n, h, w = images.shape
    # Truncated like the published images; the 1e-3 guards whole levels against rounding errors.
    levels = np.floor(_blurred_down(images, sigma) + np.float32(1e-3))
    # One row per pixel position, so that the loop over pixels takes h w steps, not n h w.
    pixels = levels.reshape(n, h * w).T.copy()
    every = np.arange(n)
    for _ in range(rounds):
        for row in range(h - reach, reach, -1):
            for column in range(w - reach, reach, -1):
                here = row * w + column
                down, across = rng.integers(-reach, reach, (2, n), np.int8).astype(np.intp)
                there = here + (down * w + across) * rng.integers(2, size=n, dtype=np.int8)
                kept = pixels[here].copy()
                pixels[here] = pixels[there, every]
                pixels[there, every] = kept
    scattered = pixels.T.reshape(n, h, w)
    return np.rint(_blurred_down(scattered, sigma)).astype(np.uint8)


def _blurred_down(images: Num[ndarray, "n h w"], sigma: float) -> Float32[ndarray, "n h w"]:
    """Blur down the columns; beyond the edge, edge pixels are repeated."""
    return gaussian_filter1d(images, sigma, axis=1, output=np.float32, mode="nearest")


def motion_blur(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, radius: int, sigma: float
) -> UInt8[ndarray, "n h w"]:
    """Blur along half a Gaussian in a random direction of -45 to 45 degrees to the rows.

    As in ImageMagick, 2 radius + 1 nearest pixels are weighted by exp(-i^2 / (2 sigma^2)). The
    kernel is one-sided, hence the ink also moves to the left.
    """
    n, h, w = images.shape
    reach = 2 * radius
    angles = np.radians(rng.uniform(-45, 45, n))
    weights = np.exp(-(np.arange(reach + 1) ** 2) / (2 * sigma**2))
    weights /= weights.sum()
    framed = np.pad(images, ((0, 0), (reach, reach), (0, reach)), mode="edge")
    windows = sliding_window_view(framed, (h, w), axis=(1, 2))  # n, start row, start column, h, w
    blurred = np.zeros(images.shape, np.float32)
    for i, weight in enumerate(weights):
        down, across = _nearest(i * np.sin(angles)), _nearest(i * np.cos(angles))
        blurred += np.float32(weight) * windows[np.arange(n), reach + down, across]
    return np.rint(blurred).astype(np.uint8)


def _nearest(places: ndarray) -> Int[ndarray, " n"]:
    """Round to the nearest whole number, halves down."""
    return np.ceil(places - 0.5).astype(int)


def shot_noise(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, photons: float
) -> UInt8[ndarray, "n h w"]:
    """Replace each pixel by Poisson(pixel / 255 * photons) / photons.

    photons: the mean count of full ink; fewer are noisier. Paper stays paper.
    """
    counts = rng.poisson(images * (photons / 255))
    return np.rint(np.minimum(counts / photons, 1) * 255).astype(np.uint8)


def impulse_noise(
    images: UInt8[ndarray, "n h w"], rng: np.random.Generator, *, share: float
) -> UInt8[ndarray, "n h w"]:
    """Set a share of the pixels to ink or paper with equal probability (salt and pepper)."""
    drawn = rng.random(images.shape, np.float32)
    noisy = np.where(drawn < share / 2, np.uint8(0), images)
    noisy[drawn >= 1 - share / 2] = 255
    return noisy


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
