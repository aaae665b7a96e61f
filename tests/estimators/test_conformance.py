"""scikit-learn's own checks of an estimator, each a test, without one that is expected to fail."""

import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

import digitnn


@pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")
@parametrize_with_checks([digitnn.ScratchClassifier(), digitnn.TorchClassifier()])
def test_scikit_learn_accepts_the_classifier(estimator, check):
    check(estimator)
