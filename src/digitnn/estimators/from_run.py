"""A trained run as a fitted classifier of scikit-learn.

Axes: f features, h w pixels, k classes.
"""

from typing import Any

import numpy as np
from jaxtyping import Shaped
from numpy import ndarray

from digitnn.errors import NetworkError
from digitnn.estimators.classifiers import ScratchClassifier
from digitnn.estimators.scaling import Scaling
from digitnn.network.network import DIGITS, Network
from digitnn.recipes.recipe import Recipe
from digitnn.runs.run import Run


def classifier_of(run: Run) -> ScratchClassifier:
    """Return the network of `run` as a fitted classifier, whichever engine trained it.

    It takes rows of raw pixels, (n, h w), or of features, (n, f), as the run was trained on. Its
    classes are the numbers 0 to 9 for digits, else the names of the run's classes, in their order.
    Of a network that rejects, the probabilities are those of the classes alone. The network
    standardises by itself; `scaling` tells how another `fit` would.
    """
    network, f = run.network, int(np.prod(run.network.input))
    of_images = len(network.input) == 3
    classifier = ScratchClassifier(
        recipe=_recipe(run.about["recipe"]),
        image_shape=(network.input[1], network.input[2]) if of_images else None,
        scaling="features" if of_images else "table",
    )
    losses = [epoch.loss for epoch in run.history]
    fitted = {
        "network_": network,
        "params_": {name: np.array(p, np.float32, order="C") for name, p in run.params.items()},
        "scaling_": None if of_images else Scaling(np.zeros(f), np.ones(f)),
        "classes_": class_values(network),
        "n_features_in_": f,
        "n_iter_": len(losses),
        "loss_curve_": losses,
        "loss_": losses[-1] if losses else None,
    }
    for name, value in fitted.items():
        setattr(classifier, name, value)
    return classifier


def class_values(network: Network) -> Shaped[ndarray, " k"]:
    """Return the classes as `predict` gives them: whole numbers if they are the ten digits."""
    return np.arange(len(DIGITS)) if network.labels == DIGITS else np.array(network.labels)


def _recipe(described: Any) -> Recipe | str:
    """Return the recipe of a run; its name, if it comes from a version with other recipes.

    `fit` then says that it does not know the name, rather than training something else.
    """
    try:
        return Recipe.from_json(described)
    except NetworkError:
        return str(described["name"])
