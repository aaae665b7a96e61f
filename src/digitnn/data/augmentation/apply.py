"""What happens to the images of a training step before they are learned from.

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
    images: UInt8[ndarray, "n h w"], augmentation: Augmentation, seed: int, step: int
) -> UInt8[ndarray, "n h w"]:
    """The images of training step `step`, augmented; `seed` and `step` decide all that is drawn.

    No generator lives on from step to step, so a resumed training sees the same pictures, and a
    batch may be made ahead of its turn.
    """
    rng = np.random.Generator(np.random.SFC64([seed, step]))
    match augmentation:
        case Shift():
            return shift(images, augmentation, rng)
        case Distortion():
            return distort(images, augmentation, rng)
        case Redrawing():
            return redraw(images, augmentation, rng)
        case Disturbance():
            return disturb(images, augmentation, rng)
