"""The classifiers with scikit-learn's tools, and what their parameters mean."""

import subprocess
import sys
from dataclasses import replace
from importlib import util

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import digitnn
from digitnn.engines import find
from digitnn.errors import DataError, MissingExtraError, UsageError
from digitnn.recipes.builtin import RECIPES

BOTH = (digitnn.ScratchClassifier, digitnn.TorchClassifier)
ALL_EPOCHS = "ignore:training ended after max_iter"


@pytest.fixture(scope="module")
def digits_8x8():
    x, y = load_digits(return_X_y=True)
    return train_test_split(x, y, test_size=897, stratify=y, random_state=0)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def accuracy_of_scikit_learn(digits_8x8):
    x, test_x, y, test_y = digits_8x8
    with pytest.warns(ConvergenceWarning):
        return MLPClassifier((50,), max_iter=40, random_state=0).fit(x, y).score(test_x, test_y)


@pytest.mark.filterwarnings(ALL_EPOCHS)
@pytest.mark.parametrize("solver", ["cg", "lbfgs", "adam", "muon", "sgd"])
def test_every_solver_is_as_accurate_as_scikit_learns_adam_on_digits(
    solver, digits_8x8, accuracy_of_scikit_learn
):
    x, test_x, y, test_y = digits_8x8
    rate = 0.03 if solver == "sgd" else 0.003
    ours = digitnn.ScratchClassifier(
        50, solver=solver, max_iter=40, learning_rate_init=rate, random_state=0
    )
    # 897 test digits: one standard deviation of an accuracy of 96 % is 0.65 points
    assert ours.fit(x, y).score(test_x, test_y) > accuracy_of_scikit_learn - 0.02


@pytest.mark.engines
@pytest.mark.filterwarnings(ALL_EPOCHS)
@pytest.mark.parametrize("solver", ["cg", "lbfgs", "adam", "muon", "sgd"])
def test_both_engines_learn_the_same_from_one_random_state(solver, iris):
    fitted = [kind((8,), solver=solver, max_iter=10, random_state=3).fit(*iris) for kind in BOTH]
    scratch, torch = (estimator.decision_function(iris[0]) for estimator in fitted)
    np.testing.assert_allclose(scratch, torch, atol=1e-3)


@pytest.mark.filterwarnings(ALL_EPOCHS)
@pytest.mark.parametrize("alpha", [1.0, 10.0])
@pytest.mark.parametrize("solver", ["cg", "lbfgs"])
def test_without_hidden_layers_it_is_logistic_regression_with_the_same_penalty(solver, alpha, iris):
    x, y = (iris[0] - iris[0].mean(axis=0)) / iris[0].std(axis=0), iris[1]
    ours = digitnn.ScratchClassifier(
        (), solver=solver, alpha=alpha, tol=0, max_iter=300, random_state=0
    )
    theirs = LogisticRegression(C=1 / alpha, tol=1e-8, max_iter=1000).fit(x, y)
    found = ours.fit(x, y).predict_proba(x)
    np.testing.assert_allclose(found, theirs.predict_proba(x), atol=5e-3)


@pytest.mark.filterwarnings(ALL_EPOCHS)
@pytest.mark.parametrize("labels", [np.array(["cold", "mild", "hot"]), np.array([-7, 0, 300])])
def test_labels_of_any_type_come_back_in_their_own_values(labels, iris):
    x, y = iris[0], labels[iris[1]]
    estimator = digitnn.ScratchClassifier(solver="cg", max_iter=30, random_state=0).fit(x, y)
    assert estimator.classes_.tolist() == sorted(labels.tolist())
    assert estimator.predict(x).dtype == labels.dtype
    assert estimator.score(x, y) > 0.9
    assert estimator.network_.labels == tuple(map(str, estimator.classes_))


@pytest.mark.filterwarnings(ALL_EPOCHS)
def test_other_units_of_the_features_change_nothing(iris):
    x, y = iris
    shifted = x * np.array([1e-4, 1, 1000, 1e6]) + np.array([0, -5, 1e6, 1e9])
    own, other = (
        digitnn.ScratchClassifier(max_iter=30, random_state=0).fit(table, y).predict_proba(table)
        for table in (x, shifted)
    )
    np.testing.assert_allclose(own, other, atol=1e-3)


