"""The formats, as a table."""

from pathlib import Path

from digitnn.errors import UsageError
from digitnn.export.arrays import load_npz, load_pickle_export, write_npz, write_pickle
from digitnn.export.c_header import write_header
from digitnn.export.c_program import load_header, why_not_compiled
from digitnn.export.html_page import write_html
from digitnn.export.html_program import load_html, why_not_run
from digitnn.export.onnx_file import load_onnx
from digitnn.export.onnx_graph import write_onnx
from digitnn.export.protocol import Format, Options
from digitnn.export.pytorch_state import (
    load_pt,
    load_safetensors_export,
    write_pt,
    write_safetensors,
)
from digitnn.export.skops_file import load_skops, write_skops
from digitnn.wording import did_you_mean

_ALL = (
    Format(
        "onnx",
        "an ONNX graph from pixels to logits, for onnxruntime and others",
        write_onnx,
        load_onnx,
        ensembles=True,
        options=("probabilities",),
    ),
    Format(
        "safetensors",
        "a PyTorch state_dict, without any code",
        write_safetensors,
        load_safetensors_export,
    ),
    Format("pt", "a PyTorch state_dict, as torch.save writes it", write_pt, load_pt),
    Format("npz", "NumPy arrays by name", write_npz, load_npz),
    Format(
        "pickle", "NumPy arrays and built-in types in a pickle", write_pickle, load_pickle_export
    ),
    Format(
        "skops",
        "a fitted scikit-learn estimator, for programs that have digitnn",
        write_skops,
        load_skops,
    ),
    Format(
        "h",
        "one C99 header without dependencies",
        write_header,
        load_header,
        options=("weights", "unverified"),
        why_unverifiable=why_not_compiled,
    ),
    Format(
        "html",
        "one HTML page that reads what is drawn on it, without a server",
        write_html,
        load_html,
        options=("weights", "unverified"),
        why_unverifiable=why_not_run,
    ),
)

FORMATS = {one.name: one for one in _ALL}
"""Every format by its name, which is the suffix of its files."""


def find_format(path: Path, to: str | None = None) -> Format:
    """Return the format `to`, or else that of the suffix of `path`. Raises `UsageError`."""
    name = (to if to is not None else path.suffix).removeprefix(".").lower()
    if name in FORMATS:
        return FORMATS[name]
    known = ", ".join(FORMATS)
    if not name:
        raise UsageError(f"{path}: its name has no suffix; name the format with --to: {known}")
    raise UsageError(f"unknown format {name!r}; known: {known}{did_you_mean(name, FORMATS)}")


def check_options(chosen: Format, options: Options) -> None:
    """Raise `UsageError` for an option that the format does not have."""
    for name, default in vars(Options()).items():
        if getattr(options, name) != default and name not in chosen.options:
            able = ", ".join(one.name for one in _ALL if name in one.options)
            raise UsageError(f"--{name} belongs to {able}, not to {chosen.name}")
