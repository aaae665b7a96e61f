"""The reader as a transformer of scikit-learn: pictures to probabilities.

Importing this needs scikit-learn; `import digitnn` does not import it.
Axes: n pictures.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from jaxtyping import Float32, Int64, Shaped
from numpy import ndarray

from digitnn.data.dataset import NON_DIGIT
from digitnn.errors import MissingExtraError, PictureError
from digitnn.network.network import DIGITS
from digitnn.reader.input.arrays import ArraySource
from digitnn.reader.input.opening import PictureSource
from digitnn.reader.reader import Digit, Reader

try:
    from sklearn.base import BaseEstimator, TransformerMixin
except ImportError:
    raise MissingExtraError("scikit-learn", "sklearn", "DigitReader") from None

FEATURE_NAMES = (*(f"digit_{digit}" for digit in DIGITS), "no_digit")
"""The names of the columns of `transform`."""

REJECTED = -1
"""What `predict` returns for a picture without a digit, or with none that is clear enough."""


class DigitReader(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Reads the digit of each picture; there is nothing to fit.

    Pictures: paths, bytes, open files, Pillow images, arrays or tensors in a list or another
    iterable, or an array of several, (n, h, w), (n, h, w, c) or (n, 784). Each is taken for one
    digit at most, as by `Reader.read` with `single`.
    """

    def __init__(
        self, model: Path | str | None = None, min_confidence: float | None = None
    ) -> None:
        """Set the parameters.

        model: a run or ensemble; None: the shipped network. min_confidence: the rejection
        threshold of `predict`, 0 to 1; None: the reader's own.
        """
        self.model = model
        self.min_confidence = min_confidence

    def fit(self, X: Iterable[PictureSource] | ArraySource, y: object = None) -> Self:
        """Load the reader once, so that a wrong parameter is told here; X and y are not used.

        Raises `RunError` for the model, `UsageError` for the threshold.
        """
        self._reader()
        return self

    def transform(self, X: Iterable[PictureSource] | ArraySource) -> Float32[ndarray, "n 11"]:
        """Return the probabilities of the ten digits and, last, of "no digit".

        A picture without ink is no digit for certain. Raises `PictureError` for a picture that
        cannot be opened.
        """
        rows = [_probabilities(digit) for digit in self._digits(X)]
        return np.array(rows, np.float32).reshape(-1, NON_DIGIT + 1)

    def predict(self, X: Iterable[PictureSource] | ArraySource) -> Int64[ndarray, " n"]:
        """Return the digit of each picture, or -1 where the reader rejects it."""
        digits = [None if digit is None else digit.digit for digit in self._digits(X)]
        return np.array([REJECTED if digit is None else digit for digit in digits], np.int64)

    def get_feature_names_out(self, input_features: object = None) -> Shaped[ndarray, "11"]:
        """Return the names of the columns; `input_features` is not used."""
        return np.array(FEATURE_NAMES, object)

    def _reader(self) -> Reader:
        return Reader.load(self.model, self.min_confidence)

    def _digits(self, X: Iterable[PictureSource] | ArraySource) -> Iterator[Digit | None]:
        for reading in self._reader().read_many(X, single=True):
            if isinstance(reading, PictureError):
                raise reading
            yield reading.digits[0] if reading.digits else None

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        """Say that pictures are no table of numbers, and that `fit` is not needed."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags


def _probabilities(digit: Digit | None) -> Float32[ndarray, "11"]:
    if digit is not None:
        return digit.probabilities
    return np.eye(NON_DIGIT + 1, dtype=np.float32)[NON_DIGIT]
