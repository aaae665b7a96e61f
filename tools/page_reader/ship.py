"""Fold and quantise the trained page network, and write it into the package.

python -m tools.page_reader.ship runs/page-reader
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy import ndarray

from digitnn.network.storage.safetensors import save_safetensors
from digitnn.network.storage.saved_network import quantise
from digitnn.reader.page.network import SHIPPED_FILE

NORM_EPSILON = 1e-5


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Ship the last checkpoint; print its size and step as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=SHIPPED_FILE)
    options = parser.parse_args(arguments)
    kept = torch.load(options.run / "checkpoint.pt", weights_only=True)
    save_safetensors(options.out, quantise(folded(kept["model"])))
    result = {"step": kept["step"], "bytes": options.out.stat().st_size}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
