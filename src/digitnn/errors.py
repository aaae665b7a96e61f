"""The errors that digitnn raises on purpose, and one check that raises them.

A message is one line. It names the thing, what it accepts and what it got, and ends with the
remedy if one is known. The command line prints it and exits with `exit_code` (1: failed, 2: wrong
usage).

    DigitnnError
      UsageError   DataError -> FormatError   PictureError   SourceError
      NetworkError -> ShapeError   TrainingError   GradientError
      RunError   CheckpointError   TuningError   CollectionError   PeerError
      Interruption   MissingExtraError
"""

import operator
from math import isfinite
from signal import SIGINT


class DigitnnError(Exception):
    """The base class: catch it to catch every error of this package."""

    exit_code = 1


class UsageError(DigitnnError, ValueError):
    """An option or argument that is not accepted: an unknown recipe, `--seeds 0`."""

    exit_code = 2


class DataError(DigitnnError, ValueError):
    """Images and labels that do not match: 49 labels for 50 images, a label of 10."""


class FormatError(DataError):
    """A file that violates its format: truncated, damaged, or of another format."""


class PictureError(DigitnnError, ValueError):
    """A picture that cannot be opened, or that contains no ink."""


class SourceError(DigitnnError, OSError):
    """No source delivered the data; the message gives the reason for each source."""


class NetworkError(DigitnnError, ValueError):
    """An invalid description: an unknown layer, a kernel larger than its input.

    place: where in the description, such as ("layers", 3, "kernel"); empty for the whole.
    """

    def __init__(self, message: str, place: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.place = place


class ShapeError(NetworkError):
    """An array or a layer's input of the wrong shape."""


class TrainingError(DigitnnError, RuntimeError):
    """Training cannot continue: the loss is not finite, the batch is larger than the data."""


class GradientError(DigitnnError, AssertionError):
    """A gradient that finite differences contradict; the message shows where."""


class RunError(DigitnnError):
    """A run directory that is incomplete, damaged, or from a newer version of digitnn."""


class CheckpointError(DigitnnError):
    """A checkpoint that is damaged, or belongs to another training."""


class PeerError(DigitnnError):
    """Another process of a training ended, does not answer, or computes something else."""


class ExportError(DigitnnError):
    """An export that a format cannot hold, or that does not compute what the run computes."""


class TuningError(DigitnnError):
    """A search that cannot go on: a storage of another search, no draw that can be trained."""


class CollectionError(DigitnnError):
    """A collection that cannot be read: an input that is no tar, the output of another job."""


class Interruption(DigitnnError):
    """A signal such as Ctrl-C; the message says what was saved and how to continue."""

    exit_code = 130

    def __init__(self, message: str, signal_number: int = SIGINT) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


class MissingExtraError(DigitnnError, ImportError):
    """An optional library is missing; the message names the command that installs it."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {library}, which is not installed: pip install 'digitnn[{extra}]'"
        )


_BOUNDS = {
    "at_least": ("of at least", operator.ge),
    "above": ("above", operator.gt),
    "at_most": ("at most", operator.le),
    "below": ("below", operator.lt),
}


def check_numbers(
    description: object,
    *names: str,
    whole: bool = False,
    error: type[DigitnnError] = UsageError,
    **bounds: float,
) -> None:
    """Raise `error` unless the named fields of `description` are finite numbers within `bounds`.

    whole: integers only. bounds: any of at_least, above, at_most, below.
    """
    for name in names:
        value = getattr(description, name)
        is_number = type(value) is int or (isinstance(value, float) and not whole)
        if not (
            is_number
            and isfinite(value)
            and all(_BOUNDS[key][1](value, bound) for key, bound in bounds.items())
        ):
            limits = " and ".join(f"{_BOUNDS[key][0]} {bound:g}" for key, bound in bounds.items())
            raise error(
                f"{type(description).__name__}: {name} must be a {'whole' if whole else 'finite'} "
                f"number {limits}, got {value!r}"
            )
