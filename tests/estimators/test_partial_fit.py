"""`partial_fit`: passes over parts of the data, with one optimiser."""

import pickle

import numpy as np
import pytest
import skops.io
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

import digitnn
from digitnn.errors import DataError, TrainingError, UsageError
from digitnn.export.skops_file import TRUSTED

BOTH = (digitnn.ScratchClassifier, digitnn.TorchClassifier)
ALL_EPOCHS = pytest.mark.filterwarnings("ignore:training ended after max_iter")


@pytest.fixture(scope="module")
def iris():
    x, y = load_iris(return_X_y=True)
    return (x - x.mean(axis=0)) / x.std(axis=0), y


@pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")
@parametrize_with_checks([digitnn.ScratchClassifier(scaling="none", max_iter=30)])
def test_scikit_learn_accepts_a_classifier_with_partial_fit(estimator, check):
    check(estimator)


@ALL_EPOCHS
@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("solver", ["adam", "muon", "sgd"])
def test_passes_over_all_data_give_the_network_that_fit_gives(kind, solver, iris):
    given = {"solver": solver, "scaling": "none", "batch_size": 40, "random_state": 4}
    whole = kind((6,), max_iter=3, **given).fit(*iris)
    passes = kind((6,), **given)
    for _ in range(3):
        passes.partial_fit(*iris, classes=[0, 1, 2])
    for name, array in whole.params_.items():
        np.testing.assert_array_equal(passes.params_[name], array)
    assert passes.loss_curve_ == pytest.approx(whole.loss_curve_)
    assert (passes.n_iter_, passes.network_) == (3, whole.network_)


def test_parts_of_the_data_are_learned_one_after_the_other():
    x, y = load_digits(return_X_y=True)
    classifier = digitnn.ScratchClassifier(image_shape=(8, 8), random_state=0, batch_size=50)
    for _ in range(8):
        for part in range(0, 1500, 300):
            rows = slice(part, part + 300)
            classifier.partial_fit(15 * x[rows], y[rows], classes=range(10))
    assert classifier.n_iter_ == 40
    assert classifier.score(15 * x[1500:], y[1500:]) > 0.85


@pytest.mark.parametrize("kind", BOTH)
def test_a_saved_classifier_goes_on_with_the_state_of_its_optimiser(kind, iris):
    one = kind((6,), scaling="none", random_state=4, batch_size=40)
    one.partial_fit(*iris, classes=[0, 1, 2])
    copies = [pickle.loads(pickle.dumps(one))]
    if kind is digitnn.ScratchClassifier:
        copies.append(skops.io.loads(skops.io.dumps(one), trusted=list(TRUSTED)))
    expected = one.partial_fit(*iris).predict_proba(iris[0])
    for copy in copies:
        np.testing.assert_array_equal(copy.partial_fit(*iris).predict_proba(iris[0]), expected)


@ALL_EPOCHS
def test_after_fit_it_goes_on_and_fit_begins_anew(iris):
    fitted = digitnn.ScratchClassifier((6,), scaling="none", max_iter=20, random_state=0).fit(*iris)
    before = fitted.predict_proba(iris[0])
    fitted.partial_fit(*iris)
    assert fitted.n_iter_ == 21
    assert fitted.loss_ < fitted.loss_curve_[0]
    assert 0 < np.abs(fitted.predict_proba(iris[0]) - before).max() < 0.1
    np.testing.assert_array_equal(fitted.fit(*iris).predict_proba(iris[0]), before)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "scaling='features'"),
        ({"scaling": "none", "solver": "lbfgs"}, "solver='lbfgs'"),
        ({"scaling": "none", "recipe": "mlp"}, "recipe='mlp'"),
        ({"scaling": "none", "early_stopping": True}, "early_stopping=True"),
    ],
)
def test_there_is_no_partial_fit_where_a_part_of_the_data_is_not_enough(given, name):
    classifier = digitnn.ScratchClassifier(**given)
    assert not hasattr(classifier, "partial_fit")
    with pytest.raises(AttributeError) as caught:
        _ = classifier.partial_fit
    assert f"no partial_fit with {name}" in str(caught.value.__cause__ or caught.value)


def test_wrong_classes_are_an_error_that_changes_nothing(iris):
    x, y = iris
    classifier = digitnn.ScratchClassifier((6,), scaling="none", random_state=0)
    with pytest.raises(UsageError, match="first partial_fit needs all classes"):
        classifier.partial_fit(x, y)
    with pytest.raises(DataError, match="y has the label 2, which is none of the classes"):
        classifier.partial_fit(x, y, classes=[0, 1])
    classifier.partial_fit(x, y, classes=[0, 1, 2])
    before = classifier.predict_proba(x)
    with pytest.raises(UsageError, match="classes must be those of the first call"):
        classifier.partial_fit(x, y, classes=[0, 1, 3])
    with pytest.raises(DataError, match="y has the label 7"):
        classifier.partial_fit(x, np.where(y == 2, 7, y))
    with pytest.raises(UsageError, match="goes on with the network that it has"):
        classifier.set_params(hidden_layer_sizes=(7,)).partial_fit(x, y)
    classifier.set_params(hidden_layer_sizes=(6,))
    np.testing.assert_array_equal(classifier.predict_proba(x), before)
    assert classifier.n_iter_ == 1


@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value encountered")
def test_a_pass_that_diverges_changes_nothing(iris):
    classifier = digitnn.ScratchClassifier(
        (6,), solver="sgd", scaling="none", batch_size=20, random_state=0
    ).partial_fit(*iris, classes=[0, 1, 2])
    before = classifier.predict_proba(iris[0])
    classifier.set_params(learning_rate_init=1e30)
    with pytest.raises(TrainingError, match=r"the loss became .* in a pass over 150 samples"):
        classifier.partial_fit(*iris)
    np.testing.assert_array_equal(classifier.predict_proba(iris[0]), before)
    classifier.set_params(learning_rate_init=0.001).partial_fit(*iris)
    assert classifier.n_iter_ == 2
