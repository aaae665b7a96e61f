"""What a photograph adds to a page: the ground that it lies on, light, a finger, the camera.

Real backgrounds are not at hand, so their statistics are varied rather than pretty.
Axes: h w pixels.
"""

from io import BytesIO

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter


def noise_field(rng: Generator, h: int, w: int, cells: float) -> Float32[ndarray, "h w"]:
    """Return smooth noise of standard deviation near 1, with some `cells` waves across."""
    grid = (max(2, round(cells * h / w) + 1), max(2, round(cells) + 1))
    coarse = Image.fromarray(rng.standard_normal(grid).astype(np.float32))
    return np.asarray(coarse.resize((w, h), Image.Resampling.BICUBIC))


def draw_ground(rng: Generator, h: int, w: int) -> Float32[ndarray, "h w"]:
    """Return what lies around a sheet, 0 to 255: plain, grained, striped, checked or patterned."""
    tone = rng.uniform(5, 120) if rng.random() < 0.7 else rng.uniform(120, 255)
    ground = np.full((h, w), tone, np.float32)
    kind = rng.random()
    if kind < 0.25:
        return ground + rng.uniform(0, 6) * rng.standard_normal((h, w)).astype(np.float32)
    strength = rng.uniform(4, 50)
    if kind < 0.5:  # grain of wood or cloth
        stretched = noise_field(rng, h, w, rng.uniform(3, 8))
        fine = noise_field(rng, h, w, 60)[:, : max(w // 8, 2)]
        grain = np.asarray(Image.fromarray(fine).resize((w, h), Image.Resampling.BILINEAR))
        grain = grain.T if rng.random() < 0.5 and h == w else grain
        return ground + strength * (0.5 * stretched + 0.5 * grain)
    if kind < 0.7:  # stripes or checks
        y, x = np.indices((h, w), np.float32)
        angle, period = rng.uniform(0, np.pi), rng.uniform(6, 60)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
        if rng.random() < 0.5:
            wave = wave * np.sin((y * np.cos(angle) - x * np.sin(angle)) * 2 * np.pi / period)
        return ground + strength * (np.sign(wave) if rng.random() < 0.5 else wave)
    if kind < 0.85:  # spots with edges
        spots = noise_field(rng, h, w, rng.uniform(4, 25)) > rng.uniform(-0.5, 1)
        return ground + 2 * strength * spots
    octaves = [noise_field(rng, h, w, cells) for cells in (4, 10, 30, 90)]
    weights = rng.dirichlet(np.ones(4))
    return ground + strength * sum(a * b for a, b in zip(weights, octaves, strict=True))


def light(rng: Generator, h: int, w: int) -> Float32[ndarray, "h w"]:
    """Return a factor on all tones: even, sloped, uneven, or with a shadow across."""
    y, x = np.indices((h, w), np.float32) / max(h, w) - 0.5
    slope = rng.uniform(0, 0.5) * (rng.random() < 0.6)
    angle = rng.uniform(0, 2 * np.pi)
    field = 1 - slope * (0.5 + x * np.cos(angle) + y * np.sin(angle))
    if rng.random() < 0.25:
        field = field * (1 + 0.12 * noise_field(rng, h, w, rng.uniform(1, 4)))
    if rng.random() < 0.25:
        angle, where = rng.uniform(0, 2 * np.pi), rng.uniform(-0.4, 0.4)
        soft = rng.uniform(0.004, 0.15)
        distance = (x * np.cos(angle) + y * np.sin(angle) - where) / soft
        field = field * (1 - rng.uniform(0.1, 0.6) / (1 + np.exp(-np.clip(4 * distance, -30, 30))))
    return field


def finger(rng: Generator, picture: Float32[ndarray, "h w"]) -> None:
    """Lay a blob over the edge of the picture, as a thumb that holds the sheet."""
    h, w = picture.shape
    image = Image.new("L", (w, h))
    r = rng.uniform(0.08, 0.2) * max(h, w)
    x, y = rng.uniform(0, w), rng.choice([0.0, float(h)])
    if rng.random() < 0.5:
        x, y = rng.choice([0.0, float(w)]), rng.uniform(0, h)
    ImageDraw.Draw(image).ellipse((x - r, y - 1.6 * r, x + r, y + 1.6 * r), fill=255)
    mask = np.asarray(image.filter(ImageFilter.GaussianBlur(r / 8)), np.float32) / 255
    picture += mask * (rng.uniform(60, 190) - picture)


def camera(picture: Float32[ndarray, "h w"], rng: Generator) -> UInt8[ndarray, "h w"]:
    """Return what a camera, a scanner or a drawing program makes of it."""
    kind = rng.random()
    grey = np.clip(picture, 0, 255).astype(np.uint8)
    if kind < 0.25:  # a drawing
        return grey
    if kind < 0.35:  # a threshold
        rough = picture + rng.uniform(0, 12) * rng.standard_normal(picture.shape)
        low, high = np.percentile(picture, [1, 95])
        cut = low + (high - low) * rng.uniform(0.45, 0.75)
        return np.where(rough < cut, 0, 255).astype(np.uint8)
    image = Image.fromarray(grey)
    if rng.random() < 0.7:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.3)))
    noisy = np.asarray(image, np.float32)
    strength = 10 * rng.random() ** 2
    grain = rng.standard_normal(picture.shape, np.float32)
    if rng.random() < 0.3:
        h, w = picture.shape
        grain = noise_field(rng, h, w, w / rng.uniform(1.5, 4))
    image = Image.fromarray(np.clip(noisy + strength * grain, 0, 255).astype(np.uint8))
    if rng.random() < 0.6:
        file = BytesIO()
        image.save(file, "JPEG", quality=int(rng.integers(30, 95)))
        image = Image.open(file)
    return np.asarray(image)
