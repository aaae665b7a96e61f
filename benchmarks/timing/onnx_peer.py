"""Run a network in onnxruntime, as the peer of the reader's speed.

The network's description becomes an ONNX graph. onnx and onnxruntime are optional: they are not
dependencies of the project.
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy import ndarray

from digitnn.network import layers
from digitnn.network.network import Network

OPSET = 13


def available() -> bool:
    """Return whether both packages are installed."""
    return all(find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def session(
    network: Network, params: Mapping[str, ndarray], threads: int
) -> Callable[[ndarray], ndarray]:
    """Return a function: uint8 images (n, 28, 28) -> float32 logits (n, k), on these threads."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    run = onnxruntime.InferenceSession(
        graph(network, params), options, providers=["CPUExecutionProvider"]
    )

    def logits(images: ndarray) -> ndarray:
        found: ndarray = run.run(None, {"images": images[:, None]})[0]
        return found

    return logits


def graph(network: Network, params: Mapping[str, ndarray]) -> bytes:
    """Return the serialised model, standardisation included; Dropout becomes Identity."""
    from onnx import TensorProto, helper, numpy_helper

    standard = {"mean": network.standardise.mean, "scale": 1 / network.standardise.std}
    arrays = {name: np.float32(value).reshape(1) for name, value in standard.items()}
    nodes = [
        helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["pixels", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["x0"]),
    ]
    for index, (layer, shape) in enumerate(zip(network.layers, network.shapes(), strict=False)):
        names = [f"{index}.{name}" for name in layer.parameter_shapes(shape)]
        names += [f"{index}.{name}" for name in layer.buffer_shapes(shape)]
        arrays |= {name: np.asarray(params[name], np.float32) for name in names}
        kind, attributes = operator(layer)
        if isinstance(layer, layers.Crop):
            for name, value in (("from", layer.margin), ("to", -layer.margin)):
                arrays[f"{index}.{name}"] = np.array([value, value], np.int64)
            arrays[f"{index}.axes"] = np.array([2, 3], np.int64)
            names = [f"{index}.from", f"{index}.to", f"{index}.axes"]
        into, out = f"x{index}", f"x{index + 1}"
        nodes.append(helper.make_node(kind, [into, *names], [out], **attributes))
    made = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 1, 28, 28])],
        [helper.make_tensor_value_info(out, TensorProto.FLOAT, ["n", len(network.labels)])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    serialised: bytes = model.SerializeToString()
    return serialised


def operator(layer: layers.Layer) -> tuple[str, dict[str, Any]]:
    """Return the name of a layer's ONNX operator, and its attributes."""
    match layer:
        case layers.Dense():
            return "Gemm", {"transB": 1}
        case layers.Conv2d():
            two = {"kernel_shape": [layer.kernel] * 2, "strides": [layer.stride] * 2}
            return "Conv", {**two, "pads": [layer.padding] * 4}
        case layers.MaxPool2d():
            return "MaxPool", {"kernel_shape": [layer.size] * 2, "strides": [layer.size] * 2}
        case layers.AveragePool2d():
            return "AveragePool", {"kernel_shape": [layer.size] * 2, "strides": [layer.size] * 2}
        case layers.BatchNorm():
            return "BatchNormalization", {"epsilon": layer.epsilon}
    plain = {"Crop": "Slice", "Dropout": "Identity"}
    name = type(layer).__name__
    return plain.get(name, name), {}
