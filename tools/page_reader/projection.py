"""Project a page into a picture: the view of it, and what is drawn through that view.

Axes: h w pixels.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy import ndarray
from numpy.random import Generator
from PIL import Image, ImageDraw

from tools.page_reader.page import Page, Placed, Ruling

SIDE = 256
"""Height and width of a scene, in pixels."""


@dataclass(frozen=True)
class View:
    """The map from the page to the picture: rotation, perspective, a bent sheet, and a place."""

    turn: float
    tilt: tuple[float, float]
    bend: float
    wave: float
    centre: tuple[float, float]

    def __call__(self, points: ndarray) -> ndarray:
        """Return where `points` (n, 2) of the page lie in the picture."""
        x, y = points[:, 0], points[:, 1]
        y = y + self.bend * np.sin(x * self.wave)
        c, s = np.cos(self.turn), np.sin(self.turn)
        x, y = c * x - s * y, s * x + c * y
        depth = np.maximum(1 + self.tilt[0] * x + self.tilt[1] * y, 0.4)
        return np.stack([x / depth + self.centre[0], y / depth + self.centre[1]], axis=1)

    def jacobians(self, points: ndarray) -> ndarray:
        """Return the derivatives (n, 2, 2) at `points`, by central differences of a pixel."""
        right, down = np.array([0.5, 0]), np.array([0, 0.5])
        dx, dy = (self(points + half) - self(points - half) for half in (right, down))
        return np.stack([dx, dy], axis=2)


def draw_view(rng: Generator, h: int, w: int) -> View:
    """Return a random view: a fifth of the pages lie straight, others up to 16 degrees turned."""
    kind = rng.random()
    turn = 0.0 if kind < 0.2 else rng.normal(scale=np.radians(2 if kind < 0.6 else 7))
    turn = float(np.clip(turn, -np.radians(16), np.radians(16)))
    tilted = rng.random() < 0.4
    tilt = tuple(rng.normal(scale=0.0007, size=2) * tilted)
    bent = rng.random() < 0.2
    centre = (w / 2 + rng.normal(scale=4), h / 2 + rng.normal(scale=4))
    return View(turn, tilt, bent * rng.uniform(-6, 6), rng.uniform(0.008, 0.025), centre)


def paste(
    ink: Float32[ndarray, "h w"], placed: Placed, view: View, jacobian: ndarray
) -> tuple[tuple[float, float, float, float], float] | None:
    """Draw a glyph into `ink`; return the box of its ink, and the share inside the picture."""
    source, scale = placed.glyph.ink, placed.size / placed.glyph.height
    rows, columns = source.shape
    size = np.sqrt(abs(np.linalg.det(jacobian))) * scale
    reduced = max(1, int(1 / max(size, 0.02) / 1.6))
    image = Image.fromarray(source)
    if reduced > 1 and min(rows, columns) >= reduced:
        image = image.reduce(reduced)
    else:
        reduced = 1
    # source (u, v) -> page: x + (u + lean (baseline - v)) scale, y + (v - baseline) scale
    to_page = np.array([[scale, -placed.lean * scale], [0, scale]])
    base = np.array([placed.x + placed.lean * placed.glyph.baseline * scale,
                     placed.y - placed.glyph.baseline * scale])  # fmt: skip
    middle = base + to_page @ (columns / 2, rows / 2)
    matrix = jacobian @ to_page
    offset = view(middle[None])[0] - matrix @ (columns / 2, rows / 2)
    corners = offset + (np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]]) @ matrix.T)
    low = np.floor(corners.min(axis=0)).astype(int) - 1
    high = np.ceil(corners.max(axis=0)).astype(int) + 1
    h, w = ink.shape
    if (high <= 0).any() or low[0] >= w or low[1] >= h or (high - low).max() > 4 * SIDE:
        return None
    inverse = np.linalg.inv(matrix)
    start = inverse @ (low + 0.5 - offset)
    inner = inverse / reduced
    first = start / reduced - inner @ (0.5, 0.5)
    coefficients = (inner[0, 0], inner[0, 1], first[0], inner[1, 0], inner[1, 1], first[1])
    patch = np.asarray(
        image.transform(
            (int(high[0] - low[0]), int(high[1] - low[1])),
            Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR,
        ),
        np.float32,
    )  # fmt: skip
    top, left = max(-low[1], 0), max(-low[0], 0)
    part = patch[top : h - low[1], left : w - low[0]]
    y, x = low[1] + top, low[0] + left
    at = ink[y : y + part.shape[0], x : x + part.shape[1]]
    np.maximum(at, part * np.float32(placed.tone / 255), out=at)
    ys, xs = (np.flatnonzero(patch.max(axis=axis) > 0.3 * float(patch.max())) for axis in (1, 0))
    if not len(ys):
        return None
    total = float(patch.sum())
    left, right = float(low[0] + xs[0]), float(low[0] + xs[-1] + 1)
    top, bottom = float(low[1] + ys[0]), float(low[1] + ys[-1] + 1)
    return (left, top, right, bottom), float(part.sum()) / max(total, 1e-6)


def draw_rulings(
    ink: Float32[ndarray, "h w"], rulings: list[Ruling], view: View
) -> Float32[ndarray, "h w"]:
    """Return `ink` with the printed lines, smooth at their edges."""
    h, w = ink.shape
    for tone in sorted({ruling.tone for ruling in rulings}):
        image = Image.new("L", (2 * w, 2 * h))
        canvas = ImageDraw.Draw(image)
        steps = np.linspace(0, 1, 9 if view.bend else 2)[:, None]
        for ruling in rulings:
            if ruling.tone == tone:
                ends = np.array([[ruling.x0, ruling.y0], [ruling.x1, ruling.y1]])
                points = view(ends[0] + steps * (ends[1] - ends[0])) * 2
                width = max(1, round(2 * ruling.width))
                canvas.line(list(map(tuple, points)), fill=255, width=width)
        ink = np.maximum(ink, np.asarray(image.reduce(2), np.float32) * np.float32(tone / 255))
    return ink


def sheet_mask(page: Page, view: View, h: int, w: int) -> Float32[ndarray, "h w"]:
    """Return where the sheet is, 0 to 1."""
    image = Image.new("L", (2 * w, 2 * h))
    a, b = page.width / 2, page.height / 2
    t = np.linspace(-1, 1, 9)
    edge = np.concatenate([
        np.stack([a * t, np.full(9, -b)], 1), np.stack([np.full(9, a), b * t], 1),
        np.stack([-a * t, np.full(9, b)], 1), np.stack([np.full(9, -a), -b * t], 1),
    ])  # fmt: skip
    ImageDraw.Draw(image).polygon(list(map(tuple, view(edge) * 2)), fill=255)
    return np.asarray(image.reduce(2), np.float32) / 255
