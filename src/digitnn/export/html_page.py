"""Write a run as one HTML file that reads what is drawn on it, without a server or a network.

    page.html + base.css + page.css + the modules below + the network as JSON -> one file

The modules of `page/` become one script: nothing is compiled or shortened. Its only data is a block
of JSON, so all files of one version hold the same script. A Content-Security-Policy allows that
script and that style by their hashes, and no request.
"""

import base64
import json
import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Any

import numpy as np
from numpy import ndarray

import digitnn
from digitnn.errors import ExportError
from digitnn.export.protocol import Options, Weights, single_network, unsupported
from digitnn.network.layers import (
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Dropout,
    Flatten,
    MaxPool2d,
    Relu,
    Sigmoid,
    Tanh,
)
from digitnn.network.network import DIGITS, IMAGE_SHAPE, Network
from digitnn.network.storage.saved_network import quantise_channels
from digitnn.runs.ensembles import Trained
from digitnn.runs.run import Run
from digitnn.wording import brief

MAX_HTML_BYTES = 900_000
"""A larger file would be slow to send and to open on a phone."""

MODULES = ("engine", "components", "normaliser", "drawing", "page")
"""The modules, each after those that it imports."""

LAYERS = (
    AveragePool2d, BatchNorm, Conv2d, Crop, Dense, Dropout, Flatten, MaxPool2d, Relu, Sigmoid, Tanh,
)  # fmt: skip
"""What engine.js computes."""

_IMPORT = re.compile(r"^import \{[^}]*\} from \"\./\w+\.js\";\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=function |class |const )", re.MULTILINE)


@dataclass(frozen=True)
class PageParts:
    """The file before and after its block of JSON, and the script, which is in `after`."""

    before: str
    after: str
    script: str


def write_html(trained: Trained, options: Options) -> bytes:
    """Return the page of one network, with float32 weights if they fit, else int8.

    Raises `ExportError` if even those make it larger than `MAX_HTML_BYTES`, and for a network
    that does not classify digits of 28 x 28 pixels.
    """
    run = single_network(trained, "html")
    require_digits(run)
    for index, layer in enumerate(run.network.layers):
        if not isinstance(layer, LAYERS):
            raise unsupported(index, layer, "html")
    choices: tuple[Weights, ...] = (options.weights,) if options.weights else ("float32", "int8")
    for weights in choices:
        page = page_parts()
        content = (page.before + _embed(network_data(run, weights)) + page.after).encode()
        if len(content) <= MAX_HTML_BYTES:
            return content
    raise ExportError(
        f"{run.path}: its html file would have {len(content):,} bytes with {weights} weights, and "
        f"{MAX_HTML_BYTES:,} are the limit: export a smaller network, or to onnx"
    )


def require_digits(run: Run) -> None:
    """Raise `ExportError` unless the network classifies the digits, from 28 x 28 pixels."""
    network = run.network
    if (network.input, network.labels) != (IMAGE_SHAPE, DIGITS):
        size = " x ".join(map(str, network.input[1:] or network.input))
        unit = "pixels" if len(network.input) == 3 else "features"
        raise ExportError(
            f"html is a page that reads digits from images of 28 x 28 pixels, and {run.path} "
            f"takes {size} {unit} and has the classes {brief(', '.join(network.labels))}: "
            "export to onnx, h, pt, safetensors, npz or pickle"
        )


def network_data(run: Run, weights: Weights) -> dict[str, Any]:
    """Return what the script's `loadNetwork` takes, and what the page says about the network."""
    return {
        "version": digitnn.__version__,
        "recipe": run.recipe,
        "parameters": run.network.parameter_count(),
        "weights": weights,
        "network": run.network.to_json(),
        "arrays": {
            name: _array(np.asarray(run.params[name], np.float32), weights)
            for name in run.network.state_shapes()
        },
    }


def array_sizes(network: Network, weights: Weights) -> dict[str, dict[str, int]]:
    """Return the bytes of all that `network_data` encodes, by names as there."""
    sizes = {}
    for name, shape in network.state_shapes().items():
        n = int(np.prod(shape))
        is_rounded = weights == "int8" and len(shape) >= 2
        sizes[name] = {"values": n, "scales": 4 * shape[0]} if is_rounded else {"values": 4 * n}
    return sizes


@cache
def page_parts() -> PageParts:
    """Return the page around the block of JSON. The pages of all networks share it."""
    folder = files("digitnn.export") / "page"
    sheets = [(folder / name).read_text(encoding="utf-8") for name in ("base.css", "page.css")]
    style = "\n" + "\n".join(sheets)
    modules = [(folder / f"{name}.js").read_text(encoding="utf-8") for name in MODULES]
    script = "\n" + join_modules(modules)
    policy = (
        f"default-src 'none'; script-src '{_hash_source(script)}'; "
        f"style-src '{_hash_source(style)}'; base-uri 'none'; form-action 'none'"
    )
    template = Template((folder / "page.html").read_text(encoding="utf-8"))
    mark = "\0"
    page = template.substitute(policy=policy, style=style[1:], network=mark, script=script[1:])
    before, after = page.split(mark)
    return PageParts(before, after, script)


def join_modules(modules: list[str]) -> str:
    """Return ES modules as one script, in which all their names are global."""
    return '"use strict";\n\n' + "\n".join(
        _EXPORT.sub("", _IMPORT.sub("", module)) for module in modules
    )


def _hash_source(text: str) -> str:
    """Return the source expression of Content-Security-Policy that allows this inline text."""
    return f"sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}"


def _array(array: ndarray, weights: Weights) -> dict[str, str]:
    """Return an array as base64; int8 with its scales if it has two axes or more."""
    if weights == "int8" and array.ndim >= 2:
        levels, scales = quantise_channels(array)
        return {"values": _base64(levels), "scales": _base64(scales.astype("<f4"))}
    return {"values": _base64(array.astype("<f4"))}


def _base64(array: ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


def _embed(value: dict[str, Any]) -> str:
    """Return `value` as JSON that cannot end the script element around it."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")
