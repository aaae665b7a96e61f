"""The built-in recipes. docs/decisions/002, 003 and 007 record how they were found; docs/export.md
has what tiny reaches."""

from collections.abc import Mapping
from functools import partial

from digitnn.data.augmentation.distortion import Distortion, Shift
from digitnn.data.augmentation.disturbance import Disturbance
from digitnn.data.augmentation.redrawing import Redrawing
from digitnn.data.synthesis import SyntheticMix
from digitnn.errors import UsageError
from digitnn.network.layers import (
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Dropout,
    Flatten,
    MaxPool2d,
    Relu,
    Sigmoid,
    SoftmaxCrossEntropy,
)
from digitnn.network.network import Architecture
from digitnn.recipes.optimisers import Adadelta, Adam, ConjugateGradient, Muon
from digitnn.recipes.recipe import Recipe
from digitnn.recipes.schedules import OneCycle, Step
from digitnn.wording import brief, did_you_mean

NORMALISE_RELU: Architecture = (BatchNorm(), Relu())
POOL_NORMALISE_RELU: Architecture = (MaxPool2d(2), *NORMALISE_RELU)
HEAD: Architecture = (Flatten(), Dense(128), *NORMALISE_RELU, Dense(10))

STRIDED: Architecture = (
    Crop(2),
    *(Conv2d(16, 5, stride=2), *NORMALISE_RELU),
    *(Conv2d(32, 3), *POOL_NORMALISE_RELU),
    *HEAD,
)
"""Pooling comes before BatchNorm and ReLU, which then process a quarter of the values."""
TWO_CONVOLUTIONS: Architecture = (
    Crop(2),
    *(Conv2d(16, 5), *POOL_NORMALISE_RELU),
    *(Conv2d(32, 3), *POOL_NORMALISE_RELU),
    *HEAD,
)
THREE_CONVOLUTIONS: Architecture = (
    Crop(2),
    *(Conv2d(16, 5), *POOL_NORMALISE_RELU),
    *(Conv2d(32, 3, padding=1), *NORMALISE_RELU),
    *(Conv2d(48, 3), *POOL_NORMALISE_RELU),
    *HEAD,
)
FIVE_CONVOLUTIONS: Architecture = (
    *(Conv2d(24, 5), *POOL_NORMALISE_RELU),
    *(Conv2d(48, 3, padding=1), *NORMALISE_RELU),
    *(Conv2d(64, 3), *POOL_NORMALISE_RELU),
    *(Conv2d(96, 3, padding=1), *NORMALISE_RELU),
    *(Conv2d(128, 3), *NORMALISE_RELU),
    *(Flatten(), Dropout(0.3), Dense(10)),
)
"""Not cropped: shifted digits and those of other writers may reach the margin."""

TINY_LAYERS: Architecture = (
    Crop(2),
    *(Conv2d(16, 5, stride=2), *NORMALISE_RELU),
    *(Conv2d(32, 3, padding=1), *POOL_NORMALISE_RELU),
    *(Conv2d(48, 3), *NORMALISE_RELU),
    *(Conv2d(64, 3), *NORMALISE_RELU),
    *(Flatten(), Dense(10)),
)
"""For microcontrollers: 47,000 parameters, and at most 3,200 activations after a layer."""

READER_LAYERS: Architecture = (
    *(Conv2d(32, 5), *POOL_NORMALISE_RELU),
    *(Conv2d(64, 3, padding=1), *NORMALISE_RELU),
    *(Conv2d(80, 3), *POOL_NORMALISE_RELU),
    *(Conv2d(128, 3, padding=1), *NORMALISE_RELU),
    *(Conv2d(144, 3, padding=1), *NORMALISE_RELU),
    *(Conv2d(144, 3), *NORMALISE_RELU),
    *(Flatten(), Dropout(0.3), Dense(10)),
)
"""The largest network that the reader may ship: 525,000 parameters, one byte each."""

HANDWRITING = Distortion(degrees=8, scale=0.06, shear=0.1, shift=1, elastic=0.3, smoothness=2.5)
"""Differs from image to image about as much as the digits of one writer do."""

_convolutional = partial(Recipe, engines=("pytorch", "scratch"), initialisation="pytorch")

SHORT_MUON = Muon(
    learning_rate=0.02, momentum=0.7, beta1=0.8, beta2=0.99, schedule=OneCycle(warm_up=0.3)
)
"""For a few hundred steps: a longer memory would give the first steps too much weight."""

