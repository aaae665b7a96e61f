"""A PyTorch state_dict as .pt or .safetensors, and the lines of plain PyTorch that load it.

The lines are built from the description. They are printed for the user, and an export is verified
by running these very lines.
"""

import io
import json
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Any

import digitnn
from digitnn.engines.find import find_engine
from digitnn.errors import FormatError, MissingExtraError
from digitnn.export.arrays import named_arrays, split_arrays
from digitnn.export.protocol import (
    LoadedExport,
    Options,
    Outputs,
    expected_input,
    single_network,
    takes_features,
    unsupported,
)
from digitnn.machine.resources import threads
from digitnn.network.layers import (
    AveragePool2d,
    BatchNorm,
    Conv2d,
    Crop,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2d,
    Relu,
    Shape,
    Sigmoid,
    Tanh,
)
from digitnn.network.network import DIGITS, Network, Samples
from digitnn.network.storage.safetensors import load_safetensors
from digitnn.runs.ensembles import Trained
from digitnn.wording import count, error_text

_SOURCE = Template('''\
from collections import OrderedDict

import torch
from torch import nn
$imports

class Standardise(nn.Module):
    """$standardise"""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("std", torch.ones(()))

    def forward(self, $input):
        return ($planes - self.mean) / self.std


model = nn.Sequential(
    OrderedDict(
        [
            ("standardise", Standardise()),
$modules
        ]
    )
)
model.load_state_dict($load)
model.eval()  # logits = model($input)
$labels''')

_LOADING = {
    "pt": ("", "torch.load({path}, weights_only=True)"),
    "safetensors": ("from safetensors.torch import load_file\n", "load_file({path})"),
}


def pytorch_source(network: Network, path: Path, format_name: str) -> str:
    """Return the lines of PyTorch that load `path`, a file of "pt" or "safetensors"."""
    layers = zip(network.layers, network.shapes(), strict=False)
    imports, load = _LOADING[format_name]
    modules = [
        f'            ("{index}", nn.{_module(index, layer, shape, format_name)}),'
        for index, (layer, shape) in enumerate(layers)
    ]
    if takes_features(network):
        standardise = f"(x - mean) / std, for features (n, {network.input[0]}), float32."
        name, planes = "features", "features"
    else:
        h, w = network.input[1:]
        name, planes = "images", "images[:, None].float()"
        standardise = (
            f"(pixel - mean) / std, for images (n, {h}, {w}), uint8, 0 for paper to 255 for ink."
        )
    labels = "" if network.labels == DIGITS else f"labels = {list(network.labels)!r}\n"
    return _SOURCE.substitute(
        imports=imports,
        standardise=standardise,
        input=name,
        planes=planes,
        modules="\n".join(modules),
        load=load.format(path=_quoted(str(path))),
        labels=labels,
    )


def _quoted(text: str) -> str:
    """Return `text` as a Python string, in double quotes where that needs no escape."""
    shown = repr(text)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown else shown


def _module(index: int, layer: Layer, shape: Shape, format_name: str) -> str:
    """Return the call that makes a layer's module of `torch.nn`, for an input of `shape`."""
    match layer:
        case Dense(units=units):
            return f"Linear({shape[0]}, {units})"
        case Conv2d(channels=channels, kernel=kernel, stride=stride, padding=padding):
            return f"Conv2d({shape[0]}, {channels}, {kernel}, stride={stride}, padding={padding})"
        case MaxPool2d(size=size):
            return f"MaxPool2d({size})"
        case AveragePool2d(size=size):
            return f"AvgPool2d({size})"
        case Crop(margin=margin):
            return f"ZeroPad2d({-margin})"
        case BatchNorm(momentum=momentum, epsilon=epsilon):
            kind = "BatchNorm2d" if len(shape) == 3 else "BatchNorm1d"
            return f"{kind}({shape[0]}, eps={epsilon!r}, momentum={momentum!r})"
        case Dropout(p=p):
            return f"Dropout({p!r})"
        case Flatten():
            return "Flatten()"
        case Sigmoid() | Tanh():
            return f"{type(layer).__name__}()"
        case Relu():
            return "ReLU()"
        case _:
            raise unsupported(index, layer, format_name)


def write_safetensors(trained: Trained, options: Options) -> bytes:
    """Return the state_dict as safetensors; its metadata are one JSON object."""
    from safetensors.numpy import save

    run = single_network(trained, "safetensors")
    about = {
        "version": digitnn.__version__,
        "recipe": run.recipe,
        "input": expected_input(run.network),
        "labels": run.network.labels,
        "network": run.network.to_json(),
    }
    # one entry only, since the library writes several in an order that varies
    metadata = {"digitnn": json.dumps(about)}
    return save(named_arrays(run), metadata)


def write_pt(trained: Trained, options: Options) -> bytes:
    """Return the state_dict as `torch.save` writes it."""
    run = single_network(trained, "pt")
    _require_torch()
    import torch

    file = io.BytesIO()
    torch.save({name: torch.tensor(array) for name, array in named_arrays(run).items()}, file)
    return file.getvalue()


def load_safetensors_export(path: Path, trained: Trained) -> LoadedExport:
    """Return a state_dict in PyTorch. Raises `FormatError` unless its arrays are the run's."""
    run = single_network(trained, "safetensors")
    split_arrays(load_safetensors(path), run.network, path)
    return _in_pytorch(path, run.network, "safetensors")


def load_pt(path: Path, trained: Trained) -> LoadedExport:
    """Return a state_dict in PyTorch, like `load_safetensors_export`; only tensors are loaded."""
    run = single_network(trained, "pt")
    _require_torch()
    import torch

    content = io.BytesIO(path.read_bytes())
    try:
        state = torch.load(content, map_location="cpu", weights_only=True)
        arrays = {name: tensor.numpy() for name, tensor in state.items()}
    except Exception as error:  # bytes of another format raise errors of any class there
        raise FormatError(
            f"{path}: not a state_dict, or a damaged one: {error_text(error)}"
        ) from None
    split_arrays(arrays, run.network, path)
    return _in_pytorch(path, run.network, "pt")


def _require_torch() -> None:
    if find_spec("torch") is None:
        raise MissingExtraError("torch", "torch", "a PyTorch state_dict")


def _in_pytorch(path: Path, network: Network, format_name: str) -> LoadedExport:
    _require_torch()
    find_engine("pytorch")  # sets PyTorch's threads
    import torch

    names: dict[str, Any] = {}
    exec(pytorch_source(network, path, format_name), names)
    model = names["model"]

    def run(images: Samples) -> Outputs:
        with torch.inference_mode():
            return Outputs(model(torch.tensor(images)).numpy())

    return LoadedExport(run, f"PyTorch {torch.__version__}, {count(threads(), 'thread')}")
