"""How fast are 2 processes of 1 thread, against 1 process of 2 threads, and what does order cost?

Each way of training takes the same steps of `cnn-best` on MNIST's training images, in processes of
its own, in turns. A step includes its augmentation; validation is left out. Also measured: the
processor time of one process per step, which a busy machine hardly changes; the exchange of one
gradient between processes that do nothing else; and whether 1, 2 and 4 processes end with the same
bytes.

    python -m benchmarks.timing.ddp --json [--repeats 5] [--steps 30]
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np

from benchmarks.measuring import load_data, parse_arguments, print_result, spread
from digitnn.engines.find import find_engine
from digitnn.engines.micro_batches import MicroBatches, Reduction
from digitnn.machine.resources import use_resources
from digitnn.recipes.builtin import find_recipe
from digitnn.scaling.training.launch import find_launch
from digitnn.training.training import Training

RECIPE = "cnn-best"
MICRO_BATCHES = 4
WARM_UP = 5
WAYS: Mapping[str, tuple[int, str]] = {
    "whole batches, 1 process x 1 thread": (0, "whole 1"),
    "whole batches, 1 process x 2 threads": (0, "whole 2"),
    "micro-batches, 1 process x 1 thread": (0, "parts 1"),
    "micro-batches, 1 process x 2 threads": (0, "parts 2"),
    "micro-batches, 2 processes x 1 thread": (2, "ordered 1"),
    "all-reduce, 2 processes x 1 thread": (2, "all-reduce 1"),
}
"""Processes of torchrun (0: without it), how they train, and their threads."""


def measure(repeats: int, steps: int) -> dict[str, Any]:
    """Return milliseconds per step and per exchange, and whether the bytes are equal."""
    seconds: dict[str, list[float]] = {name: [] for name in WAYS}
    busy: dict[str, list[float]] = {name: [] for name in WAYS}
    for repeat in range(repeats):
        for name, (processes, way) in WAYS.items():
            found = json.loads(_run(processes, "benchmarks.timing.ddp", "worker", way, str(steps)))
            seconds[name].append(found["seconds"])
            busy[name].append(found["processor_seconds"])
            print(f"repeat {repeat + 1}, {name}: {1000 * found['seconds']:.1f} ms", file=sys.stderr)
    exchanges = {
        f"{way}, {n} processes": json.loads(
            _run(n, "benchmarks.timing.ddp", "worker", f"exchange-{way} 1", str(steps))
        )
        for way in ("ordered", "all-reduce")
        for n in (2, 4)
    }
    return {
        "schema": 1,
        "recipe": RECIPE,
        "micro_batches": MICRO_BATCHES,
        "steps": steps,
        "ms_per_step": {name: spread([1000 * s for s in times]) for name, times in seconds.items()},
        "processor_ms_per_step": {
            name: spread([1000 * s for s in times]) for name, times in busy.items()
        },
        "exchange": exchanges,
        "equal_bytes": _compare_bytes(),
    }


def _run(processes: int, module: str, *arguments: str) -> str:
    """Return the stdout of a module in one process, or in several that torchrun starts."""
    start = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(start if processes else []), "-m", module, *arguments]
    environment = {name: v for name, v in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        command, env=environment, check=False, capture_output=True, text=True, timeout=900
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout


def _compare_bytes() -> dict[str, Any]:
    """Return whether `cnn-fast`, 160 steps, has equal bytes on 1, 2 and 4 processes."""
    outcomes = {}
    with tempfile.TemporaryDirectory() as folder:
        for n in (1, 2, 4):
            out = Path(folder, str(n))
            _run(n, "digitnn", "train", "cnn-fast", "--out", str(out), "--data-dir", _data_dir())
            outcomes[n] = (out / "params.safetensors").read_bytes()
        alone = Path(folder, "alone")
        words = ("train", "cnn-fast", "--micro-batches", "4", "--out", str(alone))
        _run(0, "digitnn", *words, "--data-dir", _data_dir())
        outcomes[0] = (alone / "params.safetensors").read_bytes()
    return {"recipe": "cnn-fast", "equal": len(set(outcomes.values())) == 1}


def _data_dir() -> str:
    from digitnn.data.fetch.sources import find

    return str(find("mnist").path)


def work(way: str, threads: int, steps: int) -> dict[str, Any] | None:
    """Measure one way, in this process; return the result in the first process only."""
    from digitnn.engines.pytorch.micro_batches import MicroBatchEngine
    from digitnn.engines.pytorch.process_group import ProcessGroup

    use_resources(threads, "cpu")
    launch = find_launch()
    group = ProcessGroup(launch.local_rank, launch.nodes) if launch else None
    reduction: Reduction = "all-reduce" if way.endswith("all-reduce") else "ordered"
    rank, size = (launch.rank, launch.size) if launch else (0, 1)
    cut = MicroBatches(MICRO_BATCHES, reduction, rank, size)
    if way.startswith("exchange"):
        assert group is not None
        found = _time_exchange(group, cut, steps)
    else:
        engine = find_engine("pytorch") if way == "whole" else MicroBatchEngine(cut, group)
        data = load_data()
        training = Training(find_recipe(RECIPE), engine, data.train, data.valid, 0)
        found = _seconds_per_step(training, steps)
    if group is not None:
        group.leave()
    return found if rank == 0 else None


def _seconds_per_step(training: Training, steps: int) -> dict[str, float]:
    """Return medians over `steps` steps, after a few untimed ones: by the clock, of all cores."""
    clocks = [(perf_counter(), process_time())]
    for number, _ in enumerate(training.steps(), start=1):
        clocks.append((perf_counter(), process_time()))
        if number == WARM_UP + steps:
            break
    seconds, busy = np.median(np.diff(clocks[WARM_UP:], axis=0), axis=0)
    return {"seconds": float(seconds), "processor_seconds": float(busy)}


def _time_exchange(group: Any, cut: MicroBatches, steps: int) -> dict[str, Any]:
    """Return the median seconds of the exchanges of a step, between idle processes."""
    import torch

    from digitnn.engines.pytorch.micro_batches import CONTROLS, statistics_count
    from digitnn.engines.pytorch.process_group import in_order

    network = find_recipe(RECIPE).network()
    count = network.parameter_count()
    rng = np.random.default_rng(cut.rank)
    rows = torch.from_numpy(rng.random((cut.per_process, count), np.float32))
    head = torch.zeros(
        CONTROLS + cut.per_process * (2 + statistics_count(network)), dtype=torch.float64
    )
    times = []
    for _ in range(WARM_UP + steps):
        start = perf_counter()
        group.gather(head)
        if cut.reduction == "ordered":
            group.sum_in_order(rows)
        else:
            group.sum_in_any_order(in_order(rows))
        times.append(perf_counter() - start)
    return {"seconds": median(times[WARM_UP:]), "parameters": count}


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark, or a worker that it starts."""
    if arguments[:1] == ["worker"]:
        way, threads = arguments[1].split()
        if (found := work(way, int(threads), int(arguments[2]))) is not None:
            print(json.dumps(found))
        return
    options = parse_arguments((__doc__ or "").splitlines()[0], repeats=5, steps=30)
    print_result(measure(options.repeats, options.steps), options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
