"""What happens when a process of a data-parallel training is killed at a random instant?

A small recipe is trained by 2 or 4 processes of torchrun. One of them gets SIGKILL; the seconds are
measured until all have ended, and the lines counted that say how to go on. Then another number of
processes resumes, and is killed in turn, until one training ends undisturbed. Its parameters must
have the bytes of an undisturbed training in one process.

    python -m benchmarks.timing.ddp_kill --json [--kills 50] [--seed 0]
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import parse_arguments, print_result, spread
from digitnn.data.augmentation.distortion import Shift
from digitnn.data.dataset import Dataset
from digitnn.data.formats.idx import write_idx_folder
from digitnn.network.layers import BatchNorm, Conv2d, Dense, Dropout, Flatten, MaxPool2d, Relu
from digitnn.recipes.builtin import find_recipe
from digitnn.recipes.toml_writer import recipe_to_toml

SMALL = replace(
    find_recipe("cnn"),
    name="small",
    layers=(Conv2d(4, 5), MaxPool2d(4), BatchNorm(), Relu(), Flatten(), Dropout(0.3), Dense(10)),
    epochs=20,
    augmentation=Shift(1),
)
PROCESSES = (2, 4)
LONGEST_SECONDS = 12.0
"""Kills happen up to so long after the start, many of them before the first step."""


def measure(kills: int, seed: int) -> dict[str, Any]:
    """Return the number of kills, how they ended, and whether all bytes are equal."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_inputs(folder)
        _, code, err = _train(folder, 0, "undisturbed", None)
        if code:
            raise SystemExit(err)
        expected = (folder / "undisturbed" / "params.safetensors").read_bytes()
        results: list[dict[str, Any]] = []
        equal = trainings = 0
        while len(results) < kills:
            run = f"run-{trainings}"
            while True:
                pause = rng.uniform(0, LONGEST_SECONDS) if len(results) < kills else None
                seconds, code, err = _train(folder, rng.choice(PROCESSES), run, pause, rng)
                if seconds is None:
                    break
                told = sum(line.startswith("error: ") for line in err.splitlines())
                has_begun = (
                    "small (pytorch): epoch" in err or "resumes" in err or "continue with" in err
                )
                results.append({"seconds": seconds, "lines": told, "begun": has_begun})
                print(f"kill {len(results)}: {results[-1]}", file=sys.stderr)
            if code:
                raise SystemExit(f"a training failed:\n{err}")
            trainings += 1
            equal += (folder / run / "params.safetensors").read_bytes() == expected
    begun = [result for result in results if result["begun"]]
    return {
        "schema": 1,
        "kills": len(results),
        "trainings": trainings,
        "equal": equal,
        "seconds_until_all_ended": spread([result["seconds"] for result in results]),
        "kills_in_training": len(begun),
        "one_line": sum(result["lines"] == 1 for result in begun),
        "seed": seed,
    }


def _train(
    folder: Path, processes: int, run: str, pause: float | None, rng: random.Random | None = None
) -> tuple[float | None, int, str]:
    """Train or resume; kill one process after `pause` seconds, unless the training is faster.

    Returns the seconds from the kill until all have ended (None without a kill), the exit code and
    stderr.
    """
    start = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    words = ("train", "small.toml", "--out", run, "--micro-batches", "4", "--resume")
    command = [sys.executable, *(start if processes else []), "-m", "digitnn", *words]
    with subprocess.Popen(
        [*command, "--checkpoint-every", "0"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        killed_at = None
        if pause is not None and rng is not None:
            ends = time.monotonic() + pause
            while time.monotonic() < ends and process.poll() is None:
                time.sleep(0.02)
            victims = _children(process.pid)
            if victims:
                os.kill(rng.choice(victims), signal.SIGKILL)
                killed_at = time.monotonic()
        _, err = process.communicate()
        ended = time.monotonic()
    was_killed = killed_at is not None and process.returncode != 0
    return (ended - killed_at if was_killed and killed_at else None), process.returncode, err


def _children(process: int) -> list[int]:
    """Return the ids of the processes that torchrun has started (Linux)."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return [
            int(child)
            for child in children
            if b"RANK=" in Path(f"/proc/{child}/environ").read_bytes()
        ]
    except OSError:
        return []


def _write_inputs(folder: Path) -> None:
    """Write the recipe, and 480 images of a coarse pattern for each class plus noise."""
    (folder / "small.toml").write_text(recipe_to_toml(SMALL))
    rng = np.random.default_rng(0)
    patterns = np.kron(rng.integers(0, 2, (10, 7, 7)), np.ones((4, 4))) * 160
    labels = (np.arange(600) % 10).astype(np.uint8)
    images = (patterns[labels] + rng.normal(40, 25, (600, 28, 28))).clip(0, 255).astype(np.uint8)
    whole = Dataset(images, labels, "patterns")
    (folder / "data").mkdir()
    write_idx_folder(folder / "data", whole[:480], whole[480:])


if __name__ == "__main__":
    arguments = parse_arguments((__doc__ or "").splitlines()[0], kills=50, seed=0)
    print_result(measure(arguments.kills, arguments.seed), arguments.json)
