"""Measure accuracy as images are shifted, rotated, resized and thickened step by step.

Every image is changed by the same amount; nothing is random.
Axes: n images, h w pixels.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.analysis.robustness.corruptions.geometry import move_images
from digitnn.analysis.robustness.corruptions.suite import BLOCK_IMAGES
from digitnn.data.augmentation.resampling import change_thickness
from digitnn.data.dataset import Dataset
from digitnn.evaluation.evaluation import Evaluation, evaluate
from digitnn.evaluation.statistics import wilson_interval
from digitnn.network.network import Classifier

Change: TypeAlias = Callable[[ndarray, float], ndarray]


@dataclass(frozen=True)
class Sweep:
    """A change of images by an amount, and the steps to measure. unit: of the amount."""

    name: str
    unit: str
    steps: tuple[float, ...]
    change: Change

    def images(self, images: UInt8[ndarray, "n h w"], amount: float) -> UInt8[ndarray, "n h w"]:
        """Return `images` changed by `amount`."""
        changed = np.empty_like(images)
        for start in range(0, len(images), BLOCK_IMAGES):
            changed[start : start + BLOCK_IMAGES] = self.change(
                images[start : start + BLOCK_IMAGES], amount
            )
        return changed


@dataclass(frozen=True)
class Curve:
    """The accuracy on `n` images at each step of a sweep, and its 95 % Wilson interval."""

    name: str
    unit: str
    n: int
    steps: tuple[float, ...]
    accuracy: tuple[float, ...]

    @property
    def intervals(self) -> tuple[tuple[float, float], ...]:
        """The 95 % Wilson interval of each accuracy."""
        return tuple(wilson_interval(round(a * self.n), self.n) for a in self.accuracy)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {**vars(self), "intervals": self.intervals}


def shift(images: UInt8[ndarray, "n h w"], pixels: float) -> UInt8[ndarray, "n h w"]:
    """Shift by `pixels`: the first image down, the next right, then up, left, down, ..."""
    directions = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]])
    return move_images(images, shift=pixels * directions[np.arange(len(images)) % 4])


def turn(images: UInt8[ndarray, "n h w"], degrees: float) -> UInt8[ndarray, "n h w"]:
    """Rotate about the centre by `degrees`, anticlockwise."""
    return move_images(images, degrees=np.full(len(images), float(degrees)))


def resize(images: UInt8[ndarray, "n h w"], factor: float) -> UInt8[ndarray, "n h w"]:
    """Scale about the centre by `factor`."""
    return move_images(images, scale=np.full((len(images), 2), float(factor)))


def thicken(images: UInt8[ndarray, "n h w"], pixels: float) -> UInt8[ndarray, "n h w"]:
    """Move the outline of the strokes outwards by `pixels`, or inwards if negative."""
    ink = change_thickness(images.astype(np.float32) / 255, np.full(len(images), pixels))
    return np.rint(np.clip(ink, 0, 1) * 255).astype(np.uint8)


SWEEPS: Mapping[str, Sweep] = {
    sweep.name: sweep
    for sweep in (
        Sweep("shift", "pixels", tuple(float(p) for p in range(7)), shift),
        Sweep("rotation", "degrees", tuple(7.5 * d for d in range(-6, 7)), turn),
        Sweep("size", "times", tuple(s / 10 for s in range(6, 15)), resize),
        Sweep("thickness", "pixels", (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0), thicken),
    )
}
"""Every sweep by its name; each includes the step that changes nothing."""


def measure_steps(
    sweep: Sweep, classifier: Classifier, dataset: Dataset, unchanged: Evaluation
) -> Iterator[float]:
    """Yield the accuracy at each step of `sweep`.

    unchanged: the evaluation on `dataset` itself, used for a step that changes no image.
    """
    for amount in sweep.steps:
        images = sweep.images(dataset.images, amount)
        if np.array_equal(images, dataset.images):
            yield unchanged.accuracy
        else:
            yield evaluate(classifier, replace(dataset, images=images)).accuracy
