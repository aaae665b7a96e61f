"""Every error that a user can meet, in one small tree.

A message names the thing, says what was expected and what came, and ends with the remedy
where one is known. It is one line: the command line prints it as it is and exits with
`exit_code` (1: it failed, 2: it was asked wrongly).
"""

from signal import SIGINT


class DigitnnError(Exception):
    """The root: catch it to catch all that digitnn raises on purpose."""

    exit_code = 1


class UsageError(DigitnnError, ValueError):
    """An option or argument outside what it takes: an unknown recipe, `--seeds 0`."""

    exit_code = 2


class DataError(DigitnnError, ValueError):
    """Images and labels that do not fit: 49 labels for 50 images, a label of 10."""


class FormatError(DataError):
    """A file that is not what its format demands: cut, mislabelled, of another kind."""


class PictureError(DigitnnError, ValueError):
    """A picture that cannot be opened, or that holds no ink; the message names it and says why."""


class SourceError(DigitnnError, OSError):
    """No source could give the data; the message names each one and why it failed."""


class NetworkError(DigitnnError, ValueError):
    """A description that cannot be: an unknown layer, a kernel wider than its input.

    place: where in the description, such as ("layers", 3, "kernel"); empty: as a whole.
    """

    def __init__(self, message: str, place: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.place = place


class ShapeError(NetworkError):
    """An array, or a layer's input, of another shape than the network takes."""


class TrainingError(DigitnnError, RuntimeError):
    """Training cannot go on: the loss is no longer finite, the batch exceeds the data."""


class GradientError(DigitnnError, AssertionError):
    """A claimed gradient that finite differences contradict; the message shows where."""


class RunError(DigitnnError):
    """A run directory that is incomplete, damaged, or written by a newer digitnn."""


class CheckpointError(DigitnnError):
    """A checkpoint that is damaged, or of another training than the one that is to go on."""


class Interruption(DigitnnError):
    """A signal ended it, such as Ctrl-C; the message says what was kept and how to go on."""

    exit_code = 130

    def __init__(self, message: str, signal_number: int = SIGINT) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


class MissingExtraError(DigitnnError, ImportError):
    """An optional library is not installed; the message names the command that installs it."""

    def __init__(self, library: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {library}, which is not installed: pip install 'digitnn[{extra}]'"
        )
