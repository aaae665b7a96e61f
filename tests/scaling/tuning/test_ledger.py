"""Which trials count, which are open, and how a trial that was cut short is tried again."""

import optuna
import pytest
from optuna.trial import TrialState

from digitnn.scaling.tuning.ledger import (
    INTERRUPTED,
    KILLS,
    MAX_KILLS,
    REASON,
    SURPLUS,
    Ledger,
    cut_short,
    reason_of,
    retry,
    tries_of,
)


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(0))


def ledger(study):
    return Ledger(study.get_trials(deepcopy=False))


def ask(study):
    trial = study.ask()
    trial.suggest_float("x", 0, 1)
    return trial


def fail(study, trial, **attributes):
    for name, value in attributes.items():
        trial.set_user_attr(name, value)
    study.tell(trial, state=TrialState.FAIL)


def test_complete_pruned_and_failed_trials_are_finished(study):
    study.tell(ask(study), 0.5)
    pruned = ask(study)
    pruned.report(0.1, 1)
    study.tell(pruned, state=TrialState.PRUNED)
    fail(study, ask(study), **{REASON: "the loss diverged"})
    ask(study)
    found = ledger(study)
    assert list(found.outcomes.values()) == ["complete", "pruned", "failed", "running"]
    assert [trial.number for trial in found.finished] == [0, 1, 2]
    assert reason_of(found.trials[2]) == "the loss diverged"
    assert found.taken_before() == 4
    assert found.taken_before(3) == 3


def test_a_killed_trial_is_retried_with_the_same_draws_and_counts_once(study):
    killed = ask(study)
    assert cut_short(study, study.trials[0])
    assert ledger(study).outcomes == {0: "retried", 1: "waiting"}
    assert ledger(study).taken_before() == 1
    again = ask(study)
    assert again.number == 1
    assert again.params == killed.params
    assert tries_of(study.trials[1]) == [0]
    study.tell(again, 0.5)
    assert ledger(study).outcomes == {0: "retried", 1: "complete"}
    assert len(ledger(study).finished) == 1


def test_a_trial_that_was_cut_short_holds_its_place_until_it_is_retried(study):
    fail(study, ask(study))  # killed between the two halves of `cut_short`
    assert ledger(study).outcomes == {0: "cut short"}
    assert ledger(study).taken_before() == 1
    assert ledger(study).is_surplus(1, wanted=1)


def test_a_second_retry_of_one_trial_is_surplus(study):
    fail(study, ask(study))
    retry(study, study.trials[0])
    retry(study, study.trials[0])
    assert ledger(study).outcomes == {0: "retried", 1: "waiting", 2: "surplus"}
    assert ledger(study).is_surplus(2, wanted=10)
    assert not ledger(study).is_surplus(1, wanted=10)


def test_a_retry_of_a_trial_that_ended_well_after_all_is_surplus(study):
    trial = ask(study)
    retry(study, study.trials[0])
    study.tell(trial, 0.5)
    assert ledger(study).outcomes == {0: "complete", 1: "surplus"}


def test_of_two_trials_asked_at_once_for_one_place_the_later_is_surplus(study):
    study.tell(ask(study), 0.5)
    first, second = study.ask(), study.ask()
    assert not ledger(study).is_surplus(first.number, wanted=2)
    assert ledger(study).is_surplus(second.number, wanted=2)
    fail(study, second, **{SURPLUS: True})
    assert ledger(study).outcomes == {0: "complete", 1: "running", 2: "surplus"}


def test_a_trial_whose_workers_are_always_killed_fails_in_the_end(study):
    for number in range(MAX_KILLS):
        ask(study)
        cut_short(study, study.trials[number])
    found = ledger(study)
    assert list(found.outcomes.values()) == ["retried"] * (MAX_KILLS - 1) + ["failed"]
    assert "killed 3 times" in reason_of(found.trials[-1])
    assert not found.has_waiting()


def test_interruptions_are_no_kills(study):
    for number in range(MAX_KILLS + 2):
        ask(study).set_user_attr(INTERRUPTED, True)
        cut_short(study, study.trials[number])
    assert study.trials[-1].user_attrs == {KILLS: 0}
    assert ledger(study).outcomes[MAX_KILLS + 2] == "waiting"


def test_only_one_of_two_watchers_retries_a_trial(study):
    ask(study)
    stale = study.trials[0]
    assert cut_short(study, stale)
    assert not cut_short(study, stale)
    assert len(study.trials) == 2


def test_a_retry_forgets_the_rungs_that_the_trial_had_climbed(study):
    trial = ask(study)
    study._storage.set_trial_system_attr(trial._trial_id, "completed_rung_0", 0.9)
    cut_short(study, study.trials[0])
    assert "completed_rung_0" not in study.trials[1].system_attrs


def test_the_position_of_a_draw_does_not_depend_on_interruptions(study):
    study.tell(ask(study), 0.5)
    ask(study)
    cut_short(study, study.trials[1])  # 2 retries 1
    ask(study)
    fail(study, study.ask(), **{SURPLUS: True})
    ask(study)
    assert [ledger(study).position(number) for number in (0, 1, 2, 4)] == [0, 1, 1, 2]
