"""Train the page network on scenes, resumable at any time.

    python -m tools.page_reader.train runs/page-reader [--steps 14000]

The same command goes on where an interrupted training was saved last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor, nn

from digitnn.data.fetch.sources import load
from tools.page_reader.learning import learn, options_of
from tools.page_reader.model import PageNetwork, loss_of
from tools.page_reader.scenes import draw_scene
from tools.page_reader.targets import Targets, targets_of

BATCH = 16


def draw(seed: int, step: int) -> dict[str, np.ndarray]:
    """Return the scenes of a step as (n, 1, h, w) floats from -0.5 to 0.5, and their answers."""
    numbers = range(step * BATCH, (step + 1) * BATCH)
    scenes = [draw_scene(np.random.Generator(np.random.SFC64([seed, n]))) for n in numbers]
    targets = [targets_of(scene) for scene in scenes]
    page = np.stack([scene.picture for scene in scenes])[:, None].astype(np.float32) / 255 - 0.5
    answers = {f.name: np.stack([getattr(own, f.name) for own in targets]) for f in fields(Targets)}
    return {"page": page, **answers}


class PageLesson:
    """The page network, as `targets` says what it shall answer."""

    weights: Mapping[str, float] = {
        "closer": 2.0, "centres": 1.0, "boxes": 2.0, "characters": 1.0
    }  # fmt: skip

    draw = staticmethod(draw)

    def __init__(self) -> None:
        self.model: nn.Module = PageNetwork()

    def losses(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return the parts of the loss, see `loss_of`."""
        page = batch.pop("page").to(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            answer = self.model(page)
        return loss_of(answer.float(), batch)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train or resume, and print the losses."""
    options = options_of(arguments, "Train the page network on scenes.", steps=14000, rate=2e-3)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    load("mnist", "train")
    learn(PageLesson(), options)


if __name__ == "__main__":
    main()
