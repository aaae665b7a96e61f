"""Train a network on scenes that are drawn as it trains, resumable at any time.

Step k trains on what k and the seed alone decide. So a training that was interrupted and resumed
ends with the same bytes as an undisturbed one on the same kind of processor with the same number of
threads.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from digitnn.atomic_files import replace_file
from digitnn.machine.resources import use_resources

SAVED_EVERY = 250

CHECKPOINT = "checkpoint.pt"


class Lesson(Protocol):
    """What a network learns, from which data, by which loss."""

    model: nn.Module
    weights: Mapping[str, float]

    def draw(self, seed: int, step: int) -> dict[str, np.ndarray]:
        """Return the batch of a step."""
        ...

    def losses(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return the parts of the loss by name; their sum is weighted by `weights`."""
        ...


class Steps(Dataset[dict[str, np.ndarray]]):
    """The batches of steps `first` to `last`."""

    def __init__(self, lesson: Lesson, seed: int, first: int, last: int) -> None:
        self.draw, self.seed, self.steps = lesson.draw, seed, range(first, last)

    def __len__(self) -> int:
        """Return how many steps are left."""
        return len(self.steps)

    def __getitem__(self, k: int) -> dict[str, np.ndarray]:
        """Return the batch of the k-th step."""
        return self.draw(self.seed, self.steps[k])


def one_thread(_: int) -> None:
    """Let a worker compute with one thread."""
    torch.set_num_threads(1)
    use_resources(threads=1)


def batches(
    lesson: Lesson, seed: int, first: int, last: int, workers: int
) -> Iterator[dict[str, Tensor]]:
    """Yield the batches of steps `first` to `last`."""
    yield from DataLoader(
        Steps(lesson, seed, first, last), batch_size=None, num_workers=workers,
        prefetch_factor=4 if workers else None, worker_init_fn=one_thread,
    )  # fmt: skip


def rate_at(step: int, steps: int, highest: float) -> float:
    """Return the learning rate: a linear warm-up, then half a cosine to zero."""
    warm = 0.03 * steps
    if step < warm:
        return highest * (step + 1) / warm
    return highest * 0.5 * (1 + float(np.cos(np.pi * (step - warm) / (steps - warm))))


def options_of(
    arguments: Sequence[str] | None, summary: str, steps: int, rate: float
) -> argparse.Namespace:
    """Parse the options that every training has."""
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rate", type=float, default=rate)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e9)
    return parser.parse_args(arguments)


def learn(lesson: Lesson, options: argparse.Namespace) -> None:
    """Train or resume, and print the losses."""
    plan = {"steps": options.steps, "seed": options.seed, "rate": options.rate}
    model = lesson.model
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.rate, weight_decay=0.01)
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint, first = options.folder / CHECKPOINT, 0
    if checkpoint.exists():
        kept: dict[str, Any] = torch.load(checkpoint, weights_only=True)
        if kept["plan"] != plan:
            sys.exit(f"{options.folder}: was begun with {kept['plan']}, expected {plan}")
        model.load_state_dict(kept["model"])
        optimiser.load_state_dict(kept["optimiser"])
        first = kept["step"]
    model.train()
    started, seen = time.perf_counter(), dict[str, float]()
    steps = batches(lesson, options.seed, first, options.steps, options.workers)
    for step, batch in enumerate(steps, first):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, options.steps, options.rate)
        parts = lesson.losses(batch, step)
        total = sum((lesson.weights[name] * part for name, part in parts.items()), torch.zeros(()))
        optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        for name, part in parts.items():
            seen[name] = 0.98 * seen.get(name, part.item()) + 0.02 * part.item()
        if (step + 1) % 50 == 0:
            rate = (time.perf_counter() - started) / (step + 1 - first)
            row = {"step": step + 1, "seconds_per_step": round(rate, 3),
                   **{name: round(value, 4) for name, value in seen.items()}}  # fmt: skip
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()
        if (step + 1) % SAVED_EVERY == 0 or step + 1 == options.steps:
            state = {"model": model.state_dict(), "optimiser": optimiser.state_dict()}
            with replace_file(checkpoint) as file:
                torch.save({**state, "step": step + 1, "plan": plan}, file)
        if time.perf_counter() - started > 60 * options.minutes:
            break
