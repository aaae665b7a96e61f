"""Classifiers with the interface of scikit-learn, one per engine.

Importing this needs scikit-learn; `import digitnn` does not import it.
Axes: n samples, f features, k classes.
"""

import warnings
from dataclasses import fields, replace
from inspect import signature
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float32, Num, Shaped, UInt8
from numpy import ndarray
from numpy.typing import ArrayLike

from digitnn.data.dataset import MAX_CLASSES, Dataset
from digitnn.engines.find import find_engine
from digitnn.errors import DataError, MissingExtraError, UsageError, check_numbers
from digitnn.estimators.fitting import Fitted, Plateau, fit_network
from digitnn.estimators.hyperparameters import Hyperparameters, builtin, given_recipe, layer_sizes
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
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError:
    raise MissingExtraError("scikit-learn", "sklearn", "an estimator") from None

_NUMBERS = (np.float64, np.float32, np.uint8)
"""The types of X that are taken as they are; others become the first."""

_UNSCALED = Standardise(mean=0.0, std=1.0)


class _NetworkClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """What both classifiers share; they differ in the engine.

    After `fit`: classes_, n_features_in_, feature_names_in_, n_iter_ (epochs, or iterations of cg
    and lbfgs), loss_ and loss_curve_ in nats per sample; with early stopping validation_scores_ and
    best_validation_score_; network_ and params_, which take what scaling_ returns (None with
    image_shape).
    """

    _engine: ClassVar[EngineName]

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
        labels = self._encode(given_labels)
        self.scaling_ = None if self.image_shape else fit_scaling(x, self.scaling)
        names = tuple(map(str, self.classes_.tolist()))
        train = Dataset(self._samples(x), labels, "X", classes=names)
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

    def predict(self, X: ArrayLike) -> Shaped[ndarray, " n"]:
        """Return the most likely class of each sample."""
        best = self._logits(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: ArrayLike) -> Float32[ndarray, "n k"]:
        """Return the probability of each class, in the order of `classes_`."""
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X: ArrayLike) -> Float32[ndarray, "n k"]:
        """Return the logarithms of the probabilities, finite even where those round to 0."""
        return log_softmax(self._logits(X))

    def decision_function(self, X: ArrayLike) -> Float32[ndarray, "n *k"]:
        """Return the logits; for two classes the log odds of the second, of shape (n,)."""
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def _logits(self, X: ArrayLike) -> Float32[ndarray, "n k"]:
        check_is_fitted(self)
        x = validate_data(self, X, dtype=_NUMBERS, reset=False)
        classifier = find_engine(self._engine).classifier(self.network_, self.params_)
        return classifier.logits(self._samples(x))

    def _samples(self, x: Num[ndarray, "n f"]) -> Samples:
        if self.scaling_ is not None:
            return self.scaling_(x)
        assert self.image_shape is not None
        return rows_to_images(x, self.image_shape)

    def _encode(self, y: Shaped[ndarray, " n"]) -> UInt8[ndarray, " n"]:
        """Set `classes_` and return the index of each label."""
        check_classification_targets(y)
        self.classes_, labels = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if not 2 <= (k := len(self.classes_)) <= MAX_CLASSES:
            raise DataError(
                f"y has {k} {'class' if k == 1 else 'classes'}; "
                f"a network learns from 2 to {MAX_CLASSES}"
            )
        return labels.astype(np.uint8)

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
        names = [field.name for field in fields(Hyperparameters)]
        if self.recipe is None:
            given: dict[str, Any] = {name: builtin(getattr(self, name)) for name in names}
            given["hidden_layer_sizes"] = layer_sizes(self.hidden_layer_sizes)
            recipe = Hyperparameters(**given).recipe(
                n, len(self.classes_), flat=self.image_shape is None
            )
        else:
            defaults = signature(type(self)).parameters
            for name in names:
                if (value := getattr(self, name)) != defaults[name].default:
                    raise UsageError(
                        f"{name}={brief(value)} has no effect with recipe=: leave it out, or "
                        "change the recipe with dataclasses.replace"
                    )
            recipe = given_recipe(self.recipe, self._engine, n)
        return recipe if self.image_shape else replace(recipe, standardise=_UNSCALED)

    def _keep(self, fitted: Fitted) -> None:
        """Set the attributes of a fitted estimator."""
        history = fitted.history
        self.network_, self.params_ = fitted.network, dict(fitted.params)
        self.n_iter_ = len(history)
        self.loss_curve_ = [epoch.loss for epoch in history]
        self.loss_ = self.loss_curve_[-1] if history else None
        if self.early_stopping:
            self.validation_scores_ = [epoch.valid_accuracy for epoch in history]
            self.best_validation_score_ = max(self.validation_scores_, default=None)


class ScratchClassifier(_NetworkClassifier):
    """A network of the from-scratch engine as a scikit-learn classifier."""

    _engine = "scratch"


class TorchClassifier(_NetworkClassifier):
    """A network of the PyTorch engine as a scikit-learn classifier; it needs torch."""

    _engine = "pytorch"
