"""Photograph or scan ink on paper.

    ink -> tone and grain -> the paper's tone, fibres, light, shadow -> lens -> sensor -> JPEG

Axes: h w pixels.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from numpy.random import Generator
from scipy import ndimage

Grey = Float32[ndarray, "h w"]


def cloud(shape: tuple[int, int], size: float, rng: Generator) -> Grey:
    """Return smooth noise of mean 0 and standard deviation 1 with spots `size` pixels wide."""
    step = max(1.0, size / 4)
    small = tuple(max(4, int(np.ceil(side / step)) + 8) for side in shape)
    noise = ndimage.gaussian_filter(rng.normal(size=small).astype(np.float32), size / step / 2)
    noise -= noise.mean()
    noise /= max(float(noise.std()), 1e-6)
    if step == 1.0:
        return noise[: shape[0], : shape[1]]
    large = ndimage.zoom(noise, step, order=1)
    return np.ascontiguousarray(large[: shape[0], : shape[1]])


def fibres(shape: tuple[int, int], rng: Generator) -> Grey:
    """Return the paper's texture, at three scales, with a standard deviation near 1."""
    return (cloud(shape, 1.5, rng) + cloud(shape, 5, rng) + cloud(shape, 25, rng)) / np.float32(
        1.73
    )


def pencilled(ink: Grey, rng: Generator, bite: float = 0.5) -> Grey:
    """Make ink as grainy as graphite, which adheres to the raised parts of the paper only."""
    tooth = cloud(ink.shape, 2.0, rng)
    return ink * np.clip(1 - bite * 0.6 + bite * 0.6 * tooth, 0.1, 1.15)


@dataclass(frozen=True)
class Camera:
    """Parameters of a photo; lengths in pixels.

    Args:
        paper: luminance of the paper, of 255.
        contrast: of the ink, 0 to 1.
        slope: share of the light that is lost across the picture.
        shadow: share of the light that is lost within the shadow; 0 for no shadow.
        penumbra: width of the shadow's edge.
        fibre: standard deviation of the paper's texture, in luminance.
        blur: standard deviation of the lens's blur.
        noise: standard deviation of the sensor's noise, in luminance.
    """

    paper: float = 215.0
    contrast: float = 0.6
    slope: float = 0.2
    shadow: float = 0.0
    penumbra: float = 30.0
    fibre: float = 2.0
    blur: float = 0.8
    noise: float = 2.0


def photograph(ink: Grey, camera: Camera, rng: Generator) -> Grey:
    """Return the luminance, 0..255 and not rounded, of a photo of `ink`."""
    h, w = ink.shape
    y = np.linspace(-0.5, 0.5, h, dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, w, dtype=np.float32)[None]
    angle = rng.uniform(0, 2 * np.pi)
    light = 1 - camera.slope * (0.5 + y * np.float32(np.sin(angle)) + x * np.float32(np.cos(angle)))
    if camera.shadow:
        edge = rng.uniform(-0.3, 0.3)
        bend = cloud((h, w), max(h, w) / 3, rng) * 0.03
        away = edge + y * np.cos(angle) - x * np.sin(angle) + bend
        light = light * (1 - camera.shadow * np.clip(away * max(h, w) / camera.penumbra, 0, 1))
    grey = camera.paper + camera.fibre * fibres((h, w), rng)
    grey = grey * light * (1 - camera.contrast * np.clip(ink, 0, 1))
    grey = ndimage.gaussian_filter(grey.astype(np.float32), camera.blur)
    # shot noise grows with the square root of the light; read-out noise is constant
    noise = rng.standard_normal((h, w), np.float32)
    noise *= np.sqrt(np.clip(grey, 0, 255) / 200 + 0.2)
    return grey + camera.noise * noise


def tinted(
    grey: Grey, paper: tuple[int, int, int], ink: tuple[int, int, int], amount: Grey
) -> Float32[ndarray, "h w 3"]:
    """Return RGB with a mean near `grey`, in the paper's tint and, where there is ink, its own."""
    tint, hue = (np.array(rgb, np.float32) / np.mean(rgb) for rgb in (paper, ink))
    share = np.clip(amount, 0, 1)[..., None]
    return grey[..., None] * (tint * (1 - share) + hue * share)
