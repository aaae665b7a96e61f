"""What a file is that was named where the folder of a run is expected."""

from collections.abc import Mapping
from pathlib import Path

from digitnn.errors import RunError

PARAMS_FILE = "params.safetensors"

KINDS: Mapping[str, tuple[str, str]] = {
    ".onnx": ("an ONNX file", "onnxruntime runs such files"),
    ".safetensors": (
        "a file of parameters without their network",
        "safetensors.torch.load_file loads it",
    ),
    ".pt": ("a PyTorch state_dict", "torch.load loads it"),
    ".pth": ("a PyTorch state_dict", "torch.load loads it"),
    ".npz": ("a file of NumPy arrays", "numpy.load loads it"),
    ".pickle": ("a pickle", "pickle.load loads it, if you trust it"),
    ".pkl": ("a pickle", "pickle.load loads it, if you trust it"),
    ".h": ("a C header", "a C program includes it"),
    ".html": ("an HTML page", "a browser opens it"),
    ".htm": ("an HTML page", "a browser opens it"),
    ".skops": ("a scikit-learn estimator", "skops.io.load loads it"),
}
"""What files of a suffix are, and what uses them; `digitnn export` writes most of them."""


def check_is_no_file(path: Path) -> None:
    """Raise `RunError` if `path` is a file: it says of which kind, and what to name instead."""
    if not path.is_file():
        return
    kind, use = KINDS.get(path.suffix.lower(), ("a file", ""))
    instead = "name the folder that `digitnn train` wrote"
    is_part = path.name == PARAMS_FILE or path.suffix in (".json", ".jsonl")
    if is_part and (path.parent / PARAMS_FILE).is_file():
        instead = f"name the run's folder, {path.parent}"
    rest = f" ({use})" if use else ""
    raise RunError(f"{path} is {kind}, not a run: {instead}{rest}")
