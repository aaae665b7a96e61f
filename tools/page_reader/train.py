"""Train the page network on scenes, resumable at any time.

    python -m tools.page_reader.train runs/page-reader [--steps 14000]

The same command goes on where an interrupted training was saved last. Step k trains on scenes that
k and the seed alone decide, so it ends with the same bytes as an undisturbed one on the same kind
of processor with the same number of threads.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from digitnn.atomic_files import replace_file
from digitnn.data.fetch.sources import load
from tools.page_reader.model import PageNetwork, loss_of
from tools.page_reader.scenes import draw_scene
from tools.page_reader.targets import Targets, targets_of

BATCH = 16
SAVED_EVERY = 250

WEIGHTS = {"closer": 2.0, "centres": 1.0, "boxes": 2.0, "characters": 1.0}


class Scenes(Dataset[dict[str, np.ndarray]]):
    """Scene number k of a seed, with its answers."""

    def __init__(self, seed: int, first: int, last: int) -> None:
        self.seed, self.first, self.last = seed, first, last

    def __len__(self) -> int:
        """Return how many scenes are left."""
        return self.last - self.first

    def __getitem__(self, k: int) -> dict[str, np.ndarray]:
        """Return a scene as (1, h, w) floats from -0.5 to 0.5, and its answers."""
        scene = draw_scene(np.random.Generator(np.random.SFC64([self.seed, self.first + k])))
        targets = targets_of(scene)
        page = scene.picture[None].astype(np.float32) / 255 - 0.5
        return {"page": page, **{f.name: getattr(targets, f.name) for f in fields(Targets)}}


def one_thread(_: int) -> None:
    """Keep a worker to one core."""
    torch.set_num_threads(1)


def batches(seed: int, first: int, last: int, workers: int) -> Iterator[dict[str, torch.Tensor]]:
    """Yield the batches of steps `first` to `last`."""
    data = Scenes(seed, first * BATCH, last * BATCH)
    ahead = 4 if workers else None
    yield from DataLoader(data, BATCH, num_workers=workers, prefetch_factor=ahead,
                          worker_init_fn=one_thread)  # fmt: skip


def rate_at(step: int, steps: int, highest: float) -> float:
    """Return the learning rate: a linear warm-up, then half a cosine to zero."""
    warm = 0.03 * steps
    if step < warm:
        return highest * (step + 1) / warm
    return highest * 0.5 * (1 + float(np.cos(np.pi * (step - warm) / (steps - warm))))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train or resume, and print the losses."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=14000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e9)
    options = parser.parse_args(arguments)
    plan = {"steps": options.steps, "seed": options.seed, "rate": options.rate}
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    load("mnist", "train")
    model = PageNetwork()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.01)
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint, first = options.folder / "checkpoint.pt", 0
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True)
        if kept["plan"] != plan:
            sys.exit(f"{options.folder}: was begun with {kept['plan']}, expected {plan}")
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        first = kept["step"]
    model.train()
    started, seen = time.perf_counter(), dict[str, float]()
    steps = batches(options.seed, first, options.steps, options.workers)
    for step, batch in enumerate(steps, first):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, options.steps, options.rate)
        page = batch.pop("page").to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            answer = model(page)
        parts = loss_of(answer.float(), batch)
        total = sum((WEIGHTS[name] * part for name, part in parts.items()), torch.zeros(()))
        optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        for name, part in parts.items():
            seen[name] = 0.98 * seen.get(name, part.item()) + 0.02 * part.item()
        if (step + 1) % 50 == 0:
            rate = (step + 1 - first) * BATCH / (time.perf_counter() - started)
            row = {"step": step + 1, "scenes_per_second": round(rate, 1),
                   **{name: round(value, 4) for name, value in seen.items()}}  # fmt: skip
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
        if (step + 1) % SAVED_EVERY == 0 or step + 1 == options.steps:
            state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
            with replace_file(checkpoint) as file:
                torch.save({**state, "step": step + 1, "plan": plan}, file)
        if time.perf_counter() - started > 60 * options.minutes:
            break


if __name__ == "__main__":
    main()
