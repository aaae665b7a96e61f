"""The hyperparameters of scikit-learn's `MLPClassifier`, checked, as a recipe.

Axes: n samples, f features, k classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from numbers import Integral, Real
from typing import Any

from digitnn.errors import UsageError, check_numbers
from digitnn.network.layers import Dense, Flatten, Layer, Relu, Sigmoid, Tanh
from digitnn.recipes.builtin import find_recipe
from digitnn.recipes.optimisers import Adam, AdamW, ConjugateGradient, LBfgs, Muon, Optimiser, Sgd
from digitnn.recipes.recipe import EngineName, Recipe
from digitnn.wording import brief, did_you_mean

MAX_AUTO_BATCH = 200
"""The batch size "auto", as in `MLPClassifier`."""

ACTIVATIONS: Mapping[str, tuple[Layer, ...]] = {
    "identity": (),
    "logistic": (Sigmoid(),),
    "tanh": (Tanh(),),
    "relu": (Relu(),),
}
"""The layers after each hidden layer, by the names of `MLPClassifier`."""


@dataclass(frozen=True)
class Hyperparameters:
    """A network and its optimiser in the terms of `MLPClassifier`; raises `UsageError`.

    hidden_layer_sizes: units of each hidden layer; () is softmax regression.
    activation: after each hidden layer: identity, logistic, tanh or relu.
    solver: cg and lbfgs take all samples at each step, adam, muon and sgd mini-batches.
    alpha: L2 penalty; see `optimiser_of`.
    batch_size: samples per step; "auto" is 200. At most the number of samples.
    learning_rate_init: the constant rate of adam, muon and sgd.
    max_iter: epochs; with cg and lbfgs, iterations.
    momentum: of sgd and muon.
    nesterovs_momentum: whether the steps of sgd look ahead.
    """

    hidden_layer_sizes: tuple[int, ...]
    activation: str
    solver: str
    alpha: float
    batch_size: int | str
    learning_rate_init: float
    max_iter: int
    momentum: float
    nesterovs_momentum: bool

    def __post_init__(self) -> None:
        check_numbers(self, "alpha", at_least=0)
        check_numbers(self, "learning_rate_init", above=0)
        check_numbers(self, "momentum", at_least=0, below=1)
        check_numbers(self, "max_iter", whole=True, at_least=1)
        if self.batch_size != "auto":
            check_numbers(self, "batch_size", whole=True, at_least=1)
        choose("activation", self.activation, ACTIVATIONS)
        choose("solver", self.solver, OPTIMISERS)
        if not all(type(units) is int and units >= 1 for units in self.hidden_layer_sizes):
            raise UsageError(
                "hidden_layer_sizes must be whole numbers of at least 1, one per hidden layer, "
                f"got {brief(self.hidden_layer_sizes)}"
            )

    def recipe(self, n: int, k: int, flat: bool) -> Recipe:
        """Return the recipe for `n` samples of `k` classes.

        flat: whether the samples are vectors already, which only full-batch training flattens.
        """
        after = ACTIVATIONS[self.activation]
        hidden = [layer for units in self.hidden_layer_sizes for layer in (Dense(units), *after)]
        size = MAX_AUTO_BATCH if isinstance(self.batch_size, str) else self.batch_size
        batch_size = min(size, n)
        optimiser = OPTIMISERS[self.solver](self, batch_size)
        full_batch = isinstance(optimiser, ConjugateGradient | LBfgs)
        return Recipe(
            name="estimator",
            summary="the hyperparameters of a scikit-learn estimator",
            layers=(*(() if flat and not full_batch else (Flatten(),)), *hidden, Dense(k)),
            engines=("scratch", "pytorch"),
            optimiser=optimiser,
            epochs=self.max_iter,
            batch_size=batch_size,
            initialisation="glorot",
            l2=self.alpha if full_batch else 0.0,
        )


def _adam(given: Hyperparameters, batch_size: int) -> Optimiser:
    if given.alpha == 0:
        return Adam(given.learning_rate_init)
    return AdamW(given.learning_rate_init, weight_decay=given.alpha / batch_size)


def _muon(given: Hyperparameters, batch_size: int) -> Optimiser:
    return Muon(
        given.learning_rate_init, momentum=given.momentum, weight_decay=given.alpha / batch_size
    )


def _sgd(given: Hyperparameters, batch_size: int) -> Optimiser:
    return Sgd(
        given.learning_rate_init,
        momentum=given.momentum,
        nesterov=given.nesterovs_momentum and given.momentum > 0,
        weight_decay=given.alpha / batch_size,
    )


OPTIMISERS: Mapping[str, Callable[[Hyperparameters, int], Optimiser]] = {
    "cg": lambda given, batch_size: ConjugateGradient(),
    "lbfgs": lambda given, batch_size: LBfgs(),
    "adam": _adam,
    "muon": _muon,
    "sgd": _sgd,
}
"""The optimiser of each solver, given the hyperparameters and the samples per step.

