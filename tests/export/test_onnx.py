"""The ONNX graph: its interface, names and probabilities, ensembles, and files from elsewhere."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy import ndarray
from onnx import TensorProto, helper

import digitnn
from digitnn.data.dataset import Dataset
from digitnn.errors import FormatError
from digitnn.export.onnx_file import load_onnx
from digitnn.export.onnx_graph import OPSET, write_onnx
from digitnn.export.protocol import Options
from digitnn.export.verification import verify
from digitnn.network.network import Network
from digitnn.reader.digit_classifier import probabilities
from digitnn.runs.ensembles import Ensemble
from digitnn.runs.run import Run


def outputs(content: bytes, images: ndarray) -> dict[str, ndarray]:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"images": images}), strict=True))


def test_the_interface_is_named_and_its_batch_is_dynamic(run: Run, digits: Dataset) -> None:
    content = write_onnx(run, Options())
    onnx.checker.check_model(content, full_check=True)
    graph = onnx.load_from_string(content).graph
    [images], [logits] = graph.input, graph.output
    axes = [axis.dim_param or axis.dim_value for axis in images.type.tensor_type.shape.dim]
    assert (images.name, images.type.tensor_type.elem_type) == ("images", TensorProto.UINT8)
    assert axes == ["n", 28, 28]
    assert logits.name == "logits"
    whole = outputs(content, digits.images[:7])["logits"]
    assert outputs(content, digits.images[:0])["logits"].shape == (0, 10)
    for n in (1, 3):
        found = outputs(content, digits.images[:n])["logits"]
        np.testing.assert_allclose(found, whole[:n], rtol=0, atol=1e-5)


def test_nodes_and_constants_are_named_after_layers(runs: dict[str, Run]) -> None:
    run = runs["planes"]
    graph = onnx.load_from_string(write_onnx(run, Options())).graph
    nodes = [node.name for node in graph.node]
    kinds = [
        f"{index}.{type(layer).__name__}"
        for index, layer in enumerate(run.network.layers)
        if type(layer).__name__ != "Dropout"
    ]
    assert nodes[:4] == [f"standardise.{s}" for s in ("float", "planes", "centred", "scaled")]
    assert nodes[4:] == kinds
    constants = {constant.name for constant in graph.initializer}
    assert {"1.Conv2d.weight", "2.BatchNorm.running_var", "13.Dense.bias"} <= constants


def test_the_metadata_say_what_made_it_and_what_it_expects(runs: dict[str, Run]) -> None:
    model = onnx.load_from_string(write_onnx(runs["planes"], Options()))
    found = {entry.key: entry.value for entry in model.metadata_props}
    assert found["digitnn.version"] == model.producer_version == digitnn.__version__
    assert found["digitnn.recipe"] == "planes"
    assert found["digitnn.input"].startswith("raw uint8, 0 for paper to 255 for ink")
    assert json.loads(found["digitnn.labels"]) == list("0123456789")
    [network] = json.loads(found["digitnn.networks"])
    assert Network.from_json(network) == runs["planes"].network
    assert [(one.domain, one.version) for one in model.opset_import] == [("", OPSET)]


def test_the_same_run_gives_the_same_bytes(run: Run) -> None:
    assert write_onnx(run, Options()) == write_onnx(run, Options())


def test_probabilities_are_those_of_the_reader(run: Run, digits: Dataset) -> None:
    found = outputs(write_onnx(run, Options(probabilities=True)), digits.images)
    expected = probabilities(run.network, run.classifier("scratch").logits(digits.images))
    classes = 11 if run.network.rejects else 10
    assert found["probabilities"].shape == (600, classes)
    np.testing.assert_allclose(found["probabilities"], expected[:, :classes], rtol=0, atol=1e-6)
    assert expected[:, classes:].sum() == 0


def test_other_probabilities_fail_the_verification(
    runs: dict[str, Run], digits: Dataset, tmp_path: Path
) -> None:
    path, run = tmp_path / "a.onnx", runs["rejects"]
    warmer = replace(run, network=replace(run.network, temperature=0.75))
    for other, passes in ((run, True), (warmer, False)):
        path.write_bytes(write_onnx(other, Options(probabilities=True)))
        found = verify(load_onnx(path, run), run, digits.images, path, "onnx")
        assert found.agreement.largest_difference < 1e-5
        assert found.passed == passes


def test_an_ensemble_is_one_graph_with_the_mean_of_the_probabilities(
    ensemble: Ensemble, digits: Dataset, tmp_path: Path
) -> None:
    content = write_onnx(ensemble, Options(probabilities=True))
    found = outputs(content, digits.images)
    expected = ensemble.classifier("scratch").logits(digits.images)
    np.testing.assert_allclose(found["logits"], expected, rtol=0, atol=1e-5)
    each = [
        probabilities(member.network, member.classifier("scratch").logits(digits.images))
        for member in ensemble.members
    ]
    np.testing.assert_allclose(found["probabilities"], np.mean(each, 0), rtol=0, atol=1e-6)
    path = tmp_path / "a.onnx"
    path.write_bytes(content)
    assert verify(load_onnx(path, ensemble), ensemble, digits.images, path, "onnx").passed
    names = {node.name for node in onnx.load_from_string(content).graph.node}
    assert {"member0.1.Dense", "member1.5.Conv2d", "member2.2.Dense"} <= names


def test_an_ensemble_of_very_certain_members_stays_finite(
    runs: dict[str, Run], digits: Dataset
) -> None:
    def certain(run: Run, factor: float) -> Run:
        last = len(run.network.layers) - 1
        names = (f"{last}.weight", f"{last}.bias")
        scaled = {name: run.params[name] * np.float32(factor) for name in names}
        return replace(run, params={**run.params, **scaled})

    members = (certain(runs["classic"], 400), certain(runs["classic"], -400))
    together = Ensemble(Path("e"), members, {"recipe": {"name": "e"}})
    expected = together.classifier("scratch").logits(digits.images)
    assert expected.min() < -150  # beyond what exp holds in float32
    largest = max(np.abs(m.classifier("scratch").logits(digits.images)).max() for m in members)
    found = outputs(write_onnx(together, Options()), digits.images)["logits"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * largest)


def foreign(name: str, kind: int, shape: list[object], output: str = "logits") -> bytes:
    """A model that adds up each image's rows."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", [name], [output], axes=[1])],
        "foreign",
        [helper.make_tensor_value_info(name, kind, shape)],
        [helper.make_tensor_value_info(output, kind, None)],
    )
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(graph, ir_version=8, opset_imports=opset).SerializeToString()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            foreign("x", TensorProto.FLOAT, ["batch", 3, 224, 224]),
            r"expected one input, images tensor\(uint8\) \(n, 28, 28\), "
            r"got x tensor\(float\) \(batch, 3, 224, 224\)$",
        ),
        (
            foreign("images", TensorProto.FLOAT, ["n", 28, 28]),
            r"got images tensor\(float\) \(n, 28, 28\)",
        ),
    ],
)
def test_a_file_with_another_interface_is_refused(
    content: bytes, message: str, runs: dict[str, Run], tmp_path: Path
) -> None:
    path = tmp_path / "foreign.onnx"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=rf"foreign\.onnx: .*{message}"):
        load_onnx(path, runs["classic"])


def test_a_file_without_logits_is_refused(runs: dict[str, Run], tmp_path: Path) -> None:
    model = onnx.load_from_string(write_onnx(runs["classic"], Options()))
    model.graph.node[-1].output[0] = model.graph.output[0].name = "scores"
    path = tmp_path / "foreign.onnx"
    path.write_bytes(model.SerializeToString())
    message = r"expected an output logits tensor\(float\) \(n, 10\), got scores tensor\(float\)"
    with pytest.raises(FormatError, match=message):
        load_onnx(path, runs["classic"])


def test_a_file_that_names_other_files_is_refused(runs: dict[str, Run], tmp_path: Path) -> None:
    model = onnx.load_from_string(write_onnx(runs["classic"], Options()))
    weight = model.graph.initializer[3]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="/etc/passwd")
    path = tmp_path / "foreign.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(FormatError, match="not an ONNX model, or a damaged one"):
        load_onnx(path, runs["classic"])
