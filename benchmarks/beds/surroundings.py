"""Put a sheet into its surroundings: on a table or a pattern, bent, in a border, photographed.

A sheet and a scene are reflectances: 0 black, 1 white paper. Axes: h w pixels.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from numpy.random import Generator
from scipy import ndimage

from benchmarks.beds.paper import Camera, Grey, cloud, photograph, tinted
from benchmarks.beds.photos import PAPERS
from benchmarks.beds.samples import encode_jpeg, to_uint8

Ground = Callable[[tuple[int, int], Generator], Grey]
"""Draws what lies under the sheet."""

GROUND_TINTS = ((120, 90, 60), (110, 110, 115), (70, 80, 100), (90, 100, 70), (130, 70, 60))


def dark_table(shape: tuple[int, int], rng: Generator) -> Grey:
    """Draw a table darker than the paper, plain or with a grain along one axis."""
    tone, (h, w) = rng.uniform(0.05, 0.38), shape
    stretch = int(rng.integers(6, 24))
    small = cloud((h, w // stretch + 2), max(h, w) * rng.uniform(0.005, 0.03), rng)
    grain = ndimage.zoom(small, (1, stretch), order=1)[:, :w]
    if rng.random() < 0.5:
        grain = cloud(shape, max(h, w) * rng.uniform(0.01, 0.2), rng)
    found = tone * (1 + rng.uniform(0.02, 0.25) * grain + 0.04 * cloud(shape, 2, rng))
    return np.clip(found, 0.01, 0.55).astype(np.float32)


def patterned(shape: tuple[int, int], rng: Generator) -> Grey:
    """Draw stripes, a chequered cloth, tiles with joints, discs or blots, in two tones."""
    h, w = shape
    angle, period = rng.uniform(0, np.pi), max(h, w) * rng.uniform(0.04, 0.16)
    y, x = np.indices(shape, dtype=np.float32)
    u = (x * np.cos(angle) + y * np.sin(angle)) / period
    v = (y * np.cos(angle) - x * np.sin(angle)) / period
    kind = int(rng.integers(5))
    if kind == 0:
        share = (u % 1 < rng.uniform(0.2, 0.6)).astype(np.float32)
    elif kind == 1:
        share = ((u % 1 < 0.5).astype(np.float32) + (v % 1 < 0.5)) / 2
    elif kind == 2:
        joint = rng.uniform(0.02, 0.08)
        share = 1 - ((u % 1 < joint) | (v % 1 < joint)).astype(np.float32)
    elif kind == 3:
        share = (np.hypot(u % 1 - 0.5, v % 1 - 0.5) < rng.uniform(0.15, 0.42)).astype(np.float32)
    else:
        share = (cloud(shape, period, rng) > rng.uniform(-0.5, 0.8)).astype(np.float32)
    low = rng.uniform(0.06, 0.5)
    found = low + share * rng.uniform(0.15, 0.45) + 0.02 * cloud(shape, 2, rng)
    return np.clip(ndimage.gaussian_filter(found, 0.7), 0.02, 1).astype(np.float32)


def on_ground(
    sheet: Grey,
    ground: Ground,
    rng: Generator,
    degrees: float = 12.0,
    margins: tuple[float, float] = (0.15, 0.45),
    bend: float = 0.0,
) -> tuple[Grey, Grey]:
    """Lay the sheet on the ground and look at it askew; return the scene and the sheet's mask.

    degrees: largest rotation; margins: range of the share of each side that is ground; bend: how
    far the sheet's middle is displaced, in its heights.
    """
    h, w = sheet.shape
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], float)
    turn = np.radians(rng.uniform(-degrees, degrees))
    c, s = np.cos(turn), np.sin(turn)
    seen = (corners - (w / 2, h / 2)) @ np.array([[c, s], [-s, c]])
    seen += rng.uniform(-0.05, 0.05, (4, 2)) * min(h, w)
    low, high = seen.min(axis=0), seen.max(axis=0)
    size = (high - low) / (1 - rng.uniform(*margins, 2))
    seen += rng.uniform(0.1, 0.9, 2) * (size - (high - low)) - low
    shape = (int(np.ceil(size[1])), int(np.ceil(size[0])))
    u, v = _project(_homography(seen, corners), shape)
    v = v + np.float32(bend * h) * (2 * u / w - 1) ** 2
    mask = np.clip(np.minimum.reduce([u, w - 1 - u, v, h - 1 - v]) + 1, 0, 1)
    sampled = ndimage.map_coordinates(sheet, [v, u], order=1, mode="nearest")
    far = max(shape) * rng.uniform(0.002, 0.01)
    shade = ndimage.shift(ndimage.gaussian_filter(mask, far), (far, far), order=1, mode="nearest")
    below = ground(shape, rng) * (1 - rng.uniform(0.1, 0.5) * shade)
    return (mask * sampled + (1 - mask) * below).astype(np.float32), mask


def _homography(source: ndarray, target: ndarray) -> ndarray:
    """Return the 3 x 3 matrix that maps four points (x, y) to four others."""
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1).reshape(3, 3)


def _project(matrix: ndarray, shape: tuple[int, int]) -> tuple[Grey, Grey]:
    """Return the sheet's coordinates x and y at each pixel."""
    y, x = np.indices(shape, dtype=np.float32)
    u, v, scale = (row[0] * x + row[1] * y + row[2] for row in matrix.astype(np.float32))
    return u / scale, v / scale


def photographed(scene: Grey, rng: Generator, mask: Grey | None = None) -> bytes:
    """Photograph a scene, as JPEG; with the sheet's mask in colour, else in grey."""
    shadow = rng.uniform(0.15, 0.4) if rng.random() < 0.3 else 0.0
    camera = Camera(
        paper=rng.uniform(165, 240), contrast=1.0, slope=rng.uniform(0.05, 0.4), shadow=shadow,
        penumbra=max(scene.shape) * rng.uniform(0.02, 0.2), fibre=rng.uniform(1, 3),
        blur=rng.uniform(0.6, 1.3), noise=rng.uniform(1, 4),
    )  # fmt: skip
    grey = photograph(1 - scene, camera, rng)
    quality = int(rng.integers(60, 93))
    if mask is None:
        return encode_jpeg(to_uint8(grey), quality)
    paper, ground = (tints[rng.integers(len(tints))] for tints in (PAPERS, GROUND_TINTS))
    return encode_jpeg(to_uint8(tinted(grey, paper, ground, 1 - mask)), quality)


def bordered(
    pixels: UInt8[ndarray, "h w ..."], tone: int, rows: int, columns: int
) -> UInt8[ndarray, "..."]:
    """Add `rows` of one tone above and below, `columns` left and right."""
    widths = [(rows, rows), (columns, columns), (0, 0)][: pixels.ndim]
    return np.pad(pixels, widths, constant_values=tone)


def darkened(ink: Float32[ndarray, "h w"], contrast: float, paper: float = 1.0) -> Grey:
    """Return the reflectance of ink on paper."""
    return (paper * (1 - contrast * np.clip(ink, 0, 1))).astype(np.float32)
