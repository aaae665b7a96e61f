"""Change of stroke width, by fractions of a pixel too.

Axes: n images, h w pixels.
"""

import numpy as np
from jaxtyping import Float, Float32
from numpy import ndarray


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
