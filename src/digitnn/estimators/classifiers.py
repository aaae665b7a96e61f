"""Classifiers with the interface of scikit-learn, one per engine.

Importing this needs scikit-learn; `import digitnn` does not import it.
Axes: n samples, f features, k classes.
"""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from inspect import signature
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float32, Num, Shaped, UInt8
from numpy import ndarray
from numpy.typing import ArrayLike

from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.errors import MissingExtraError, UsageError, check_numbers
from digitnn.estimators.fitting import (
    Fitted,
    Passes,
    Plateau,
    begin_passes,
    fit_network,
    take_pass,
)
from digitnn.estimators.hyperparameters import builtin, chosen_recipe, what_prevents_passes
from digitnn.estimators.labels import distinct, encode
from digitnn.estimators.plain_state import from_plain, to_plain
from digitnn.estimators.scaling import fit_scaling, rows_to_images
from digitnn.evaluation.evaluation import log_softmax
from digitnn.network.network import Samples, Standardise
from digitnn.recipes.recipe import EngineName, Recipe
from digitnn.wording import brief

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import train_test_split
    from sklearn.utils import check_random_state
    from sklearn.utils.metaestimators import available_if
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise MissingExtraError("scikit-learn", "sklearn", "an estimator") from None

_NUMBERS = (np.float64, np.float32, np.uint8)
"""The types of X that are taken as they are; others become the first."""

_UNSCALED = Standardise(mean=0.0, std=1.0)


def _learns_in_passes(classifier: Any) -> bool:
    """Raise `AttributeError`, which says why, if the parameters allow no `partial_fit`."""
    if name := what_prevents_passes(classifier.get_params(deep=False)):
        raise AttributeError(
            f"{type(classifier).__name__} has no partial_fit with {name}="
            f"{brief(getattr(classifier, name))}: a part of the data does not determine what "
            "this needs. It takes solver adam, muon or sgd, and scaling='none' or image_shape"
        )
    return True