`MLPClassifier` adds alpha / (2 b) (sum of squared weights) to the mean loss of b samples. cg and
lbfgs minimise just that, with b = n. sgd adds alpha / b times a weight to its gradient: the same.
adam and muon shrink weights by the share rate alpha / b at each step (decoupled weight decay);
`MLPClassifier` passes the gradient of the penalty through Adam's moments.
"""


def chosen_recipe(
    given: Mapping[str, Any], defaults: Mapping[str, Any], engine: EngineName, n: int, k: int
) -> Recipe:
    """Return what a classifier's parameters, `given`, train on `n` samples of `k` classes.

    Raises `UsageError` for a parameter that is not accepted, or that has no effect with a recipe.
    """
    names = [field.name for field in fields(Hyperparameters)]
    if given["recipe"] is None:
        values = {name: builtin(given[name]) for name in names}
        values["hidden_layer_sizes"] = layer_sizes(given["hidden_layer_sizes"])
        return Hyperparameters(**values).recipe(n, k, flat=given["image_shape"] is None)
    for name in names:
        if given[name] != defaults[name]:
            raise UsageError(
                f"{name}={brief(given[name])} has no effect with recipe=: leave it out, or "
                "change the recipe with dataclasses.replace"
            )
    return given_recipe(given["recipe"], engine, n)


def what_prevents_passes(given: Mapping[str, Any]) -> str | None:
    """Return the parameter for which a part of the data is not enough; None if there is none."""
    prevents = {
        "solver": given["solver"] in ("cg", "lbfgs"),
        "recipe": given["recipe"] is not None,
        "early_stopping": bool(given["early_stopping"]),
        "scaling": given["scaling"] != "none" and given["image_shape"] is None,
    }
    return next((name for name, is_so in prevents.items() if is_so), None)


def given_recipe(recipe: Any, engine: EngineName, n: int) -> Recipe:
    """Return a recipe, or the built-in one of this name, for `n` samples on `engine`.

    Raises `UsageError` for anything else, and for a recipe that classifiers cannot have.
    """
    found = find_recipe(recipe) if isinstance(recipe, str) else recipe
    if not isinstance(found, Recipe):
        raise UsageError(f"recipe must be a Recipe or a built-in name, got {brief(recipe)}")
    found.engine(engine)
    if found.rejects:
        raise UsageError(
            f"recipe {found.name} learns to reject what is no digit, an answer that classifiers "
            "of scikit-learn do not have: train it with digitnn.Training"
        )
    return replace(found, batch_size=min(found.batch_size, n))


def choose(name: str, value: object, known: Mapping[str, Any]) -> None:
    """Raise `UsageError` unless the parameter `name` has one of the known values."""
    if not isinstance(value, str) or value not in known:
        raise UsageError(
            f"{name} must be one of {', '.join(known)}, got {brief(value)}"
            f"{did_you_mean(str(value), known)}"
        )


def builtin(value: Any) -> Any:
    """Return NumPy's numbers, as a parameter grid holds them, as Python's; all else as it is."""
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def layer_sizes(value: Any) -> tuple[Any, ...]:
    """Return `hidden_layer_sizes`, one number or several, as a tuple of Python's numbers."""
    sizes = value if hasattr(value, "__iter__") and not isinstance(value, str) else (value,)
    return tuple(map(builtin, sizes))
