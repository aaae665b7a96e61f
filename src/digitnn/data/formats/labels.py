"""Labels of any form as class indices and the names of the classes.

Files hold labels as integers, whole floats, text or one-hot rows. Integers within 0 to 9 are
digits; larger ones count classes named "0", "1" and so on, unless a mapping names them. Words are
classes in alphabetical order. Digits and letters may be mixed, but not numbers and words: one
"three" among digits is a mistake.
Axes: n images, k classes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from numpy import ndarray

from digitnn.data.dataset import DIGITS, MAX_CLASSES, Dataset
from digitnn.data.formats.notes import tell
from digitnn.errors import FormatError
from digitnn.wording import count

MIN_USED_SHARE = 0.5
"""Of the classes of a training file: labels with larger gaps do not count classes."""


@dataclass(frozen=True, eq=False)
class Labels:
    """indices: uint8 (n,), indices of `classes`; classes: their names."""

    indices: UInt8[ndarray, " n"]
    classes: tuple[str, ...] = DIGITS

    def dataset(self, images: ndarray, name: str, source: str) -> Dataset:
        """Return the images with these labels. Raises `FormatError` for another number of them."""
        if len(images) != len(self.indices):
            raise FormatError(f"{source}: {len(self.indices)} labels for {len(images)} images")
        return Dataset(images, self.indices, name, classes=self.classes)


def as_labels(values: ndarray, name: str, names: Mapping[int, str] | None = None) -> Labels:
    """Return labels as indices and classes.

    values: (n,), (n, 1) or (1, n) integers, whole floats or text; or one-hot (n, k).
    names: the class of each label, where the file has such a mapping.
    Raises `FormatError` naming `name` for anything else.
    """
    if values.ndim == 2 and 1 not in values.shape:
        values = _indices_of_ones(values, name)
    elif values.ndim == 2:
        values = values.reshape(-1)
    if values.ndim != 1:
        raise FormatError(
            f"{name}: expected labels of shape (n,) or one-hot (n, k), got {values.shape}"
        )
    if values.dtype.kind in "US":
        return _from_texts(values, name, names)
    if values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            wrong = ~(values == np.floor(values)) | ~(np.abs(values) < 2**31)
        if wrong.any():
            where = int(np.argmax(wrong))
            raise FormatError(
                f"{name} must be integers, got {values.dtype}: label {where} is {values[where]:g}"
            )
        values = values.astype(np.int64)
    if values.dtype.kind not in "iu":
        raise FormatError(f"{name} must be integers, got {values.dtype}")
    return _from_integers(values, name, names)


def is_numbered(classes: tuple[str, ...]) -> bool:
    """Return whether the classes are "0", "1" and so on, so that an index names its class."""
    return classes == tuple(str(index) for index in range(len(classes)))


def order_classes(names: Iterable[str]) -> tuple[str, ...]:
    """Return the classes that `names` of folders or cells are.

    Digits are all ten digits; other whole numbers come by value, words in alphabetical order.
    """
    known = set(names)
    if known <= set(DIGITS):
        return DIGITS
    if all(_is_whole(name) for name in known):
        return tuple(sorted(known, key=int))
    return tuple(sorted(known))


def word_among_numbers(names: Iterable[str]) -> str | None:
    """Return the first name that is a word although others are numbers; None if there is none.

    Single characters, such as the digits and letters of EMNIST, may be mixed.
    """
    known = list(names)
    words = [name for name in known if not _is_whole(name)]
    if not words or len(words) == len(known) or all(len(name) == 1 for name in known):
        return None
    return words[0]


def require_most_classes(data: Dataset, source: str) -> None:
    """Raise `FormatError` if most of the classes that the highest label implies have no image."""
    counts = data.counts()
    used = int((counts > 0).sum())
    if (
        is_numbered(data.classes)
        and len(counts) > len(DIGITS)
        and used < MIN_USED_SHARE * len(counts)
    ):
        highest = len(counts) - 1
        where = int(np.argmax(data.labels == highest))
        raise FormatError(
            f"{source}: label {where} is {highest}, but only {used} of the labels 0 to {highest} "
            "occur; expected labels that count classes from 0"
        )


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal() and str(int(text[:9])) == text


def _indices_of_ones(values: ndarray, name: str) -> ndarray:
    """Return the column of the 1 in each row."""
    if values.dtype.kind not in "buif":
        raise FormatError(f"{name}: one-hot labels must be numbers, got {values.dtype}")
    hot = values == 1
    wrong = (hot.sum(axis=1) != 1) | (values != hot).any(axis=1)
    if wrong.any():
        raise FormatError(
            f"{name}: row {int(np.argmax(wrong))} is not one-hot; expected one 1, the others 0"
        )
    return np.asarray(hot.argmax(axis=1))


def _from_integers(values: ndarray, name: str, names: Mapping[int, str] | None) -> Labels:
    if names is not None:
        return _from_mapping(values, name, names)
    highest = max(int(values.max(initial=0)), len(DIGITS) - 1)
    wrong = (values < 0) | (values >= MAX_CLASSES)
    if wrong.any():
        where = int(np.argmax(wrong))
        raise FormatError(
            f"{name}: label {where} is {values[where]}; labels count from 0, at most "
            f"{MAX_CLASSES - 1}"
        )
    classes = tuple(str(index) for index in range(highest + 1))
    if classes != DIGITS:
        tell(f"{name}: labels up to {highest} are {count(len(classes), 'class')[:-1]}es by number")
    return Labels(values.astype(np.uint8, copy=False), classes)


def _from_mapping(values: ndarray, name: str, names: Mapping[int, str]) -> Labels:
    known = sorted(names)
    unknown = ~np.isin(values, known)
    if unknown.any():
        where = int(np.argmax(unknown))
        named = f" ({names[known[0]]} to {names[known[-1]]})"
        plain = all(names[label] == str(label) for label in known)
        raise FormatError(
            f"{name}: label {where} is {values[where]}; labels are {known[0]} to {known[-1]}"
            f"{'' if plain else named}"
        )
    classes = tuple(names[label] for label in known)
    indices = np.searchsorted(known, values).astype(np.uint8)
    if set(classes) <= set(DIGITS):
        return Labels(np.array([int(one) for one in classes], np.uint8)[indices], DIGITS)
    return Labels(indices, classes)


def _from_texts(values: ndarray, name: str, names: Mapping[int, str] | None) -> Labels:
    texts = values.astype(str) if values.dtype.kind == "U" else _decoded(values, name)
    distinct, codes = np.unique(np.char.strip(texts), return_inverse=True)
    words = distinct.tolist()
    if "" in words:
        raise FormatError(f"{name}: label {int(np.argmax(codes == words.index('')))} is empty")
    if all(_is_whole(word) for word in words):
        return _from_integers(distinct.astype(np.int64)[codes], name, names)
    if len(words) > MAX_CLASSES:
        raise FormatError(
            f"{name}: {len(words)} different labels; at most {MAX_CLASSES} classes are possible"
        )
    odd = word_among_numbers(words)
    if odd is not None:
        where = int(np.argmax(codes == words.index(odd)))
        raise FormatError(f"{name}: label {where} is {odd[:20]!a}, but others are numbers")
    return Labels(codes.astype(np.uint8), tuple(words))


def _decoded(values: ndarray, name: str) -> ndarray:
    try:
        return np.asarray(np.char.decode(values, "utf-8"))
    except UnicodeDecodeError:
        raise FormatError(f"{name}: labels must be UTF-8 text") from None