class _NetworkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What both classifiers share; they differ in the engine.

    After `fit`: classes_, n_features_in_, feature_names_in_, n_iter_ (epochs, or iterations of cg
    and lbfgs), loss_ and loss_curve_ in nats per sample; with early stopping validation_scores_ and
    best_validation_score_; network_ and params_, which take what scaling_ returns (None with
    image_shape).
    """

    _engine: ClassVar[EngineName]
    _passes: Passes | None
    loss_: float | None

    def __init__(
        self,
        hidden_layer_sizes: int | tuple[int, ...] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
        scaling: str = "features",
        recipe: str | Recipe | None = None,
        image_shape: tuple[int, int] | None = None,
    ) -> None:
        """Set the parameters; `fit` checks them.

        Those of scikit-learn's `MLPClassifier` mean the same here; docs/estimators.md tells the
        differences. The others:

        solver: also cg (conjugate gradient) and muon.
        scaling: "features": each feature to mean 0 and standard deviation 1; "table": one mean and
        one standard deviation for all features; "none": as `MLPClassifier`.
        recipe: a built-in name or a `Recipe`, which decides the network, its optimiser and epochs.
        image_shape: (h, w): the rows of X are images of raw pixels, 0 paper to 255 ink, for recipes
        that convolve or augment. The recipe standardises them: `scaling` has no effect.
        """
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.scaling = scaling
        self.recipe = recipe
        self.image_shape = image_shape

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train a new network.

        X: numbers (n, f), or with `image_shape` rows of raw pixels. y: n labels of any type, of 2
        to 255 classes. Raises `UsageError` for a parameter, `DataError` for X or y, `TrainingError`
        where the loss is not finite, `MissingExtraError` without the library of the engine.
        """
        x, given_labels = validate_data(self, X, y, dtype=_NUMBERS)
        plateau = Plateau(builtin(self.tol), builtin(self.n_iter_no_change))
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        self.classes_ = distinct(given_labels)
        labels = encode(given_labels, self.classes_)
        self.scaling_ = None if self.image_shape else fit_scaling(x, self.scaling)
        train = self._dataset(x, labels)
        valid = None
        if self.early_stopping:
            train, valid = self._hold_out(train, seed)
        recipe = self._chosen_recipe(len(train))
        fitted = fit_network(
            recipe,
            find_engine(self._engine),
            train,
            valid,
            seed,
            plateau if self.early_stopping or self.recipe is None else None,
        )
        self._keep(fitted)
        if self.recipe is None and not fitted.stopped and self.n_iter_ == recipe.epochs:
            warnings.warn(
                f"training ended after max_iter={self.n_iter_} epochs, before the "
                f"{'accuracy' if self.early_stopping else 'loss'} had settled",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    @available_if(_learns_in_passes)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Take one pass over X, with the optimiser's state of the last call.

        As many calls with the same X and y as `fit` takes epochs give the same network. After `fit`
        it goes on from that network, with a new optimiser. With solver cg or lbfgs, a recipe, early
        stopping or a scaling, for which all data must be known, there is no such method.

        classes: all labels that will come, needed in the first call only.
        Raises what `fit` raises; the classifier is unchanged then.
        """
        first = not hasattr(self, "classes_")
        x, given_labels = validate_data(self, X, y, dtype=_NUMBERS, reset=first)
        if first:
            if classes is None:
                raise UsageError("the first partial_fit needs all classes: give classes=[...]")
            known = distinct(classes, "classes")
            encode(given_labels, known)
            self.classes_ = known
            self.scaling_ = None if self.image_shape else fit_scaling(x, "none")
        elif classes is not None and not np.array_equal(distinct(classes), self.classes_):
            raise UsageError(
                f"classes must be those of the first call, {brief(self.classes_.tolist())}, "
                f"got {brief(np.asarray(classes).tolist())}"
            )
        data = self._dataset(x, encode(given_labels, self.classes_))
        recipe = self._chosen_recipe(len(data))
        network = recipe.network(data.input_shape, data.classes)
        if network != getattr(self, "network_", network):
            raise UsageError("partial_fit goes on with the network that it has: call fit instead")
        passes = getattr(self, "_passes", None)
        if passes is None:
            seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
            passes = begin_passes(network, recipe, seed, getattr(self, "params_", None))
        moved, loss = take_pass(network, recipe, find_engine(self._engine), data, passes)
        self._passes = moved
        self.network_, self.params_ = network, dict(moved.params)
        self.loss_curve_ = [*getattr(self, "loss_curve_", []), loss]
        self.n_iter_, self.loss_ = len(self.loss_curve_), loss
        return self

    def predict(self, X: ArrayLike) -> Shaped[ndarray, " n"]:
        """Return the most likely class of each sample."""
        best = self.logits(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: ArrayLike) -> Float32[ndarray, "n k"]:
        """Return the probability of each class, in the order of `classes_`."""
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: ArrayLike) -> Float32[ndarray, "n k"]:
        """Return the logarithms of the probabilities, finite even where those round to 0."""
        logits = self.logits(X)
        return log_softmax(logits / np.float32(self.network_.temperature))

    def decision_function(self, X: ArrayLike) -> Float32[ndarray, "n *k"]:
        """Return the logits; for two classes the log odds of the second, of shape (n,)."""
        logits = self.logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def logits(self, X: ArrayLike) -> Float32[ndarray, "n k"]:
        """Return the logits of the classes, as the network computes them."""
        check_is_fitted(self)
        x = validate_data(self, X, dtype=_NUMBERS, reset=False)
        classifier = find_engine(self._engine).classifier(self.network_, self.params_)
        return classifier.logits(self._samples(x))

    def __getstate__(self) -> dict[str, Any]:
        return to_plain(super().__getstate__())

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        super().__setstate__(from_plain(state))

    def _dataset(self, x: Num[ndarray, "n f"], labels: UInt8[ndarray, " n"]) -> Dataset:
        names = tuple(map(str, self.classes_.tolist()))
        return Dataset(self._samples(x), labels, "X", classes=names)

    def _samples(self, x: Num[ndarray, "n f"]) -> Samples:
        if self.scaling_ is not None:
            return self.scaling_(x)
        assert self.image_shape is not None
        return rows_to_images(x, self.image_shape)

    def _hold_out(self, data: Dataset, seed: int) -> tuple[Dataset, Dataset]:
        """Return the samples to train on and those for early stopping, stratified."""
        check_numbers(self, "validation_fraction", above=0, below=1)
        train, valid = train_test_split(
            np.arange(len(data)),
            test_size=self.validation_fraction,
            stratify=data.labels,
            random_state=seed,
        )
        return data[train], data[valid]

    def _chosen_recipe(self, n: int) -> Recipe:
        """Return what to train on `n` samples."""
        defaults = {name: p.default for name, p in signature(type(self)).parameters.items()}
        given = self.get_params(deep=False)
        recipe = chosen_recipe(given, defaults, self._engine, n, len(self.classes_))
        return recipe if self.image_shape else replace(recipe, standardise=_UNSCALED)

    def _keep(self, fitted: Fitted) -> None:
        """Set the attributes of a fitted estimator."""
        history = fitted.history
        self._passes = None
        self.network_, self.params_ = fitted.network, dict(fitted.params)
        self.n_iter_ = len(history)
        self.loss_curve_ = [epoch.loss for epoch in history]
        self.loss_ = self.loss_curve_[-1] if history else None
        if self.early_stopping:
            self.validation_scores_ = [epoch.validation.accuracy for epoch in history]
            self.best_validation_score_ = max(self.validation_scores_, default=None)


class ScratchClassifier(_NetworkClassifier):
    """A network of the from-scratch engine as a scikit-learn classifier."""

    _engine = "scratch"


class TorchClassifier(_NetworkClassifier):
    """A network of the PyTorch engine as a scikit-learn classifier; it needs torch."""

    _engine = "pytorch"
