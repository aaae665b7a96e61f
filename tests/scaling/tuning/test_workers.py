"""Several workers of one search, of which some are killed: no trial is lost or counted twice."""

import os
import signal
from dataclasses import replace

import pytest
from commands import write_digits
from small_searches import SEARCH, plan_of

from digitnn.errors import TuningError
from digitnn.scaling.tuning.ledger import Ledger
from digitnn.scaling.tuning.pulse import WORKER
from digitnn.scaling.tuning.sampling import pick_by
from digitnn.scaling.tuning.storage import choose_storage
from digitnn.scaling.tuning.workers import threads_per_worker, work_in_processes
from digitnn.wording import silent

pytestmark = pytest.mark.slow

LONG = SEARCH.replace("epochs = 3", "epochs = 60")


class Killer:
    """Called now and then while the workers work: kills so many while each trains a trial."""

    def __init__(self, study, n):
        self.study, self.n, self.killed = study, n, {}

    def __call__(self):
        for trial in Ledger(self.study.get_trials(deepcopy=False)).having("running"):
            worker = trial.user_attrs.get(WORKER)
            process = worker and worker["process"]
            is_drawn = len(trial.params) == 2
            if process and is_drawn and process not in self.killed and len(self.killed) < self.n:
                self.killed[process] = trial.params
                os.kill(process, signal.SIGKILL)
        return False


def draws_of(plan, n):
    """The draws that a search of `n` trials makes: random ones depend on the seed alone."""
    fresh = replace(plan, storage=choose_storage(str(plan.storage.path.with_name("other.db"))))
    study = fresh.study()
    for _ in range(n):
        plan.search.recipe(pick_by(study.ask()))
    return sorted(tuple(trial.params.items()) for trial in study.trials)


@pytest.mark.parametrize("name", ["t.db", "t.journal"])
def test_four_workers_of_which_two_are_killed_finish_every_trial_once(digits, tmp_path, name):
    write_digits(tmp_path / "data", digits)
    plan = plan_of(digits, tmp_path / name, LONG, data_dir=tmp_path / "data", trials=8)
    study = plan.study()
    killer = Killer(study, 2)
    work_in_processes(plan, 4, 1, "cpu", killer, silent)
    assert len(killer.killed) == 2
    ledger = Ledger(plan.study().trials)
    assert len(ledger.having("complete")) == len(ledger.finished) == 8
    assert len(ledger.having("retried")) == 2
    assert ledger.having("running", "waiting", "cut short") == []
    found = [tuple(trial.params.items()) for trial in ledger.finished]
    assert sorted(found) == draws_of(plan, 8)
    assert all(tuple(draws.items()) in found for draws in killer.killed.values())


def test_when_all_workers_are_killed_the_search_says_so_and_can_go_on(digits, tmp_path):
    write_digits(tmp_path / "data", digits)
    plan = plan_of(digits, tmp_path / "t.db", LONG, data_dir=tmp_path / "data", trials=3)
    with pytest.raises(TuningError, match="no worker is left: a worker was killed by signal 9"):
        work_in_processes(plan, 2, 1, "cpu", Killer(plan.study(), 2), silent)
    work_in_processes(plan, 2, 1, "cpu", lambda: False, silent)
    ledger = Ledger(plan.study().trials)
    assert len(ledger.finished) == 3
    assert sorted(tuple(trial.params.items()) for trial in ledger.finished) == draws_of(plan, 3)


def test_workers_that_are_asked_to_stop_give_their_trials_back(digits, tmp_path):
    write_digits(tmp_path / "data", digits)
    plan = plan_of(digits, tmp_path / "t.db", LONG, data_dir=tmp_path / "data", trials=50)
    study = plan.study()

    def stopped():
        return any(trial.params for trial in Ledger(study.trials).having("running"))

    work_in_processes(plan, 2, 1, "cpu", stopped, silent)
    ledger = Ledger(plan.study().trials)
    assert ledger.having("running", "cut short") == []
    assert len(ledger.having("waiting")) == len(ledger.having("retried")) >= 1


def test_an_error_of_a_worker_is_told(digits, tmp_path):
    plan = plan_of(digits, tmp_path / "t.db", data_dir=tmp_path / "nowhere")
    plan.study()
    with pytest.raises(TuningError, match=r"no worker is left: .*nowhere"):
        work_in_processes(plan, 1, 1, "cpu", lambda: False, silent)


def test_workers_share_the_cores_unless_the_threads_are_given():
    assert threads_per_worker(1, None) is None
    assert threads_per_worker(10_000, None) == 1
    assert threads_per_worker(4, 3) == 3
