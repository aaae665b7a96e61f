"""Scenes: pictures of written pages, and the truth about every glyph in them.

A page is written, projected, lit and photographed, all at random.
Axes: h w pixels, n glyphs.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray
from numpy.random import Generator
from PIL import Image, ImageFilter

from tools.page_reader.photography import camera, draw_ground, finger, light, noise_field
from tools.page_reader.projection import SIDE, draw_rulings, draw_view, paste, sheet_mask
from tools.page_reader.writing import write_page

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
