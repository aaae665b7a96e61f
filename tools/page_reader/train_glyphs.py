"""Train the glyph network on windows of scenes, resumable at any time.

    python -m tools.page_reader.train_glyphs runs/glyphs [--steps 5000]

The same command goes on where an interrupted training was saved last. The windows are those that
the shipped page network reports, and others, see `windows`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from digitnn.data.fetch.sources import load
from digitnn.engines.protocols import kept_units
from digitnn.engines.pytorch.modules import build
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import BatchNorm, Conv2d, Dense, Dropout, Flatten, MaxPool2d, Relu
from digitnn.network.network import Network, Standardise
from digitnn.reader.page.glyph_network import CLASSES, MIDDLE, SIDE, SPREAD
from digitnn.reader.page.network import shipped_page_network
from tools.page_reader.learning import learn, options_of
from tools.page_reader.scenes import draw_scene
from tools.page_reader.windows import Windows, windows_of

BATCH = 512

NORMALISE, REDUCE = (BatchNorm(), Relu()), (MaxPool2d(2), BatchNorm(), Relu())

NETWORK = Network(
    (
        *(Conv2d(24, 5), *REDUCE),
        *(Conv2d(48, 3, padding=1), *NORMALISE),
        *(Conv2d(80, 3), *REDUCE),
        *(Conv2d(112, 3, padding=1), *NORMALISE),
        *(Conv2d(144, 3, padding=1), *NORMALISE),
        *(Conv2d(160, 3), *REDUCE),
        *(Flatten(), Dropout(0.2), Dense(len(CLASSES))),
    ),
    Standardise(MIDDLE, SPREAD),
    labels=CLASSES,
    input=(1, SIDE, SIDE),
)
"""Six convolutions from a window to its character."""


def draw(seed: int, step: int) -> dict[str, np.ndarray]:
    """Return the windows of a step (n, 1, h, w), standardised, and their classes."""
    rng = np.random.Generator(np.random.SFC64([seed, 1, step]))
    network = shipped_page_network()
    found: list[Windows] = []
    while sum(len(own.characters) for own in found) < BATCH:
        found.append(windows_of(draw_scene(rng), network, rng))
    images = np.concatenate([own.images for own in found])
    characters = np.concatenate([own.characters for own in found])
    chosen = rng.choice(len(images), BATCH, replace=False)
    standardised = NETWORK.standardise(images[chosen])[:, None]
    return {"windows": standardised, "characters": characters[chosen]}


class GlyphLesson:
    """The glyph network: which character is in the middle of a window."""

    weights: Mapping[str, float] = {"characters": 1.0}

    draw = staticmethod(draw)

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 2])
        self.seed = seed
        self.model: nn.Module = build(NETWORK, initial_parameters(NETWORK, "pytorch", rng))

    def losses(self, batch: dict[str, Tensor], step: int) -> dict[str, Tensor]:
        """Return the cross-entropy, with the labels a little smoothed."""
        x = batch["windows"].to(memory_format=torch.channels_last)
        for index, kept in kept_units(NETWORK, len(x), self.seed, step).items():
            self.model[index].kept = torch.from_numpy(kept)  # type: ignore[index]
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.model(x)
        return {"characters": functional.cross_entropy(
            logits.float(), batch["characters"], label_smoothing=0.02
        )}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Train or resume, and print the losses."""
    options = options_of(arguments, "Train the glyph network on windows.", steps=5000, rate=3e-3)
    torch.set_num_threads(options.threads)
    load("mnist", "train")
    learn(GlyphLesson(options.seed), options)


if __name__ == "__main__":
    main()
