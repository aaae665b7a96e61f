"""Several workers of a search on this machine, each a process of its own."""

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Event
from types import FrameType

from digitnn.errors import DigitnnError, TuningError
from digitnn.machine.resources import available_cores, use_resources
from digitnn.runs.experiment import load_training_data
from digitnn.scaling.tuning.ledger import Ledger
from digitnn.scaling.tuning.storage import check_optuna, storage_errors
from digitnn.scaling.tuning.worker import Plan, Stopped, work
from digitnn.wording import Notify

_LOOK_SECONDS = 0.2
_CAN_BLOCK = hasattr(signal, "pthread_sigmask")


def threads_per_worker(workers: int, threads: int | None) -> int | None:
    """Return how many threads each worker computes with: its share of the cores if not given."""
    return threads if threads is not None or workers == 1 else max(1, available_cores() // workers)


def work_in_processes(
    plan: Plan, workers: int, threads: int | None, device: str, stopped: Stopped, notify: Notify
) -> None:
    """Run `workers` processes until the trials are finished, or `stopped` says so.

    notify: a function of a module, which each process calls. Raises `TuningError` if no process is
    left before that.
    """
    context = multiprocessing.get_context("spawn")
    started: list[tuple[BaseProcess, Connection]] = []
    try:
        for _ in range(workers):
            ours, theirs = context.Pipe(duplex=False)
            arguments = (plan, threads, device, notify, theirs)
            process = context.Process(target=_run, args=arguments, daemon=True)
            with _interrupts_blocked():
                process.start()
            theirs.close()
            started.append((process, ours))
        _wait(started, stopped, notify)
    finally:
        for ended, _ in started:
            ended.terminate()
        for ended, pipe in started:
            ended.join()
            pipe.close()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Keep Ctrl-C from a process that starts, until it can handle it: see `_run`."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if _CAN_BLOCK else set()
    try:
        yield
    finally:
        if _CAN_BLOCK:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait(started: list[tuple[BaseProcess, Connection]], stopped: Stopped, notify: Notify) -> None:
    """Wait until all processes have ended; tell of those that failed."""
    running, asked = list(started), False
    errors: list[str] = []
    while running:
        if stopped() and not asked:
            asked = True
            for process, _ in running:
                process.terminate()  # SIGTERM: they give their trials back
        for process, pipe in list(running):
            process.join(_LOOK_SECONDS / len(running))
            if process.exitcode is None:
                continue
            running.remove((process, pipe))
            if process.exitcode and not asked:
                errors.append(_why(process, pipe))
                notify(f"{errors[-1]}; {len(running)} left")
    if len(errors) == len(started):
        raise TuningError(f"no worker is left: {errors[0]}")


def _why(process: BaseProcess, pipe: Connection) -> str:
    """Return why a process ended: what it said, or the signal that killed it."""
    try:
        if pipe.poll():
            return str(pipe.recv())
    except EOFError:
        pass
    code = process.exitcode or 0
    return f"a worker was killed by signal {-code}" if code < 0 else f"a worker ended with {code}"


def _run(plan: Plan, threads: int | None, device: str, notify: Notify, pipe: Connection) -> None:
    """Be a worker: the main function of a process."""
    stop = Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, ask_to_stop)
    if _CAN_BLOCK:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        check_optuna()
        use_resources(threads, device)
        data = load_training_data(plan.collection, plan.data_dir)
        with storage_errors(plan.storage):
            work(plan, plan.study(), data, stop.is_set, notify)
    except DigitnnError as error:
        pipe.send(str(error))
        raise SystemExit(1) from None


def count_finished(plan: Plan) -> int:
    """Return how many trials of the search are finished."""
    with storage_errors(plan.storage):
        return len(Ledger(plan.study().get_trials(deepcopy=False)).finished)
