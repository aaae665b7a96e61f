"""Write a run as an ONNX graph, without PyTorch.

    images (n, h, w) uint8    -> standardisation -> layers -> logits (n, k)
 or features (n, f) float32                                -> probabilities (n, k) or (n, k + 1)

A node, its output and its constants are named after the layer's index and kind: "3.Conv2d" and
"3.Conv2d.weight". The networks of an ensemble are in one graph, "member0.3.Conv2d".
Operators: https://onnx.ai/onnx/operators/
Axes: n images, h w pixels, f features, k classes, m members.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

import digitnn
from digitnn.errors import MissingExtraError
from digitnn.export.protocol import Options, expected_input, takes_features, unsupported
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
from digitnn.network.network import Network
from digitnn.runs.ensembles import Ensemble, Trained
from digitnn.runs.run import Run

if TYPE_CHECKING:
    from onnx import NodeProto

OPSET = 17
"""Of 2022: the newest that every onnxruntime from 1.12 on runs."""
IR_VERSION = 8
IMAGES, FEATURES = "images", "features"
"""The names of the input."""
LOGITS, PROBABILITIES = "logits", "probabilities"


class GraphWriter:
    """Collects the nodes and constants of one graph."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, ndarray] = {}

    def add(self, operator: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        """Add a node whose output has its own name, and return that name."""
        from onnx import helper

        self.nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def constant(self, value: Any, name: str, dtype: type = np.float32) -> str:
        """Add a constant and return its name."""
        self.constants[name] = np.asarray(value, dtype)
        return name

    def rename_last_output(self, name: str) -> str:
        """Give the output of the last node another name; the node keeps its own."""
        self.nodes[-1].output[0] = name
        return name


def write_onnx(trained: Trained, options: Options) -> bytes:
    """Return `trained` as a serialised ONNX model."""
    try:
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        raise MissingExtraError("onnx", "onnx", "exporting to ONNX") from None
    graph = GraphWriter()
    if isinstance(trained, Ensemble):
        members = trained.members
        found = [_add_network(graph, run, f"member{i}.") for i, run in enumerate(members)]
        k = _add_mean(graph, found, members)
    else:
        members = (trained,)
        _add_network(graph, trained, "")
        found = [graph.rename_last_output(LOGITS)]
        k = len(trained.network.labels)
    outputs = {LOGITS: k}
    name, shape = interface(trained.network)
    kind = TensorProto.FLOAT if name == FEATURES else TensorProto.UINT8
    if options.probabilities:
        outputs[PROBABILITIES] = _add_probabilities(graph, found, [run.network for run in members])
    made = helper.make_graph(
        graph.nodes,
        "digitnn",
        [helper.make_tensor_value_info(name, kind, ["n", *shape])],
        [
            helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", width])
            for output, width in outputs.items()
        ],
        [numpy_helper.from_array(array, name) for name, array in graph.constants.items()],
    )
    model = helper.make_model(
        made,
        producer_name="digitnn",
        producer_version=digitnn.__version__,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(model, _metadata(trained, members))
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def interface(network: Network) -> tuple[str, Shape]:
    """Return the name of the input and its shape without the batch axis."""
    if takes_features(network):
        return FEATURES, network.input
    return IMAGES, network.input[1:]


def _metadata(trained: Trained, members: Sequence[Run]) -> dict[str, str]:
    return {
        "digitnn.version": digitnn.__version__,
        "digitnn.recipe": trained.recipe,
        "digitnn.input": expected_input(trained.network),
        "digitnn.labels": json.dumps(trained.network.labels),
        "digitnn.networks": json.dumps([run.network.to_json() for run in members]),
    }


def _add_network(graph: GraphWriter, run: Run, prefix: str) -> str:
    """Add the standardisation and the layers of one network; return the name of its logits."""
    network, params = run.network, run.params
    step = f"{prefix}standardise"
    mean = graph.constant(network.standardise.mean, f"{step}.mean")
    scale = graph.constant(1 / network.standardise.std, f"{step}.scale")
    x, _ = interface(network)
    if x == IMAGES:
        axis = graph.constant([1], f"{step}.axis", np.int64)
        x = graph.add("Cast", [x], f"{step}.float", to=1)  # TensorProto.FLOAT
        x = graph.add("Unsqueeze", [x, axis], f"{step}.planes")
    x = graph.add("Sub", [x, mean], f"{step}.centred")
    x = graph.add("Mul", [x, scale], f"{step}.scaled")
    for index, (layer, shape) in enumerate(zip(network.layers, network.shapes(), strict=False)):
        name = f"{prefix}{index}.{type(layer).__name__}"
        own = [
            graph.constant(params[f"{index}.{short}"], f"{name}.{short}")
            for shapes in (layer.parameter_shapes(shape), layer.buffer_shapes(shape))
            for short in shapes
        ]
        x = _add_layer(graph, index, layer, [x, *own], name)
    return x


def _add_layer(
    graph: GraphWriter, index: int, layer: Layer, inputs: Sequence[str], name: str
) -> str:
    """Add the node of a layer; return the name of its output."""
    match layer:
        case Dense():
            return graph.add("Gemm", inputs, name, transB=1)
        case Conv2d(kernel=kernel, stride=stride, padding=padding):
            return graph.add(
                "Conv",
                inputs,
                name,
                kernel_shape=[kernel] * 2,
                strides=[stride] * 2,
                pads=[padding] * 4,
            )
        case MaxPool2d(size=size):
            return graph.add("MaxPool", inputs, name, kernel_shape=[size] * 2, strides=[size] * 2)
        case AveragePool2d(size=size):
            return graph.add(
                "AveragePool", inputs, name, kernel_shape=[size] * 2, strides=[size] * 2
            )
        case Crop(margin=margin):
            bounds = {"starts": [margin] * 2, "ends": [-margin] * 2, "axes": [2, 3]}
            own = [graph.constant(v, f"{name}.{key}", np.int64) for key, v in bounds.items()]
            return graph.add("Slice", [*inputs, *own], name)
        case BatchNorm(epsilon=epsilon):
            return graph.add("BatchNormalization", inputs, name, epsilon=epsilon)
        case Dropout():  # the identity, outside training
            return inputs[0]
        case Flatten():
            return graph.add("Flatten", inputs, name, axis=1)
        case Relu() | Sigmoid() | Tanh():
            return graph.add(type(layer).__name__, inputs, name)
        case _:
            raise unsupported(index, layer, "onnx")


def _add_mean(graph: GraphWriter, found: Sequence[str], members: Sequence[Run]) -> int:
    """Add the ensemble's logits, log 1/m sum softmax(z) over its members; return how many.

    Computed as M + log sum exp(l - M) - log m, where l = log softmax(z) and M is the largest l of
    the members, so that no exponential underflows in all of them.
    """
    logs = [graph.add("LogSoftmax", [z], f"{z}.log_softmax", axis=1) for z in found]
    largest = graph.add("Max", logs, "mean.largest")
    shares = []
    for log in logs:
        difference = graph.add("Sub", [log, largest], f"{log}.difference")
        shares.append(graph.add("Exp", [difference], f"{log}.share"))
    log_sum = graph.add("Log", [graph.add("Sum", shares, "mean.sum")], "mean.log_sum")
    m = graph.constant(np.log(len(members)), "mean.log_members")
    graph.add("Sub", [graph.add("Add", [largest, log_sum], "mean.log_total"), m], LOGITS)
    return len(members[0].network.labels)


def _add_probabilities(
    graph: GraphWriter, found: Sequence[str], networks: Sequence[Network]
) -> int:
    """Add the mean of the members' softmax(z / T), and return the number of classes.

    A network that rejects has one class more, "no digit", whose logit is 0. In an ensemble with
    such networks the others give it probability 0.
    """
    k = len(networks[0].labels)
    rejects = any(network.rejects for network in networks)
    members = []
    for z, network in zip(found, networks, strict=True):
        temperature = graph.constant(network.temperature, f"{z}.temperature")
        scaled = graph.add("Div", [z, temperature], f"{z}.tempered")
        if rejects:
            pads = graph.constant([0, 0, 0, 1], f"{z}.pads", np.int64)
            fill = graph.constant(0 if network.rejects else -np.inf, f"{z}.no_digit_logit")
            scaled = graph.add("Pad", [scaled, pads, fill], f"{z}.with_no_digit")
        members.append(graph.add("Softmax", [scaled], f"{z}.softmax", axis=1))
    graph.add("Mean", members, PROBABILITIES)
    return k + rejects
