"""Which running trials have lost their worker."""

import os
import subprocess
import sys
import time

import optuna
import pytest

from digitnn.scaling.tuning.ledger import Ledger
from digitnn.scaling.tuning.pulse import PULSE, WORKER, Watch, beating, describe_worker, is_gone

ELSEWHERE = {"machine": "another", "process": 1, "started": "1"}


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def study():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study()


def lost(watch, study):
    return [trial.number for trial in watch.lost(Ledger(study.get_trials(deepcopy=False)))]


def test_a_trial_is_lost_when_its_pulse_has_not_changed_for_the_grace_period(study):
    clock = Clock()
    watch = Watch(60, clock)
    silent, alive = study.ask(), study.ask()
    for trial in (silent, alive):
        trial.set_user_attr(WORKER, ELSEWHERE)
        trial.set_user_attr(PULSE, 0)
    found = []
    for beat in range(1, 5):
        found.append(lost(watch, study))
        clock.seconds += 30
        alive.set_user_attr(PULSE, beat)
    assert found == [[], [], [silent.number], [silent.number]]


def test_a_trial_whose_worker_was_killed_before_its_first_pulse_is_lost(study):
    clock = Clock()
    watch = Watch(60, clock)
    study.ask()
    assert lost(watch, study) == []
    clock.seconds = 60
    assert lost(watch, study) == [0]


def test_a_trial_that_was_cut_short_and_never_retried_is_lost(study):
    clock = Clock()
    watch = Watch(60, clock)
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)
    assert lost(watch, study) == []
    clock.seconds = 60
    assert lost(watch, study) == [0]


def test_a_worker_that_is_gone_from_this_machine_is_known_at_once(study):
    code = "from digitnn.scaling.tuning.pulse import describe_worker as d; import json;"
    code += "print(json.dumps(d()), flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    import json

    worker = json.loads(process.stdout.readline())
    trial = study.ask()
    trial.set_user_attr(WORKER, worker)
    assert not is_gone(worker)
    assert lost(Watch(60), study) == []
    process.communicate("\n")
    assert is_gone(worker)
    assert lost(Watch(60), study) == [0]


def test_a_process_that_got_the_number_of_a_dead_one_is_another():
    worker = describe_worker()
    assert not is_gone(worker)
    assert is_gone(worker | {"started": "1"})


@pytest.mark.parametrize("worker", [None, {}, ELSEWHERE, {"machine": 1}, "text"])
def test_a_worker_elsewhere_or_unknown_is_not_taken_for_gone(worker):
    assert not is_gone(worker)


def test_a_worker_gives_signs_of_life_while_it_trains(study):
    trial = study.ask()
    with beating(trial, 0.01):
        deadline = time.monotonic() + 60
        while study.trials[0].user_attrs.get(PULSE, 0) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert study.trials[0].user_attrs[PULSE] >= 3
    assert study.trials[0].user_attrs[WORKER]["process"] == os.getpid()
    count = study.trials[0].user_attrs[PULSE]
    time.sleep(0.05)
    assert study.trials[0].user_attrs[PULSE] == count
