"""Run a network in onnxruntime, as the peer of the classifier's speed.

The graph is the one that `digitnn export` writes. onnx and onnxruntime are optional.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from numpy import ndarray

from digitnn.export.onnx_graph import LOGITS, write_onnx
from digitnn.export.protocol import Options
from digitnn.network.network import Network
from digitnn.runs.run import Run


def available() -> bool:
    """Return whether both packages are installed."""
    return all(find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def session(
    network: Network, params: Mapping[str, ndarray], threads: int
) -> Callable[[ndarray], ndarray]:
    """Return a function: uint8 images (n, h, w) -> float32 logits (n, k), on these threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    run = Run(Path(), network, params, {"recipe": {"name": "benchmark"}}, ())
    running = onnxruntime.InferenceSession(
        write_onnx(run, Options()), options, providers=["CPUExecutionProvider"]
    )
    name = running.get_inputs()[0].name

    def logits(images: ndarray) -> ndarray:
        found: ndarray = running.run([LOGITS], {name: images})[0]
        return found

    return logits
