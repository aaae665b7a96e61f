"""Keeping the matrix library to one core, whoever asks and in whatever order they leave."""

import os
import subprocess
import sys
import threading
from time import monotonic, sleep

import numpy as np
import pytest
import threadpoolctl

from digitnn.engines.scratch.blocks import run_blocks
from digitnn.machine import blas
from digitnn.machine.blas import one_core_blas
from digitnn.machine.resources import available_cores, quota_in_cores


def blas_threads():
    """How many threads each BLAS of this process would use now."""
    libraries = threadpoolctl.threadpool_info()
    return {found["num_threads"] for found in libraries if found["user_api"] == "blas"}


def set_free():
    """Whether BLAS has its two threads again soon: the limit stays for a moment."""
    end = monotonic() + 10
    while blas_threads() != {2} and monotonic() < end:
        sleep(0.01)
    return blas_threads() == {2}


@pytest.fixture
def two_blas_threads(monkeypatch):
    """BLAS set to two threads, as if from the start: by nobody who could still claim it."""

    def limit_in_a_thread_of_its_own(number):
        setter = threading.Thread(target=threadpoolctl.threadpool_limits, args=(number, "blas"))
        setter.start()
        setter.join()

    while one_core_blas._limited:  # by the test before
        sleep(0.01)
    monkeypatch.setattr(one_core_blas, "_free_threads", None)  # nor is it an engine's
    (before,) = blas_threads()
    limit_in_a_thread_of_its_own(2)
    assert blas_threads() == {2}
    yield
    limit_in_a_thread_of_its_own(before)


def test_there_is_a_core():
    assert available_cores() >= 1


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_keeps_to_one_core_inside_and_is_set_free_after():
    with one_core_blas:
        assert blas_threads() == {1}
        with one_core_blas:
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert set_free()


@pytest.mark.usefixtures("two_blas_threads")
@pytest.mark.parametrize(("n", "threads"), [(3, 2), (300, 1)], ids=["one part", "many parts"])
def test_blas_keeps_to_one_core_while_blocks_share_the_cores(n, threads):
    assert all(inside == {threads} for inside in run_blocks(lambda part: blas_threads(), n, 10))
    assert set_free()


def test_what_numpy_was_told_of_overflow_holds_in_every_thread() -> None:
    with np.errstate(over="ignore", invalid="raise"):
        found = run_blocks(lambda part: np.geterr(), 100, 10)
    assert {(told["over"], told["invalid"]) for told in found} == {("ignore", "raise")}


@pytest.mark.usefixtures("two_blas_threads")
def test_one_thread_after_another_is_heeded():
    found = []

    def enter():
        with one_core_blas:
            found.append(blas_threads())

    enter()
    other = threading.Thread(target=enter)
    other.start()
    other.join()
    assert found == [{1}, {1}]
    assert set_free()


@pytest.mark.usefixtures("two_blas_threads")
@pytest.mark.parametrize("leaves_first", ["first", "second"])
def test_blas_keeps_to_one_core_until_the_last_of_two_threads_has_left(leaves_first):
    leave = {"first": threading.Event(), "second": threading.Event()}
    inside = threading.Semaphore(0)
    found = []

    def stay(name):
        with one_core_blas:
            inside.release()
            assert leave[name].wait(10)
            found.append(blas_threads())

    threads = {}
    for name in leave:
        threads[name] = threading.Thread(target=stay, args=[name])
        threads[name].start()
        assert inside.acquire(timeout=10)
    for name in sorted(leave, key=lambda name: name != leaves_first):
        leave[name].set()
        threads[name].join()
    assert found == [{1}, {1}]
    assert set_free()


@pytest.mark.usefixtures("two_blas_threads")
def test_an_error_inside_sets_blas_free():
    with pytest.raises(ZeroDivisionError), one_core_blas:
        raise ZeroDivisionError
    assert set_free()


@pytest.mark.usefixtures("two_blas_threads")
def test_another_user_of_threadpoolctl_is_heeded_after():
    with one_core_blas:
        pass
    assert set_free()
    with threadpoolctl.threadpool_limits(1, "blas"):
        assert blas_threads() == {1}
    assert set_free()


@pytest.mark.usefixtures("two_blas_threads")
def test_the_limit_stays_for_a_moment_for_those_who_come_back_at_once(monkeypatch):
    monkeypatch.setattr(blas, "GRACE_SECONDS", 0.5)
    for _ in range(3):
        with one_core_blas:
            pass
        assert blas_threads() == {1}
    assert set_free()


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_gets_the_threads_that_it_was_given_once_nobody_is_inside():
    one_core_blas.set_free_to(1)
    assert blas_threads() == {1}
    with one_core_blas:
        one_core_blas.set_free_to(2)
        assert blas_threads() == {1}
    assert set_free()
    with one_core_blas:  # whoever set it before has no claim left
        assert blas_threads() == {1}
    assert set_free()


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/a/b\n", {}, None),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n"}, 2),
        ("0::/a/b\n", {"a/b/cpu.max": "50000 100000\n"}, 1),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "300000 100000\n"}, 3),
        ("0::/a/b\n", {"a/b/cpu.max": "900000 100000\n", "a/cpu.max": "300000 100000\n"}, 3),
        ("0::/\n", {"cpu.max": "400000 100000\n", "a/cpu.max": "300000 100000\n"}, 4),
        (
            "4:memory:/a\n1:cpu,cpuacct:/a\n",
            {
                "cpu,cpuacct/a/cpu.cfs_quota_us": "250000\n",
                "cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
                "cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
                "cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
    ],
)
def test_a_container_s_share_of_the_cores_is_found(own, files, cores, tmp_path):
    (tmp_path / "own").write_text(own)
    for path, content in files.items():
        file = tmp_path / "groups" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    assert quota_in_cores(tmp_path / "groups", tmp_path / "own") == cores


def test_a_system_without_control_groups_has_no_share(tmp_path):
    assert quota_in_cores(tmp_path, tmp_path / "none") is None


def test_whoever_never_leaves_does_not_keep_the_process_from_its_end():
    code = "from digitnn.machine.blas import one_core_blas; one_core_blas.__enter__()"
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_threads_of_its_own():
    """Those of its parent do not follow it; to wait for them would be for ever."""
    code = (
        "import os, signal\n"
        "from digitnn.engines.scratch.blocks import run_blocks\n"
        "work = lambda: len(run_blocks(lambda part: part, 300, 10))\n"
        "assert work() == 16\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    signal.alarm(20)\n"
        "    os._exit(work() != 16)\n"
        "raise SystemExit(os.waitpid(child, 0)[1])\n"
    )
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=False)
    assert ran.returncode == 0
