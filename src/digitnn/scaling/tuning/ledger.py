"""What the trials of a storage count for, and how a trial that was cut short is tried again.

A search of 60 trials has 60 finished ones in all, whoever ran them and when. A trial is finished if
it is

    complete    trained to its end
    pruned      ended early by successive halving
    failed      it has a reason: its recipe is none, its loss diverged, its workers were killed

and takes a place that nobody else may take while it is running, waiting, or cut short and not yet
tried again. A trial that was cut short (killed, interrupted) is a FAIL without a reason; a new
trial with the same draws retries it. Two workers that ask for the last trial at the same time both
get one: of these the later is surplus, as is a second retry of one trial. Surplus trials train
nothing.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

REASON, SURPLUS, INTERRUPTED, KILLS = "reason", "surplus", "interrupted", "kills"
"""Attributes of trials: why it failed; that it trains nothing; that a signal, not a kill, ended it;
how often earlier tries were killed."""
SECONDS, PARAMETERS = "seconds", "parameters"
"""Attributes of a trained trial: the training time; the number of learned parameters."""
FIRST_TRY, TRIES = "failed_trial", "retry_history"
"""Attributes under which Optuna's own callback keeps the numbers of earlier tries."""
MAX_KILLS = 3
"""A trial whose worker was killed so often may well kill the next one: it has failed."""

Outcome: TypeAlias = Literal[
    "complete", "pruned", "failed", "running", "waiting", "cut short", "retried", "surplus"
]
FINISHED: tuple[Outcome, ...] = ("complete", "pruned", "failed")
OPEN: tuple[Outcome, ...] = ("running", "waiting", "cut short")


class Ledger:
    """The outcomes of all trials of a search at one time, by number."""

    def __init__(self, trials: Sequence["FrozenTrial"]) -> None:
        self.trials = sorted(trials, key=lambda trial: trial.number)
        by_number = {trial.number: trial for trial in self.trials}
        self._retry_of: dict[int, int] = {}
        doubles = set()
        for trial in self.trials:
            if (tries := tries_of(trial)) and not trial.user_attrs.get(SURPLUS):
                before = by_number.get(tries[-1])
                if tries[-1] in self._retry_of or before is None or not _is_cut_short(before):
                    doubles.add(trial.number)
                else:
                    self._retry_of[tries[-1]] = trial.number
        self.outcomes: dict[int, Outcome] = {
            trial.number: "surplus" if trial.number in doubles else self._outcome(trial)
            for trial in self.trials
        }

    def _outcome(self, trial: "FrozenTrial") -> Outcome:
        from optuna.trial import TrialState

        if trial.state == TrialState.COMPLETE:
            return "complete"
        if trial.state == TrialState.PRUNED:
            return "pruned"
        if trial.user_attrs.get(SURPLUS):
            return "surplus"
        if trial.state != TrialState.FAIL:
            return "waiting" if trial.state == TrialState.WAITING else "running"
        if REASON in trial.user_attrs or _is_given_up(trial):
            return "failed"
        return "retried" if trial.number in self._retry_of else "cut short"

    def having(self, *outcomes: Outcome) -> list["FrozenTrial"]:
        """Return the trials with one of these outcomes, in order."""
        return [trial for trial in self.trials if self.outcomes[trial.number] in outcomes]

    @property
    def finished(self) -> list["FrozenTrial"]:
        """The trials that count."""
        return self.having(*FINISHED)

    def taken_before(self, number: int | None = None) -> int:
        """Return how many trials before `number`, or in all, are finished or open."""
        taken = self.having(*FINISHED, *OPEN)
        return sum(number is None or trial.number < number for trial in taken)

    def has_waiting(self) -> bool:
        """Tell whether a trial, surplus or not, waits for a worker."""
        from optuna.trial import TrialState

        return any(trial.state == TrialState.WAITING for trial in self.trials)

    def is_surplus(self, number: int, wanted: int) -> bool:
        """Tell whether trial `number` is too many if `wanted` trials are."""
        return self.outcomes.get(number) == "surplus" or self.taken_before(number) >= wanted

    def position(self, number: int) -> int:
        """Return which draw of the search a trial is, from 0: the same for all its tries.

        A search that was interrupted and goes on has the same draws as one that was not.
        """
        by_number = {trial.number: trial for trial in self.trials}
        if number in by_number and (tries := tries_of(by_number[number])):
            number = tries[0]
        firsts = (t for t in self.trials if t.number < number and not tries_of(t))
        return sum(self.outcomes[trial.number] != "surplus" for trial in firsts)


def tries_of(trial: "FrozenTrial") -> list[int]:
    """Return the numbers of the earlier tries of a trial."""
    return list(trial.system_attrs.get(TRIES, ()))


def reason_of(trial: "FrozenTrial") -> str:
    """Return why a failed trial failed."""
    killed = f"its worker was killed {MAX_KILLS} times"
    return str(trial.user_attrs.get(REASON, killed))


def cut_short(study: "Study", trial: "FrozenTrial") -> bool:
    """Tell the storage that a running trial's worker is gone; retry it. False if others have."""
    from optuna.exceptions import UpdateFinishedTrialError
    from optuna.trial import TrialState

    try:
        study.tell(trial.number, state=TrialState.FAIL)
    except (ValueError, UpdateFinishedTrialError):  # finished in the meantime
        return False
    retry(study, trial)
    return True


def retry(study: "Study", trial: "FrozenTrial") -> None:
    """Let a trial that was cut short wait for a worker again, with the same draws.

    Like Optuna's `RetryHeartbeatStaleTrialCallback`, but without the rungs of halving that the
    trial had climbed, which it would skip and hold twice, and with a limit for kills only.
    """
    import optuna

    if _is_given_up(trial):
        return
    tries = [*tries_of(trial), trial.number]
    kills = trial.user_attrs.get(KILLS, 0) + (0 if trial.user_attrs.get(INTERRUPTED) else 1)
    study.add_trial(
        optuna.create_trial(
            state=optuna.trial.TrialState.WAITING,
            params=trial.params,
            distributions=trial.distributions,
            user_attrs={KILLS: kills},
            system_attrs={FIRST_TRY: tries[0], TRIES: tries},
        )
    )


def _is_given_up(trial: "FrozenTrial") -> bool:
    """Tell whether a trial, if it is cut short, was killed too often to be retried."""
    kills: int = trial.user_attrs.get(KILLS, 0)
    return not trial.user_attrs.get(INTERRUPTED) and kills + 1 >= MAX_KILLS


def _is_cut_short(trial: "FrozenTrial") -> bool:
    from optuna.trial import TrialState

    return trial.state == TrialState.FAIL and REASON not in trial.user_attrs