_fast = partial(_convolutional, optimiser=SHORT_MUON, loss=SoftmaxCrossEntropy(label_smoothing=0.1))

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
        _convolutional(
            name="cnn",
            summary="two 5x5 convolutions with ReLU and max-pooling, 128 units, Adam",
            layers=(
                *(Conv2d(32, 5), Relu(), MaxPool2d(2)),
                *(Conv2d(64, 5), Relu(), MaxPool2d(2)),
                *(Flatten(), Dense(128), Relu(), Dense(10)),
            ),
            optimiser=Adam(learning_rate=0.003, beta2=0.99, schedule=OneCycle(warm_up=0.3)),
            epochs=2,
            batch_size=64,
            loss=SoftmaxCrossEntropy(label_smoothing=0.05),
        ),
        Recipe(
            name="mlp",
            summary="one hidden layer of 256 ReLU units, Adam",
            layers=(Flatten(), Dense(256), Relu(), Dense(10)),
            engines=("scratch", "pytorch"),
            optimiser=Adam(learning_rate=0.003, beta2=0.99, schedule=OneCycle(warm_up=0.3)),
            epochs=8,
            initialisation="pytorch",
        ),
        _fast(
            name="cnn-98.7",
            summary="98.7 % of the test digits in the least time: a quarter of an epoch",
            layers=STRIDED,
            epochs=1,
            epoch_size=12_800,
        ),
        _fast(
            name="cnn-fast",
            summary="99.0 % of the test digits in the least time: four tenths of an epoch",
            layers=STRIDED,
            epochs=1,
            epoch_size=19_456,
            augmentation=Shift(1),
        ),
        _fast(
            name="cnn-99.3",
            summary="99.3 % of the test digits in the least time: a finer first layer",
            layers=TWO_CONVOLUTIONS,
            epochs=1,
            epoch_size=35_840,
            augmentation=Shift(1),
        ),
        _fast(
            name="cnn-99.5",
            summary="99.5 % of the test digits in the least time: three convolutions",
            layers=THREE_CONVOLUTIONS,
            epochs=2,
            epoch_size=25_600,
            augmentation=Shift(1),
        ),
        _convolutional(
            name="cnn-best",
            summary="the most accurate single network: five convolutions, distorted images",
            layers=(Crop(2), *FIVE_CONVOLUTIONS),
            optimiser=Adam(learning_rate=0.006, beta2=0.99, schedule=OneCycle(warm_up=0.2)),
            epochs=32,
            loss=SoftmaxCrossEntropy(label_smoothing=0.05),
            augmentation=Distortion(
                degrees=10, scale=0.08, shear=0.15, shift=1.25, elastic=0.4, smoothness=2.5
            ),
        ),
        _convolutional(
            name="tiny",
            summary="for microcontrollers: four convolutions whose int8 weights take 48 kB",
            layers=TINY_LAYERS,
            optimiser=Adam(learning_rate=0.006, beta2=0.99, schedule=OneCycle(warm_up=0.2)),
            epochs=16,
            loss=SoftmaxCrossEntropy(label_smoothing=0.05),
            augmentation=HANDWRITING,
        ),
        _convolutional(
            name="cnn-robust",
            summary="for images that are not quite as they should be: five convolutions, disturbed",
            layers=FIVE_CONVOLUTIONS,
            optimiser=Adam(learning_rate=0.005, beta2=0.99, schedule=OneCycle(warm_up=0.2)),
            epochs=10,
            loss=SoftmaxCrossEntropy(label_smoothing=0.05),
            augmentation=Disturbance(
                shape=Distortion(
                    degrees=25, scale=0.3, shear=0.3, shift=3.5, elastic=0.4, smoothness=3
                )
            ),
        ),
        _convolutional(
            name="reader",
            summary="for real pictures: digits redrawn in many ways, and non-digits to reject",
            layers=READER_LAYERS,
            optimiser=Adam(learning_rate=0.005, beta2=0.99, schedule=OneCycle(warm_up=0.2)),
            epochs=30,
            loss=SoftmaxCrossEntropy(label_smoothing=0.02, no_digit=True),
            augmentation=Redrawing(
                hand=Distortion(degrees=12, scale=0.15, shear=0.25, elastic=0.9, smoothness=4)
            ),
            synthetic_mix=SyntheticMix(),
        ),
        _convolutional(
            name="pytorch-example",
            summary="what PyTorch's own MNIST example trains: two 3x3 convolutions, Adadelta",
            layers=(
                *(Conv2d(32, 3), Relu(), Conv2d(64, 3), Relu(), MaxPool2d(2), Dropout(0.25)),
                *(Flatten(), Dense(128), Relu(), Dropout(0.5), Dense(10)),
            ),
            optimiser=Adadelta(learning_rate=1.0, schedule=Step(every=1 / 14, factor=0.7)),
            epochs=14,
            batch_size=64,
        ),
    )
}
"""The recipes by name."""


def find_recipe(name: str) -> Recipe:
    """Return the recipe called `name`. Raises `UsageError` with the nearest known name."""
    if name in RECIPES:
        return RECIPES[name]
    known = f"known: {', '.join(RECIPES)}{did_you_mean(name, RECIPES)}"
    raise UsageError(f"unknown recipe {brief(name)}; {known}")
