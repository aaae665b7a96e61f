"""One worker: it draws what the seed says, trains what it draws, and gives back what it cannot."""

from dataclasses import replace

import numpy as np
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from small_searches import SEARCH, plan_of, study_in_memory, training_data

from digitnn.engines.find import find_engine
from digitnn.scaling.tuning.ledger import REASON, Ledger
from digitnn.scaling.tuning.pulse import PULSE, WORKER
from digitnn.scaling.tuning.ranges import pick_with
from digitnn.scaling.tuning.sampling import first_rung
from digitnn.scaling.tuning.worker import run_trial, work
from digitnn.training.training import Training
from digitnn.wording import silent


def never() -> bool:
    return False


def after(calls):
    """A `stopped` that says so from that call on."""
    count = iter(range(10**9))
    return lambda: next(count) >= calls


def searched(plan, digits, stopped=never, storage=None):
    study = study_in_memory(plan, storage)
    work(plan, study, training_data(digits), stopped, silent)
    return study


def found(study):
    """The draws and values of the finished trials, in the order of their numbers."""
    trials = Ledger(study.trials).finished
    return [(trial.params, trial.value, trial.state) for trial in trials]


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_the_same_seed_gives_the_same_trials_and_another_other_ones(digits, sampler):
    results = [
        found(searched(plan_of(digits, seed=seed, sampler=sampler), digits)) for seed in (0, 0, 1)
    ]
    assert results[0] == results[1]
    assert results[0] != results[2]
    assert len(results[0]) == 6
    assert len({tuple(draws.items()) for draws, _, _ in results[0]}) == 6


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_an_interrupted_search_goes_on_to_the_same_trials(digits, sampler):
    plan = plan_of(digits, sampler=sampler, pruner="halving", trials=14)
    whole = searched(plan, digits)
    storage, times = InMemoryStorage(), 0
    while len(Ledger(study_in_memory(plan, storage).trials).finished) < 14:
        parts = searched(plan, digits, after(60), storage)
        times += 1
    assert times > 1
    assert len(parts.trials) > 14  # some were tried twice
    assert found(parts) == found(whole)


def test_trials_count_over_all_calls(digits):
    plan, storage = plan_of(digits, trials=2), InMemoryStorage()
    assert len(found(searched(plan, digits, storage=storage))) == 2
    assert len(found(searched(plan, digits, storage=storage))) == 2
    assert len(found(searched(replace(plan, trials=3), digits, storage=storage))) == 3


def test_the_value_of_a_trial_is_the_validation_accuracy_of_its_recipe(digits):
    plan = plan_of(digits, trials=2)
    data = training_data(digits)
    for draws, value, state in found(searched(plan, digits)):
        training = Training(
            plan.search.recipe(pick_with(draws)), find_engine("scratch"), data.train, data.valid, 0
        )
        list(training)
        assert state == TrialState.COMPLETE
        assert value == training.history[-1].valid_accuracy


def test_halving_ends_the_worse_trials_at_the_rungs(digits):
    text = SEARCH.replace("epochs = 3", "epochs = 9")
    plan = plan_of(digits, text=text, pruner="halving", trials=12)
    trials = Ledger(searched(plan, digits).trials)
    pruned, complete = trials.having("pruned"), trials.having("complete")
    assert {trial.last_step for trial in pruned} <= {1, 3}
    assert {trial.last_step for trial in complete} == {9}
    assert len(pruned) >= 4
    best = max(trial.intermediate_values[1] for trial in trials.finished)
    assert best not in {trial.value for trial in pruned if trial.last_step == 1}


def test_the_last_epoch_prunes_nothing(digits):
    plan = plan_of(digits, text=SEARCH.replace("epochs = 3", "epochs = 1"), pruner="halving")
    assert {state for _, _, state in found(searched(plan, digits))} == {TrialState.COMPLETE}


@pytest.mark.parametrize(("epochs", "rung"), [(1, 1), (9, 1), (20, 2), (90, 10)])
def test_the_first_rung_is_at_a_ninth_of_the_longest_training(epochs, rung):
    assert first_rung(epochs) == rung


def test_an_infeasible_draw_is_a_failed_trial_with_its_reason(digits):
    text = SEARCH.replace(
        '["Flatten", {layer = "Dense", units = 6}, "Relu", {layer = "Dense", units = 10}]',
        '["Flatten", {layer = "Dense", units = {choice = [10, 11]}}]',
    )
    plan = plan_of(digits, text=text, trials=8)
    ledger = Ledger(searched(plan, digits).trials)
    failed = ledger.having("failed")
    assert {trial.params["layers.1.units"] for trial in failed} == {11}
    assert {trial.params["layers.1.units"] for trial in ledger.having("complete")} == {10}
    assert all("11" in trial.user_attrs[REASON] for trial in failed)
    assert len(ledger.finished) == 8


def test_a_batch_larger_than_the_data_is_a_failed_trial(digits):
    plan = plan_of(digits, text=SEARCH.replace("[40, 80]", "[40, 800]"))
    failed = Ledger(searched(plan, digits).trials).having("failed")
    assert {trial.params["batch_size"] for trial in failed} == {800}
    assert all("at least 800 images" in trial.user_attrs[REASON] for trial in failed)


def test_a_network_of_too_many_parameters_is_a_failed_trial(digits):
    text = SEARCH.replace("units = 6", "units = {log_int = [4, 100_000_000]}")
    plan = plan_of(digits, text=text, trials=8)
    failed = Ledger(searched(plan, digits).trials).having("failed")
    assert failed
    assert all("parameters; at most" in trial.user_attrs[REASON] for trial in failed)


def test_a_worker_that_was_taken_for_dead_does_not_count_its_trial(digits):
    plan, storage = plan_of(digits, trials=1), InMemoryStorage()
    study = study_in_memory(plan, storage)
    trial = study.ask()
    study_in_memory(plan, storage).tell(trial.number, state=TrialState.FAIL)  # by another worker
    assert not run_trial(plan, study, trial, training_data(digits), never)
    assert [one.state for one in study.trials] == [TrialState.FAIL]


def test_a_silent_worker_of_another_machine_is_replaced(digits):
    plan, storage = replace(plan_of(digits, trials=2), grace_seconds=0.2), InMemoryStorage()
    trial = study_in_memory(plan, storage).ask()
    draw = trial.suggest_float("optimiser.learning_rate", 0.0001, 0.3, log=True)
    trial.set_user_attr(WORKER, {"machine": "another", "process": 1, "started": "1"})
    trial.set_user_attr(PULSE, 4)
    ledger = Ledger(searched(plan, digits, storage=storage).trials)
    assert ledger.outcomes[0] == "retried"
    assert len(ledger.finished) == 2
    draws = [one.params["optimiser.learning_rate"] for one in ledger.finished]
    assert draws.count(draw) == 1


def test_the_test_split_is_never_among_the_images(digits, monkeypatch):
    seen = set()
    before = Training.__init__

    def watching(self, recipe, engine, train, valid, *more):
        seen.update(image.tobytes() for part in (train, valid) for image in part.images)
        before(self, recipe, engine, train, valid, *more)

    monkeypatch.setattr(Training, "__init__", watching)
    searched(plan_of(digits, trials=1), digits)
    assert len(seen) == len(np.unique(digits.images[:480], axis=0))
    assert not seen & {image.tobytes() for image in digits.images[480:]}
