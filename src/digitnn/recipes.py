"""The named experiments: everything that decides how a network is trained, as data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from math import isfinite
from typing import Any, Literal, TypeAlias

from digitnn.augment import Distortion
from digitnn.averaging import Averaging
from digitnn.descriptions import to_json
from digitnn.errors import UsageError
from digitnn.initialisation import Initialisation
from digitnn.layers import Conv2d, Dense, Flatten, MaxPool2d, Relu, Sigmoid
from digitnn.losses import Loss, SoftmaxCrossEntropy
from digitnn.network import MNIST_PIXELS, Architecture, Network, Standardise
from digitnn.optimisers import Adam, ConjugateGradient, FullBatchOptimiser, Optimiser
from digitnn.schedules import OneCycle

EngineName: TypeAlias = Literal["scratch", "pytorch"]


@dataclass(frozen=True)
class Recipe:
    """One experiment.

    engines: those that can train it, the usual one first.
    l2: lambda in loss + lambda / (2 n) * (sum of squared weights; biases are free).
    least_std: pixels whose standard deviation over the training images is below this, in units
    of a uint8 pixel, carry no weight at all: their weights are zero and are not learned.
    epochs: passes over the training split; for a full-batch optimiser, iterations.
    augmentation: how each batch is distorted before it is learned from; None leaves it as it is.
    averaging: the average of the parameters that is the result; None takes the last ones.
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
    augmentation: Distortion | None = None
    averaging: Averaging | None = None

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise UsageError(f"{name} must be a whole number of at least 1, got {value!r}")
        if self.is_full_batch and [type(layer) for layer in self.layers[:2]] != [Flatten, Dense]:
            raise UsageError(
                f"recipe {self.name}: full-batch training takes a network that begins with "
                "Flatten, Dense"
            )
        for name in ("l2", "least_std"):
            value = getattr(self, name)
            if not (isfinite(value) and value >= 0):
                raise UsageError(f"{name} must be a finite number of at least 0, got {value!r}")
            if value and not self.is_full_batch:
                raise UsageError(
                    f"recipe {self.name}: {name} takes effect in full-batch training only, "
                    f"got {value!r}"
                )
        for name in ("augmentation", "averaging"):
            if getattr(self, name) and self.is_full_batch:
                raise UsageError(
                    f"recipe {self.name}: {name} takes effect with mini-batches only; leave it out "
                    f"or take another optimiser than {type(self.optimiser).__name__}"
                )

    @property
    def is_full_batch(self) -> bool:
        """Whether an epoch is an iteration over all images at once, rather than many batches."""
        return isinstance(self.optimiser, FullBatchOptimiser)

    def network(self) -> Network:
        """The network that this recipe trains."""
        return Network(self.layers, self.standardise)

    def with_epochs(self, epochs: int | None) -> "Recipe":
        """This recipe with another number of epochs; None keeps it."""
        return self if epochs is None else replace(self, epochs=epochs)

    def engine(self, wanted: str | None) -> EngineName:
        """The engine to use: `wanted`, or the usual one. Raises `UsageError` if it cannot."""
        if wanted is None:
            return self.engines[0]
        for engine in self.engines:
            if engine == wanted:
                return engine
        raise UsageError(
            f"recipe {self.name} trains on engine {' or '.join(self.engines)}, not {wanted!r}"
        )

    def to_json(self) -> dict[str, Any]:
        """Every field as plain builtins."""
        return {
            "name": self.name,
            "summary": self.summary,
            "layers": [to_json(layer, "layer") for layer in self.layers],
            "engines": list(self.engines),
            "optimiser": to_json(self.optimiser, "optimiser"),
            "epochs": self.epochs,
            "loss": to_json(self.loss, "loss"),
            "batch_size": self.batch_size,
            "initialisation": self.initialisation,
            "standardise": asdict(self.standardise),
            "l2": self.l2,
            "least_std": self.least_std,
            "augmentation": self.augmentation and to_json(self.augmentation, "augmentation"),
            "averaging": self.averaging and to_json(self.averaging, "averaging"),
        }


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="classic",
            summary="one hidden layer of sigmoid units, L2, conjugate gradient over all images",
            layers=(Flatten(), Dense(100), Sigmoid(), Dense(10)),
            engines=("scratch", "pytorch"),
            optimiser=ConjugateGradient(),
            epochs=90,
            initialisation="glorot",
            l2=5.0,
            least_std=25.5,
        ),
        Recipe(
            name="cnn",
            summary="two 5x5 convolutions with ReLU and max-pooling, 128 units, Adam",
            layers=(
                Conv2d(32, 5),
                Relu(),
                MaxPool2d(2),
                Conv2d(64, 5),
                Relu(),
                MaxPool2d(2),
                Flatten(),
                Dense(128),
                Relu(),
                Dense(10),
            ),
            engines=("pytorch", "scratch"),
            optimiser=Adam(learning_rate=0.003, beta2=0.99, schedule=OneCycle(warm_up=0.3)),
            epochs=2,
            batch_size=64,
            loss=SoftmaxCrossEntropy(label_smoothing=0.05),
            initialisation="pytorch",
        ),
    )
}
"""Every recipe by its name."""


def find_recipe(name: str) -> Recipe:
    """The recipe called `name`. Raises `UsageError` with the nearest name for an unknown one."""
    if name in RECIPES:
        return RECIPES[name]
    near = get_close_matches(name, RECIPES, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"unknown recipe {name!r}; known: {', '.join(RECIPES)}{hint}")
