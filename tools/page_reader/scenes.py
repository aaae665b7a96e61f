"""Photograph a written page: the sheet, the ground it lies on, the light and the camera.

Real backgrounds are not at hand, so their statistics are varied rather than pretty.
Axes: h w pixels, n glyphs.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from numpy.random import Generator
from PIL import Image, ImageDraw, ImageFilter

from tools.page_reader.writing import Page, Placed, Ruling, write_page

SIDE = 256
"""Height and width of a scene, in pixels."""

USUAL_HEIGHTS = (14.0, 34.0)
"""Range of the digit heights that the network finds at one scale, in pixels."""

MIN_CONTRAST = 20
"""Grey levels between ink and paper below which a glyph counts as invisible."""

MIN_VISIBLE = 0.75
"""A glyph of which less is inside the picture is neither digit nor background."""


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture and the truth about it.

    boxes: left, top, right, bottom of each glyph's ink; characters: "" for a shape that is none;
    heights: the height of a digit at that place; visible: the share inside the picture.
    """

    picture: UInt8[ndarray, "h w"]
    boxes: Float32[ndarray, "n 4"]
    characters: tuple[str, ...]
    heights: Float32[ndarray, " n"]
    visible: Float32[ndarray, " n"]


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


def draw_scene(rng: Generator, side: int = SIDE) -> Scene:
    """Return a random scene of `side` x `side` pixels."""
    h = w = side
    small = rng.random() < 0.16
    if small:  # a small picture, mostly of one digit, somewhere in its surrounding
        h, w = (int(v) for v in np.exp(rng.uniform(np.log(18), np.log(side - 20), 2)))
        w = h if rng.random() < 0.5 else w
    sheet = not small and rng.random() < 0.35
    view = draw_view(rng, h, w)
    spread = rng.uniform(0.35, 0.98, 2) if sheet else np.full(2, 1.35 if not small else 1.0)
    page = write_page(w * spread[0], h * spread[1], rng, USUAL_HEIGHTS, small)
    ink = np.zeros((h, w), np.float32)
    kept, found = [], []
    if page.glyphs:
        middles = np.array([
            (p.x + p.glyph.ink.shape[1] * p.size / p.glyph.height / 2, p.y - p.size / 2)
            for p in page.glyphs
        ])  # fmt: skip
        for placed, jacobian in zip(page.glyphs, view.jacobians(middles), strict=True):
            if (done := paste(ink, placed, view, jacobian)) is not None:
                kept.append((placed, float(np.sqrt(abs(np.linalg.det(jacobian))))))
                found.append(done)
    ink = draw_rulings(ink, page.rulings, view) if page.rulings else ink
    paper = rng.uniform(90, 255) if rng.random() < 0.5 else rng.uniform(215, 255)
    contrast = rng.uniform(0.75, 1) if rng.random() < 0.6 else rng.uniform(0.3, 0.75)
    sheet_tone = np.full((h, w), paper, np.float32)
    if rng.random() < 0.4:
        texture = noise_field(rng, h, w, rng.uniform(5, 100))
        sheet_tone += rng.uniform(0, 7) * texture
    picture = sheet_tone * (1 - contrast * ink)
    if sheet:
        mask = sheet_mask(page, view, h, w)
        ground = draw_ground(rng, h, w)
        if rng.random() < 0.4:  # the sheet's own shadow
            shadow = Image.fromarray((255 * mask).astype(np.uint8))
            shadow = shadow.filter(ImageFilter.GaussianBlur(rng.uniform(1, 8)))
            moved = np.roll(np.asarray(shadow, np.float32) / 255, rng.integers(-6, 7, 2), (0, 1))
            ground = ground * (1 - rng.uniform(0.1, 0.6) * moved)
        picture = mask * picture + (1 - mask) * ground
        found = [(box, share * (_mean(mask, box) > 0.9)) for box, share in found]
    elif rng.random() < 0.06 and not small:  # writing on a rough ground itself
        picture = np.clip(draw_ground(rng, h, w) * 0.3 + 0.7 * paper, 0, 255) * (1 - contrast * ink)
    if rng.random() < 0.6:
        picture = picture * light(rng, h, w)
    if rng.random() < 0.06:
        finger(rng, picture)
    if not page.glyphs and rng.random() < 0.3:  # noise instead of a page
        cells = w / rng.uniform(1, 12)
        picture = rng.uniform(60, 200) + rng.uniform(10, 80) * noise_field(rng, h, w, cells)
    grey = camera(picture, rng)
    if rng.random() < 0.25:
        grey = 255 - grey
    if rng.random() < 0.12:  # a plain border
        grey = _frame(grey, rng)
    boxes = np.array([box for box, _ in found], np.float32).reshape(-1, 4)
    heights = np.array([placed.size * size for placed, size in kept], np.float32)
    visible = np.array([share for _, share in found], np.float32)
    visible *= [_contrast(grey, box) >= MIN_CONTRAST for box in boxes]
    names = tuple(placed.character for placed, _ in kept)
    if small:
        grey, shift = _surround(grey, side, rng)
        boxes += np.tile(shift, 2)
    return Scene(grey, boxes, names, heights, visible)


def _mean(values: Float32[ndarray, "h w"], box: tuple[float, float, float, float]) -> float:
    """Return the mean in a box; 0 outside the picture."""
    left, top, right, bottom = (max(int(edge), 0) for edge in box)
    part = values[top:bottom, left:right]
    return float(part.mean()) if part.size else 0.0


def _contrast(grey: UInt8[ndarray, "h w"], box: ndarray) -> float:
    """Return the range of grey levels in a box; 0 outside the picture."""
    left, top, right, bottom = (max(int(edge), 0) for edge in box)
    part = grey[top:bottom, left:right]
    return float(part.max()) - float(part.min()) if part.size else 0.0


def _frame(grey: UInt8[ndarray, "h w"], rng: Generator) -> UInt8[ndarray, "h w"]:
    """Return the picture with a plain border over some of its sides."""
    framed, tone = grey.copy(), rng.choice([0, 255, int(rng.integers(256))])
    for side in range(4):
        if rng.random() < 0.6:
            np.rot90(framed, side)[: int(rng.integers(1, min(grey.shape) // 6 + 2))] = tone
    return framed


def _surround(
    grey: UInt8[ndarray, "h w"], side: int, rng: Generator
) -> tuple[UInt8[ndarray, "s s"], ndarray]:
    """Return a small picture in the tone of its border, as the reader pads it, and its place."""
    edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    padded = np.full((side, side), np.median(edge), np.uint8)
    top, left = (int(rng.integers(0, side - size + 1)) for size in grey.shape)
    padded[top : top + grey.shape[0], left : left + grey.shape[1]] = grey
    return padded, np.array([left, top])
