"""Work in several threads: in order, with few results waiting."""

import time
from threading import Lock

import pytest

from digitnn.machine.in_order import MAX_WAITING_PER_THREAD, map_in_order


def test_map_in_order_holds_only_a_few_results():
    taken, given, most, lock = 0, 0, 0, Lock()

    def sources():
        nonlocal given, most
        for n in range(10_000):
            with lock:
                given += 1
                most = max(most, given - taken)
            yield n

    for n, result in enumerate(map_in_order(lambda n: n, sources(), 4)):
        assert result == n
        taken += 1
    assert taken == 10_000
    assert most <= 4 * MAX_WAITING_PER_THREAD + 2


def test_stopping_early_waits_for_running_work_only():
    done = []

    def work(n):
        time.sleep(0.01)
        done.append(n)
        return n

    results = map_in_order(work, range(10_000), 2)
    assert next(results) == 0
    results.close()
    assert len(done) <= 6


def test_map_in_order_raises_an_exception_in_its_turn():
    results = map_in_order(lambda n: 1 // (3 - n), range(10), 4)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
