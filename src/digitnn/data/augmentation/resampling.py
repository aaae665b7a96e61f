"""Resampling of windows of many images to one size, and change of their stroke width.

Each window has its own place and extent. Down and across are independent, so each window needs two
small matrices, and all windows are two batched matrix products.
Axes: n images, h w pixels of them, y x pixels of the windows.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import DIGIT_SIDE, SIDE


def window_weights(
    start: Float32[ndarray, " n"], extent: Float32[ndarray, " n"], n_old: int, n_new: int
) -> Float32[ndarray, "n new old"]:
    """Return the weight of each of `n_old` pixels of a row in each of `n_new` pixels of a window.

    The window begins at `start` (0: the outer edge of the first pixel) and is `extent` long; it
    is 0 outside the row. A reduced pixel is the mean of what it covers; an enlarged one is
    interpolated linearly.
    """
    step = extent / n_new
    width = np.maximum(step, 1)
    centres = start[:, None] + (np.arange(n_new, dtype=np.float32) + 0.5) * step[:, None]
    distance = np.abs(centres[:, :, None] - np.arange(n_old, dtype=np.float32) - 0.5)
    # The convolution of a box as wide as the step and one as wide as a pixel: their overlap.
    overlap = np.clip((width[:, None, None] + 1) / 2 - distance, 0, 1)
    return (overlap / width[:, None, None]).astype(np.float32)


def resample_windows(
    images: Float32[ndarray, "n h w"],
    starts: Float[ndarray, "n 2"],
    extents: Float[ndarray, "n 2"],
    size: int,
) -> Float32[ndarray, "n y x"]:
    """Resample windows at `starts` (down, across), `extents` large, to `size` x `size` pixels."""
    starts, extents = starts.astype(np.float32), extents.astype(np.float32)
    down = window_weights(starts[:, 0], extents[:, 0], images.shape[1], size)
    across = window_weights(starts[:, 1], extents[:, 1], images.shape[2], size)
    return down @ images @ across.swapaxes(1, 2)


def bounding_boxes(
    ink: Bool[ndarray, "n h w"],
) -> tuple[Float32[ndarray, "n 2"], Float32[ndarray, "n 2"]]:
    """Return start and extent (down, across) of each image's bounding box of ink.

    An image without ink gets its whole area.
    """
    starts, extents = [], []
    for axis in (2, 1):
        line = np.any(ink, axis=axis)
        line |= ~line.any(axis=1, keepdims=True)
        first = line.argmax(axis=1)
        starts.append(first)
        extents.append(line.shape[1] - line[:, ::-1].argmax(axis=1) - first)
    return np.stack(starts, 1).astype(np.float32), np.stack(extents, 1).astype(np.float32)


def fit_to_image(ink: Float32[ndarray, "n h w"]) -> UInt8[ndarray, "n 28 28"]:
    """Scale the ink of each image to a longest side of 20 pixels and centre its bounding box."""
    starts, extents = bounding_boxes(ink > 0.3)
    pixel = extents.max(axis=1, keepdims=True) / DIGIT_SIDE
    first = starts + extents / 2 - SIDE / 2 * pixel
    size = np.repeat(SIDE * pixel, 2, axis=1)
    small = resample_windows(ink, first, size, SIDE)
    peak = np.maximum(small.max(axis=(1, 2), keepdims=True), 0.1)
    return np.rint(255 * np.clip(small / peak, 0, 1)).astype(np.uint8)


def change_thickness(
    ink: Float32[ndarray, "n h w"], amount: Float[ndarray, " n"]
) -> Float32[ndarray, "n h w"]:
    """Move the outline of each image's strokes out by `amount` pixels, or in by at most 1.

    Grey-scale dilation or erosion, blended for fractions of a pixel. An image whose strokes would
    vanish is not eroded.
    """
    changed = ink.copy()
    thinner = amount < 0
    inner = -dilate(-ink[thinner])
    share = -amount[thinner, None, None].astype(np.float32)
    thin = ink[thinner] + np.minimum(share, 1) * (inner - ink[thinner])
    peak = thin.max(axis=(1, 2), keepdims=True, initial=0)
    changed[thinner] = np.where(peak > 0.5, thin / np.maximum(peak, 0.5), ink[thinner])
    for level in range(int(np.ceil(amount.max(initial=0)))):
        thicker = amount > level
        share = np.minimum(amount[thicker] - level, 1)[:, None, None].astype(np.float32)
        before = changed[thicker]
        changed[thicker] = before + share * (dilate(before, corners=level % 2 == 1) - before)
    return changed


def dilate(ink: Float32[ndarray, "n h w"], corners: bool = False) -> Float32[ndarray, "n h w"]:
    """Return the maximum of each pixel and its four neighbours, or eight with `corners`."""
    down = ink.copy()
    np.maximum(down[:, 1:], ink[:, :-1], out=down[:, 1:])
    np.maximum(down[:, :-1], ink[:, 1:], out=down[:, :-1])
    source = down if corners else ink
    wide = down.copy()
    np.maximum(wide[:, :, 1:], source[:, :, :-1], out=wide[:, :, 1:])
    np.maximum(wide[:, :, :-1], source[:, :, 1:], out=wide[:, :, :-1])
    return wide