@pytest.mark.filterwarnings(ALL_EPOCHS)
def test_log_odds_probabilities_and_predictions_agree_for_two_classes(iris):
    x, y = iris[0][:100], iris[1][:100]
    estimator = digitnn.ScratchClassifier(max_iter=20, random_state=0).fit(x, y)
    odds, p = estimator.decision_function(x), estimator.predict_proba(x)
    np.testing.assert_allclose(odds, np.log(p[:, 1] / p[:, 0]), rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(estimator.predict(x), odds > 0)


def test_training_ends_after_more_than_n_iter_no_change_epochs_without_gain(iris):
    estimator = digitnn.ScratchClassifier(
        (5,), learning_rate_init=0.02, max_iter=400, tol=0.01, n_iter_no_change=4, random_state=0
    ).fit(*iris)
    losses = estimator.loss_curve_
    gains = [min(losses[:epoch]) - losses[epoch] >= 0.01 for epoch in range(1, len(losses))]
    assert estimator.n_iter_ == len(losses) < 400
    assert gains[-6:] == [True] + [False] * 5


def test_reaching_max_iter_is_a_warning(iris):
    with pytest.warns(ConvergenceWarning, match="max_iter=3"):
        digitnn.ScratchClassifier(max_iter=3, random_state=0).fit(*iris)


def test_early_stopping_watches_samples_that_it_does_not_train_on(digits_8x8):
    x, test_x, y, test_y = digits_8x8
    estimator = digitnn.ScratchClassifier(
        early_stopping=True, n_iter_no_change=5, learning_rate_init=0.01, random_state=0
    ).fit(x, y)
    scores = estimator.validation_scores_
    assert len(scores) == estimator.n_iter_ < 200
    assert estimator.best_validation_score_ == max(scores)
    assert all(round(90 * score, 6).is_integer() for score in scores)  # 90 of 900
    assert estimator.score(test_x, test_y) > 0.93


@pytest.mark.filterwarnings(ALL_EPOCHS)
@pytest.mark.parametrize("kind", BOTH)
def test_a_search_over_a_pipeline_runs_in_two_processes(kind, iris):
    pipeline = make_pipeline(MinMaxScaler(), kind(max_iter=5, random_state=0))
    name = kind.__name__.lower()
    grid = {f"{name}__hidden_layer_sizes": [(4,), (8, 4)], f"{name}__alpha": np.array([0.1, 1.0])}
    with joblib.parallel_config(backend="loky", n_jobs=2):
        search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(*iris)
    alone = cross_val_score(clone(search.best_estimator_), *iris, cv=2)
    assert search.best_score_ == pytest.approx(alone.mean())


@pytest.mark.filterwarnings(ALL_EPOCHS)
@pytest.mark.parametrize("kind", BOTH)
def test_a_fitted_estimator_is_the_same_after_joblib(kind, iris, tmp_path):
    estimator = kind(max_iter=5, random_state=0).fit(*iris)
    joblib.dump(estimator, tmp_path / "estimator.joblib")
    again = joblib.load(tmp_path / "estimator.joblib")
    np.testing.assert_array_equal(again.predict_proba(iris[0]), estimator.predict_proba(iris[0]))


@pytest.mark.parametrize("recipe", ["mlp", RECIPES["classic"]])
def test_a_recipe_decides_the_network_and_the_epochs(recipe, iris):
    estimator = digitnn.ScratchClassifier(recipe=recipe, random_state=0).fit(*iris)
    chosen = RECIPES["mlp"] if recipe == "mlp" else recipe
    assert estimator.n_iter_ == chosen.epochs
    assert estimator.network_.layers[:-1] == chosen.layers[:-1]
    assert estimator.score(*iris) > 0.85


def test_rows_of_raw_pixels_are_images_for_a_convolutional_recipe(digits):
    recipe = replace(RECIPES["cnn-98.7"], epochs=3)
    x = digits.images.reshape(len(digits), -1)
    estimator = digitnn.ScratchClassifier(recipe=recipe, image_shape=(28, 28), random_state=0)
    assert estimator.fit(x[:400], digits.labels[:400]).score(x[400:], digits.labels[400:]) > 0.9
    with pytest.raises(DataError, match="raw pixels"):
        estimator.predict(x[:2] / 255)
    with pytest.raises(DataError, match="30 x 30"):
        clone(estimator).set_params(image_shape=(30, 30)).fit(x[:400], digits.labels[:400])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"solver": "adma"}, "solver must be one of .*did you mean 'adam'"),
        ({"activation": "gelu"}, "activation must be one of identity"),
        ({"hidden_layer_sizes": (10, 0)}, "hidden_layer_sizes must be whole numbers"),
        ({"alpha": -1.0}, "alpha must be a finite number of at least 0, got -1"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1"),
        ({"scaling": "robust"}, "scaling must be one of features, table, none"),
        ({"tol": float("nan")}, "tol must be a finite number"),
        ({"early_stopping": True, "validation_fraction": 1.5}, "validation_fraction must be"),
        ({"recipe": "mpl"}, "unknown recipe 'mpl'"),
        ({"recipe": 3}, "recipe must be a Recipe or a built-in name"),
        ({"recipe": "reader"}, "recipe reader learns to reject"),
        ({"recipe": "mlp", "alpha": 1.0}, "alpha=1.0 has no effect with recipe="),
    ],
)
def test_a_wrong_parameter_is_named_in_fit(given, message, iris):
    with pytest.raises(UsageError, match=message):
        digitnn.ScratchClassifier(**given).fit(*iris)


def test_more_classes_than_a_network_can_have_are_an_error():
    x, y = np.arange(900.0)[:, None], np.arange(900) % 300
    with pytest.raises(DataError, match="300 classes; a network learns from 2 to 255"):
        digitnn.ScratchClassifier().fit(x, y)


def test_numbers_too_large_for_single_precision_are_an_error(iris):
    with pytest.raises(DataError, match="single precision cannot hold"):
        digitnn.ScratchClassifier(scaling="none").fit(iris[0] * 1e40, iris[1])


def test_without_torch_the_torch_classifier_names_the_extra(iris, monkeypatch):
    without = lambda name: None if name == "torch" else util.find_spec(name)  # noqa: E731
    monkeypatch.setattr(find, "find_spec", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'digitnn\[torch\]'"):
        digitnn.TorchClassifier().fit(*iris)


@pytest.mark.parametrize("name", ["ScratchClassifier", "TorchClassifier", "DigitReader"])
def test_without_scikit_learn_the_name_tells_the_extra_and_digitnn_still_works(name):
    program = (
        "import sys\n"
        "sys.modules['sklearn'] = None\n"
        "import digitnn\n"
        "from digitnn import *\n"
        f"assert {name!r} in dir(digitnn)\n"
        f"try: digitnn.{name}\n"
        "except digitnn.DigitnnError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.endswith(
        "needs scikit-learn, which is not installed: pip install 'digitnn[sklearn]'\n"
    )
