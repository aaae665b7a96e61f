"""scikit-learn's own checks of an estimator, each a test, without one that is expected to fail."""

import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

import digitnn

SHORT = {"hidden_layer_sizes": (20,), "max_iter": 30}
"""The checks are about the interface: they fit hundreds of times and expect an accuracy of 83 %."""


@pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.ConvergenceWarning")
@parametrize_with_checks([digitnn.ScratchClassifier(**SHORT), digitnn.TorchClassifier(**SHORT)])
def test_scikit_learn_accepts_the_classifier(estimator, check):
    check(estimator)
