"""Load an ONNX file that has the interface of digitnn's, and run it in onnxruntime."""

from pathlib import Path
from typing import Any

from digitnn.errors import FormatError, MissingExtraError
from digitnn.export.onnx_graph import FEATURES, LOGITS, PROBABILITIES, interface
from digitnn.export.protocol import LoadedExport, Outputs
from digitnn.machine.resources import threads
from digitnn.network.network import Network, Samples
from digitnn.runs.ensembles import Trained
from digitnn.wording import count, error_text

ERRORS_ONLY = 3
"""onnxruntime's log level."""


def load_onnx(path: Path, trained: Trained) -> LoadedExport:
    """Return the model in `path`, checked by `onnx.checker`.

    Raises `FormatError` for a file that is not ONNX or has other inputs or outputs.
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError(error.name or "onnx", "onnx", "running an ONNX file") from None
    content = path.read_bytes()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = ERRORS_ONLY
    # the errors of both libraries have no other base class
    try:
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:
        reason = error_text(error)
        raise FormatError(f"{path}: not an ONNX model, or a damaged one: {reason}") from None
    _check_interface(session, path, trained.network)
    try:
        onnx.checker.check_model(content, full_check=True)
    except Exception as error:
        raise FormatError(f"{path}: rejected by onnx.checker: {error_text(error)}") from None
    wanted = [output.name for output in session.get_outputs()]
    wanted = [name for name in (LOGITS, PROBABILITIES) if name in wanted]

    name, _ = interface(trained.network)

    def run(images: Samples) -> Outputs:
        return Outputs(*session.run(wanted, {name: images}))

    runtime = f"onnxruntime {onnxruntime.__version__}, {count(threads(), 'thread')}"
    return LoadedExport(run, runtime)


def _check_interface(session: Any, path: Path, network: Network) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    name, shape = interface(network)
    kind = "tensor(float)" if name == FEATURES else "tensor(uint8)"
    if [_signature(one) for one in inputs] != [(name, kind, [None, *shape])]:
        raise FormatError(
            f"{path}: expected one input, {name} {kind} (n, {', '.join(map(str, shape))}), "
            f"got {_describe(inputs)}"
        )
    if (LOGITS, "tensor(float)") not in [_signature(one)[:2] for one in outputs]:
        raise FormatError(
            f"{path}: expected an output {LOGITS} tensor(float) (n, {len(network.labels)}), "
            f"got {_describe(outputs)}"
        )


def _signature(one: Any) -> tuple[str, str, list[int | None]]:
    """Return name, type and shape, in which None stands for an axis of any length."""
    return one.name, one.type, [axis if isinstance(axis, int) else None for axis in one.shape]


def _describe(several: list[Any]) -> str:
    shown = [
        f"{one.name} {one.type} ({', '.join(str(axis or '?') for axis in one.shape)})"
        for one in several[:3]
    ]
    more = f" and {len(several) - 3} more" if len(several) > 3 else ""
    return (", ".join(shown) or "none") + more
