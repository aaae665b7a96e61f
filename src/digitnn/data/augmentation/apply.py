"""Augmentation of the images of one training step.

Axes: n images, h w pixels.
"""

from typing import TypeAlias

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.augmentation.distortion import Distortion, Shift, distort, shift
from digitnn.data.augmentation.disturbance import Disturbance, disturb
from digitnn.data.augmentation.redrawing import Redrawing, redraw

Augmentation: TypeAlias = Distortion | Shift | Redrawing | Disturbance


def augment_batch(
    images: UInt8[ndarray, "n h w"], augmentation: Augmentation, seed: int, step: int, part: int = 0
) -> UInt8[ndarray, "n h w"]:
    """Augment the images of training step `step`; `seed` and `step` decide all random numbers.

    No generator is kept between steps, so a resumed training sees the same images, and a batch may
    be made in advance. part: the number of the micro-batch, if the batch is cut: each has its own
    random numbers, so that a process can augment its part alone.
    """
    rng = np.random.Generator(np.random.SFC64([seed, step, *([part] if part else [])]))
    match augmentation:
        case Shift():
            return shift(images, augmentation, rng)
        case Distortion():
            return distort(images, augmentation, rng)
        case Redrawing():
            return redraw(images, augmentation, rng)
        case Disturbance():
            return disturb(images, augmentation, rng)
