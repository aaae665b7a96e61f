"""Windows of many images brought to one size, each window of its own place and extent.

Down and across are independent, so a window is two small matrices an image, and all windows are two
batched matrix products.
Axes: n images, h w pixels of them, y x pixels of the windows.
"""

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import DIGIT_SIDE, SIDE


def window_weights(
    start: Float32[ndarray, " n"], extent: Float32[ndarray, " n"], many: int, few: int
) -> Float32[ndarray, "n few many"]:
    """How much each of `many` pixels in a row counts in each of `few` that cover a window.

    The window begins at `start` (0: the outer edge of the first pixel) and is `extent` long; what
    it covers outside the row counts as 0. Reduced, a pixel is the mean of what it covers;
    enlarged, it lies linearly between two.
    """
    step = extent / few
    width = np.maximum(step, 1)
    centres = start[:, None] + (np.arange(few, dtype=np.float32) + 0.5) * step[:, None]
    distance = np.abs(centres[:, :, None] - np.arange(many, dtype=np.float32) - 0.5)
    # A box as wide as the step and one as wide as a pixel, convolved: the overlap of the two.
    overlap = np.clip((width[:, None, None] + 1) / 2 - distance, 0, 1)
    return (overlap / width[:, None, None]).astype(np.float32)


def resample_windows(
    images: Float32[ndarray, "n h w"],
    starts: Float32[ndarray, "n 2"],
    extents: Float32[ndarray, "n 2"],
    size: int,
) -> Float32[ndarray, "n y x"]:
    """The windows at `starts` (down, across) of the sizes `extents`, on `size` x `size` pixels."""
    down = window_weights(starts[:, 0], extents[:, 0], images.shape[1], size)
    across = window_weights(starts[:, 1], extents[:, 1], images.shape[2], size)
    return down @ images @ across.swapaxes(1, 2)


def bounding_boxes(
    ink: Bool[ndarray, "n h w"],
) -> tuple[Float32[ndarray, "n 2"], Float32[ndarray, "n 2"]]:
    """Where what is set begins in each image (down, across) and how far it reaches.

    An image with nothing set has its whole area.
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
    """What is there with its longest side on 20 pixels, in the middle."""
    starts, extents = bounding_boxes(ink > 0.3)
    pixel = extents.max(axis=1, keepdims=True) / DIGIT_SIDE
    first = starts + extents / 2 - SIDE / 2 * pixel
    size = np.repeat(SIDE * pixel, 2, axis=1)
    small = resample_windows(ink, first.astype(np.float32), size.astype(np.float32), SIDE)
    peak = np.maximum(small.max(axis=(1, 2), keepdims=True), 0.1)
    return np.rint(255 * np.clip(small / peak, 0, 1)).astype(np.uint8)
