"""The classifier of the reader: images to the probabilities of ten digits and of "no digit".

Axes: n images.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.data.dataset import NON_DIGIT
from digitnn.engines.find import find_engine
from digitnn.errors import RunError
from digitnn.network.network import DIGITS, IMAGE_SHAPE, Classifier, Network
from digitnn.network.storage.saved_network import load_network
from digitnn.wording import brief

ClassifyImages: TypeAlias = Callable[[UInt8[ndarray, "n 28 28"]], Float32[ndarray, "n 11"]]
"""Returns the probabilities of the ten digits and, last, at `NON_DIGIT`, of "no digit"."""

SHIPPED_FOLDER = Path(__file__).parent / "shipped"
"""The run that is distributed with the package; written by `tools.ship_reader`."""


def load_image_classifier(model: Path | str | None = None) -> ClassifyImages:
    """Load a run or an ensemble, or the shipped network if None. Raises `RunError`."""
    if model is None:
        network, params = load_network(SHIPPED_FOLDER)
        return image_classifier(network, find_engine("scratch").classifier(network, params))
    from digitnn.runs.ensembles import Ensemble, load_run  # imports all of training: 0.1 s

    trained = load_run(model)
    runs = trained.members if isinstance(trained, Ensemble) else (trained,)
    return mean_classifier(
        [image_classifier(run.network, run.classifier("scratch")) for run in runs]
    )


def image_classifier(network: Network, classifier: Classifier) -> ClassifyImages:
    """Return a function from images to the `probabilities` of their logits.

    Raises `RunError` like `require_digits`.
    """
    require_digits(network)
    return lambda images: probabilities(network, classifier.logits(images))


def require_digits(network: Network) -> None:
    """Raise `RunError` for a network of other classes than the digits, or of another image size."""
    if (network.labels, network.input) != (DIGITS, IMAGE_SHAPE):
        size = " x ".join(map(str, network.input[1:] or network.input))
        raise RunError(
            f"reading takes networks of the digits 0 to 9 and of 28 x 28 pixels, and this one "
            f"has the classes {brief(', '.join(network.labels))} and takes {size}"
        )


def probabilities(network: Network, logits: Float32[ndarray, "n 10"]) -> Float32[ndarray, "n 11"]:
    """Return p = softmax([z / T, 0]) of the logits z, where T is the network's temperature.

    A network that was not trained to reject gives "no digit" probability 0: [softmax(z / T), 0].
    """
    z = np.full((len(logits), NON_DIGIT + 1), 0 if network.rejects else -np.inf, np.float32)
    z[:, :NON_DIGIT] = logits / np.float32(network.temperature)
    p = np.exp(z - z.max(axis=1, keepdims=True, initial=np.finfo(np.float32).min))
    return p / p.sum(axis=1, keepdims=True)


def mean_classifier(members: Sequence[ClassifyImages]) -> ClassifyImages:
    """Return a classifier that averages the members' probabilities (see `ensembles`)."""
    return lambda images: np.stack([member(images) for member in members]).mean(axis=0)
