"""Before the first step, all processes must have prepared the same training, or none begins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from digitnn.errors import DigitnnError, PeerError, UsageError
from digitnn.machine.describe import describe_conditions
from digitnn.runs.identity import differences

if TYPE_CHECKING:
    from digitnn.engines.pytorch.process_group import ProcessGroup

Made = TypeVar("Made")


@dataclass(frozen=True)
class Failure:
    """An error in one process, as it is sent to the others."""

    message: str
    exit_code: int


class Disagreement(DigitnnError):
    """The processes cannot train together. Only the first process shows it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def attempt(work: Callable[[], Made]) -> Made | Failure:
    """Return what `work` returns, or how it failed: the other processes wait for an answer."""
    try:
        return work()
    except DigitnnError as error:
        return Failure(str(error), error.exit_code)
    except Exception as error:
        return Failure(f"unexpected {type(error).__name__}: {error}", 1)


def agree(group: "ProcessGroup", own: Mapping[str, Any] | Failure) -> None:
    """Compare what all processes have prepared.

    own: the identity of the training (see `identify`), or the error of this process. Raises
    `Disagreement` in all processes if there was an error in one, or if two differ in their
    training, processor, threads, device or versions.
    """
    conditions = {"conditions": describe_conditions()}
    answers = group.collect(own if isinstance(own, Failure) else {**own, **conditions})
    if failure := _first_failure(answers):
        raise Disagreement(failure.message, failure.exit_code)
    for rank, answer in enumerate(answers):
        if differ := differences(answers[0], answer):
            raise Disagreement(
                f"process {rank} would train something else than process 0: {'; '.join(differ)}: "
                "give all processes the same command, data and versions",
                PeerError.exit_code,
            )


def _first_failure(answers: Sequence[Mapping[str, Any] | Failure]) -> Failure | None:
    """Return the first error, named with its process unless all have the same."""
    failures = {rank: a for rank, a in enumerate(answers) if isinstance(a, Failure)}
    if not failures:
        return None
    rank, first = next(iter(failures.items()))
    if rank == 0:
        return first
    code = UsageError.exit_code if first.exit_code == UsageError.exit_code else 1
    return Failure(f"process {rank}: {first.message}", code)
