"""Labels of any type as the indices that a network learns.

Axes: n samples, k classes.
"""

import numpy as np
from jaxtyping import Shaped, UInt8
from numpy import ndarray
from numpy.typing import ArrayLike

from digitnn.data.dataset import MAX_CLASSES
from digitnn.errors import DataError, MissingExtraError
from digitnn.wording import brief

try:
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import column_or_1d
except ImportError:
    raise MissingExtraError("scikit-learn", "sklearn", "an estimator") from None


def distinct(y: ArrayLike, name: str = "y") -> Shaped[ndarray, " k"]:
    """Return the classes that labels name, sorted. Raises `DataError` for fewer than 2 or many."""
    check_classification_targets(y)
    classes: ndarray = np.unique(column_or_1d(y, warn=True))
    if not 2 <= (k := len(classes)) <= MAX_CLASSES:
        raise DataError(
            f"{name} has {k} {'class' if k == 1 else 'classes'}; "
            f"a network learns from 2 to {MAX_CLASSES}"
        )
    return classes


def encode(y: ArrayLike, classes: Shaped[ndarray, " k"]) -> UInt8[ndarray, " n"]:
    """Return the index of each label in `classes`, which are sorted. Raises `DataError`."""
    check_classification_targets(y)
    labels = column_or_1d(y, warn=True)
    indices = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    if len(unknown := labels[classes[indices] != labels]):
        raise DataError(
            f"y has the label {unknown.tolist()[0]!r}, which is none of the classes: "
            f"{brief(classes.tolist())}"
        )
    return indices.astype(np.uint8)
