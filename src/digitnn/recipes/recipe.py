"""Recipes: everything that decides how a network is trained, as data."""

import re
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Literal, TypeAlias, get_args

from digitnn.data.augmentation.apply import Augmentation
from digitnn.data.augmentation.redrawing import Redrawing
from digitnn.data.synthesis import SyntheticMix
from digitnn.errors import ShapeError, UsageError, check_numbers
from digitnn.network.codec import fields_from_json, fields_to_json
from digitnn.network.initialisation import Initialisation
from digitnn.network.layers import (
    BatchNorm,
    Dense,
    Dropout,
    Flatten,
    Loss,
    Shape,
    SoftmaxCrossEntropy,
)
from digitnn.network.network import (
    DIGITS,
    IMAGE_SHAPE,
    MNIST_PIXELS,
    Architecture,
    Network,
    Standardise,
)
from digitnn.recipes.averaging import Averaging
from digitnn.recipes.optimisers import FullBatchOptimiser, Optimiser
from digitnn.wording import brief

EngineName: TypeAlias = Literal["scratch", "pytorch"]


@dataclass(frozen=True)
class Recipe:
    """The description of one experiment.

    name: its name in runs and tables: letters, digits, ".", "_" and "-", at most 64.
    summary: one line about it.
    layers: from the pixels, (1, 28, 28) in MNIST, to the logits, one per class. A last layer
    Dense(10) is as wide as the data have classes.
    engines: those that can train it, the default one first.
    optimiser: the rule that updates the weights at each step.
    epochs: passes over the training split; for a full-batch optimiser, iterations.
    loss: the function that the optimiser minimises, in nats, the mean over the images.
    batch_size: images per step; a full-batch optimiser takes all at once.
    initialisation: the distribution of the initial weights.
    standardise: the scaling of the pixels before the first layer.
    l2: lambda in loss + lambda / (2 n) * (sum of squared weights, without biases); full batch only.
    least_std: pixels whose standard deviation over the training images is below this, in units
    of a uint8 pixel, are ignored: their weights are zero and are not learned; full batch only.
    augmentation: the random change of each image before a step; None: no change.
    averaging: how the parameters of several steps are averaged for the result; None: the result is
    the parameters of the last step.
    synthetic_mix: synthetic images added to the training split: digits in other styles, non-digits.
    epoch_size: images per epoch, a new random sample for each epoch, rounded up to whole batches;
    None: all images.
    """

    name: str
    summary: str
    layers: Architecture
    engines: tuple[EngineName, ...]
    optimiser: Optimiser
    epochs: int
    loss: Loss = field(default_factory=SoftmaxCrossEntropy)
    batch_size: int = 128
    initialisation: Initialisation = "he"
    standardise: Standardise = MNIST_PIXELS
    l2: float = 0.0
    least_std: float = 0.0
    augmentation: Augmentation | None = None
    averaging: Averaging | None = None
    synthetic_mix: SyntheticMix | None = None
    epoch_size: int | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", self.name):  # it names folders
            raise UsageError(
                'name must be 1 to 64 letters (a to z), digits, ".", "_" and "-" and begin with a '
                f"letter or digit, got {brief(self.name)}"
            )
        if not self.summary.isprintable():
            raise UsageError(f"summary must be one line of text, got {brief(self.summary)}")
        known = get_args(EngineName)
        if not self.engines or not set(self.engines) <= set(known):
            raise UsageError(
                f"engines must be one or more of {', '.join(known)}, got {brief(self.engines)}"
            )
        if len(set(self.engines)) < len(self.engines):
            raise UsageError(f"engines must differ, got {brief(self.engines)}")
        counts = ("epochs", "batch_size", *(["epoch_size"] if self.epoch_size is not None else []))
        check_numbers(self, *counts, whole=True, at_least=1)
        if self.is_full_batch and [type(layer) for layer in self.layers[:2]] != [Flatten, Dense]:
            raise UsageError(
                f"recipe {self.name}: full-batch training takes a network that begins with "
                "Flatten, Dense"
            )
        for layer in self.layers:
            if self.is_full_batch and isinstance(layer, BatchNorm | Dropout):
                raise UsageError(
                    f"recipe {self.name}: full-batch training needs a loss that depends on the "
                    f"parameters only, but {layer} makes it random or depend on the batch: use "
                    "mini-batches, for example with Adam"
                )
        check_numbers(self, "l2", "least_std", at_least=0)
        for name in ("l2", "least_std"):
            if getattr(self, name) and not self.is_full_batch:
                raise UsageError(
                    f"recipe {self.name}: {name} takes effect in full-batch training only, "
                    f"got {getattr(self, name)!r}"
                )
        for name in ("augmentation", "averaging", "synthetic_mix", "epoch_size"):
            if getattr(self, name) and self.is_full_batch:
                raise UsageError(
                    f"recipe {self.name}: {name} takes effect with mini-batches only; leave it out "
                    f"or take another optimiser than {type(self.optimiser).__name__}"
                )

        if self.synthetic_mix and not self.rejects:
            raise UsageError(
                f"recipe {self.name}: synthetic_mix adds non-digits, so the loss must have "
                "no_digit = true"
            )

    @property
    def rejects(self) -> bool:
        """Whether the network learns to reject non-digits."""
        return isinstance(self.loss, SoftmaxCrossEntropy) and self.loss.no_digit

    @property
    def is_full_batch(self) -> bool:
        """Whether each step takes all images rather than a mini-batch."""
        return isinstance(self.optimiser, FullBatchOptimiser)

    def network(
        self, input_shape: Shape = IMAGE_SHAPE, labels: tuple[str, ...] = DIGITS
    ) -> Network:
        """Return the network that this recipe trains for images of a shape and these classes.

        Raises `ShapeError` and `NetworkError` for layers that do not fit, `UsageError` where the
        recipe itself is for digits of 28 x 28 only.
        """
        if (input_shape, labels) != (IMAGE_SHAPE, DIGITS):
            self._check_is_general(input_shape, labels)
        layers = self.layers
        if layers[-1:] == (Dense(len(DIGITS)),):
            layers = (*layers[:-1], Dense(len(labels)))
        try:
            return Network(
                layers, self.standardise, labels=labels, rejects=self.rejects, input=input_shape
            )
        except ShapeError as error:
            if input_shape == IMAGE_SHAPE:
                raise
            raise ShapeError(
                f"recipe {self.name} does not fit inputs of shape {input_shape}: {error}; "
                "recipes mlp and classic fit any"
            ) from None

    def _check_is_general(self, input_shape: Shape, labels: tuple[str, ...]) -> None:
        """Raise `UsageError` if this recipe makes or draws digits of 28 x 28 pixels."""
        what = ""
        if self.rejects and labels != DIGITS:
            what = "it rejects what is no digit"
        elif isinstance(self.augmentation, Redrawing):
            what = "its augmentation redraws digits"
        elif self.augmentation is not None and len(input_shape) == 1:
            what = "its augmentation moves pixels"
        elif self.synthetic_mix is not None:
            what = "it adds synthetic digits"
        if what:
            h_w = " x ".join(map(str, input_shape[1:] or input_shape))
            raise UsageError(
                f"recipe {self.name} cannot learn {len(labels)} classes from inputs of {h_w}: "
                f"{what}; choose another recipe, for example cnn or mlp"
            )

    def images_per_epoch(self, n: int) -> int:
        """Return how many of `n` images an epoch uses."""
        return n if self.epoch_size is None else min(self.epoch_size, n)

    def steps_per_epoch(self, n: int) -> int:
        """Return the number of steps per epoch for `n` images; 1 if full batch."""
        return 1 if self.is_full_batch else ceil(self.images_per_epoch(n) / self.batch_size)

    def with_epochs(self, epochs: int | None) -> "Recipe":
        """Return this recipe with another number of epochs; None keeps it."""
        return self if epochs is None else replace(self, epochs=epochs)

    def engine(self, wanted: str | None) -> EngineName:
        """Return the engine `wanted`, or the default one; `UsageError` if it cannot train this."""
        if wanted is None:
            return self.engines[0]
        for engine in self.engines:
            if engine == wanted:
                return engine
        raise UsageError(
            f"recipe {self.name} trains on engine {' or '.join(self.engines)}, not {wanted!r}"
        )

    def to_json(self) -> dict[str, Any]:
        """Return every field as plain builtins, for `from_json`."""
        return fields_to_json(self)

    @classmethod
    def from_json(cls, value: Any) -> "Recipe":
        """Return the recipe that `to_json` wrote. Raises `NetworkError`."""
        return fields_from_json(value, cls)
