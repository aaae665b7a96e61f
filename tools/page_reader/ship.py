"""Quantise a trained network of pages, and write it into the package.

python -m tools.page_reader.ship page runs/page-reader
python -m tools.page_reader.ship glyphs runs/glyphs
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray

from digitnn.atomic_files import write_text
from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import NETWORK, PARAMS, quantise
from digitnn.reader.page.glyph_network import CLASSES, SHIPPED_FOLDER
from digitnn.reader.page.network import SHIPPED_FILE
from tools.page_reader.learning import CHECKPOINT
from tools.page_reader.train_glyphs import NETWORK as GLYPH_NETWORK

NORM_EPSILON = 1e-5


SLASHES = 8.0
"""Slashes are assumed to be so many times as frequent among the scenes as on pages, where a slanted
stroke is a 1 more often (docs/decisions/011): their prior is lowered (Saerens, Latinne and
Decaestecker 2002, see `ship_reader`)."""


def folded(state: Mapping[str, torch.Tensor]) -> dict[str, ndarray]:
    """Return the parameters with each BatchNorm folded into the convolution before it.

    norm(W x) = scale W x + (shift - scale mean), where scale = weight / sqrt(variance + epsilon).
    """
    arrays = {name: value.double().numpy() for name, value in state.items()}
    found = {}
    for name, weight in arrays.items():
        if name.endswith(".conv.weight"):
            layer = name.removesuffix(".conv.weight")
            norm = {part: arrays[f"{layer}.norm.{part}"]
                    for part in ("weight", "bias", "running_mean", "running_var")}  # fmt: skip
            scale = norm["weight"] / np.sqrt(norm["running_var"] + NORM_EPSILON)
            found[f"{layer}.weight"] = weight * scale[:, None, None, None]
            found[f"{layer}.bias"] = norm["bias"] - scale * norm["running_mean"]
        elif name.startswith("answer."):
            found[name] = weight
    return {name: value.astype(np.float32) for name, value in found.items()}


def ship_page(state: Mapping[str, torch.Tensor], file: Path) -> None:
    """Write the page network, with its BatchNorms folded in."""
    save_safetensors(file, quantise(folded(state)))


def ship_glyphs(state: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Write the glyph network as a saved network."""
    params = {name: state[name].numpy() for name in GLYPH_NETWORK.state_shapes()}
    *_, bias = GLYPH_NETWORK.parameter_shapes()
    params[bias] = params[bias].copy()
    params[bias][CLASSES.index("/")] -= np.log(SLASHES)
    GLYPH_NETWORK.check(params)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / NETWORK, json.dumps(GLYPH_NETWORK.to_json(), indent=2) + "\n")
    save_safetensors(folder / PARAMS, quantise(params))


def main(arguments: Sequence[str] | None = None) -> None:
    """Ship the last checkpoint; print its size and step as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=("page", "glyphs"))
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(arguments)
    kept = torch.load(options.run / CHECKPOINT, weights_only=True)
    if options.which == "page":
        out = options.out or SHIPPED_FILE
        ship_page(kept["model"], out)
        size = out.stat().st_size
    else:
        out = options.out or SHIPPED_FOLDER
        ship_glyphs(kept["model"], out)
        size = sum(file.stat().st_size for file in out.iterdir())
    sys.stdout.write(json.dumps({"step": kept["step"], "bytes": size}) + "\n")


if __name__ == "__main__":
    main()
