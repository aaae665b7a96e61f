"""Does a training that is killed at a random instant and resumed end with the same bytes?

For a small recipe of each training loop, on both engines: train undisturbed, then kill (SIGKILL)
the training process at random instants, resume it each time, and compare params.safetensors and the
history. At times a bit of the checkpoint is flipped or a file cut before resuming; for mini-batches
this needs two checkpoints, since the last one left cannot be replaced. Checkpoints are written
after every batch, so that many kills hit a write.

Each process is forked from this one, which has loaded the libraries but has computed nothing:
starting PyTorch 200 times would mostly measure imports.

    python -m benchmarks.timing.crash --json [--kills 200] [--seed 0]
"""

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import parse_arguments, print_result
from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.network.layers import Conv2d, Dense, Flatten, MaxPool2d, Relu, Sigmoid
from digitnn.recipes.builtin import find_recipe
from digitnn.recipes.optimisers import LBfgs
from digitnn.recipes.recipe import EngineName, Recipe
from digitnn.runs.checkpoints import saved_checkpoints
from digitnn.runs.experiment import TrainingData, run_experiment
from digitnn.runs.resume import CHECKPOINT, LOG, Checkpointing
from digitnn.runs.run import load_single_run

SMALL_CNN = replace(
    find_recipe("cnn"),
    layers=(Conv2d(4, 5), Relu(), MaxPool2d(4), Flatten(), Dense(10)),
    epochs=4,
)
SMALL_CLASSIC = replace(
    find_recipe("classic"), layers=(Flatten(), Dense(16), Sigmoid(), Dense(10)), epochs=40
)
CASES: Mapping[str, tuple[Recipe, EngineName]] = {
    "mini-batches, scratch": (SMALL_CNN, "scratch"),
    "mini-batches, pytorch": (SMALL_CNN, "pytorch"),
    "conjugate gradient, scratch": (SMALL_CLASSIC, "scratch"),
    "conjugate gradient, pytorch": (SMALL_CLASSIC, "pytorch"),
    "L-BFGS, scratch": (replace(SMALL_CLASSIC, optimiser=LBfgs()), "scratch"),
}
DAMAGED = 0.15
"""The share of kills after which the checkpoint is damaged, if it can be."""


def measure(kills: int, seed: int) -> dict[str, Any]:
    """Share the kills among all cases; raises `SystemExit` if any byte differs."""
    for _, engine in CASES.values():
        find_engine(engine)  # loads the engine's libraries before any fork
    import_module("scipy.optimize")
    rng, data = random.Random(seed), _noise_with_classes()
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for number, (name, (recipe, engine)) in enumerate(CASES.items()):
            share = (kills - number - 1) // len(CASES) + 1
            cases.append(_crash(name, recipe, engine, share, rng, data, Path(folder)))
            print(cases[-1], file=sys.stderr)
    result = {
        "schema": 1,
        "kills": sum(case["kills"] for case in cases),
        "damaged": sum(case["damaged"] for case in cases),
        "trainings": sum(case["trainings"] for case in cases),
        "equal": sum(case["equal"] for case in cases),
        "seed": seed,
        "cases": cases,
    }
    if result["equal"] != result["trainings"]:
        raise SystemExit(f"bytes differ: {result}")
    return result


def _crash(
    name: str,
    recipe: Recipe,
    engine: EngineName,
    kills: int,
    rng: random.Random,
    data: TrainingData,
    folder: Path,
) -> dict[str, Any]:
    """Kill trainings of one case `kills` times in all, and complete each."""
    undisturbed, run = folder / "undisturbed", folder / "run"
    for path in (undisturbed, run):
        shutil.rmtree(path, ignore_errors=True)
    start = time.perf_counter()
    assert os.waitpid(_train(recipe, engine, data, undisturbed), 0)[1] == 0
    seconds = time.perf_counter() - start
    expected = _outcome(undisturbed)
    counts = {"kills": 0, "damaged": 0, "trainings": 0, "equal": 0}
    while counts["kills"] < kills or run.exists():
        process = _train(recipe, engine, data, run)
        if counts["kills"] < kills:
            time.sleep(rng.uniform(0, 1.1 * seconds))
            os.kill(process, signal.SIGKILL)
        status = os.waitpid(process, 0)[1]
        if os.WIFSIGNALED(status):
            counts["kills"] += 1
            if rng.random() < DAMAGED:
                counts["damaged"] += _damage(run / CHECKPOINT, rng)
            continue
        if status != 0:
            raise SystemExit(f"{name}: a training failed with status {status}")
        counts["trainings"] += 1
        counts["equal"] += _outcome(run) == expected
        shutil.rmtree(run)
    return {"case": name, "undisturbed_seconds": seconds, **counts}


def _train(recipe: Recipe, engine: EngineName, data: TrainingData, out: Path) -> int:
    """Train or resume in a child process, which exits with 0; return its process id."""
    if process := os.fork():
        return process
    try:
        keeping = Checkpointing("", notify=lambda line: None, every=0.0, resume=True)
        run_experiment(recipe, engine, 0, data, out, iter, keeping)
        os._exit(0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def _outcome(path: Path) -> tuple[bytes, list[tuple[int, float, float, float, float]]]:
    """Return the parameters' bytes and the history without times of a complete run."""
    run = load_single_run(path)
    assert run.about["complete"]
    assert not (path / CHECKPOINT).exists()
    history = [(r.epoch, r.loss, r.accuracy, *r.validation) for r in run.history]
    return (path / "params.safetensors").read_bytes(), history


def _damage(checkpoint: Path, rng: random.Random) -> bool:
    """Flip a bit of the latest checkpoint, or cut a file; return whether there was one."""
    saved = saved_checkpoints(checkpoint)
    files = [checkpoint / LOG] if (checkpoint / LOG).exists() else []
    if len(saved) >= 2:
        files = sorted(saved[0].iterdir())
    if not files:
        return False
    path = rng.choice(files)
    content = bytearray(path.read_bytes())
    if not content:
        return False
    at = rng.randrange(len(content))
    if rng.random() < 0.5:
        content[at] ^= 1 << rng.randrange(8)
    else:
        del content[at:]
    path.write_bytes(content)
    return True


def _noise_with_classes() -> TrainingData:
    """Return 480 images, a coarse pattern for each class plus noise, so that no data is needed."""
    rng = np.random.default_rng(0)
    patterns = np.kron(rng.integers(0, 2, (10, 7, 7)), np.ones((4, 4))) * 160
    labels = (np.arange(480) % 10).astype(np.uint8)
    images = (patterns[labels] + rng.normal(40, 25, (480, 28, 28))).clip(0, 255).astype(np.uint8)
    whole = Dataset(images, labels, "patterns")
    return TrainingData("patterns", None, whole[:400], whole[400:])


if __name__ == "__main__":
    arguments = parse_arguments(__doc__.splitlines()[0], kills=200, seed=0)
    print_result(measure(arguments.kills, arguments.seed), arguments.json)
