"""Exports of networks of any image size, of features, and of any classes."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy import ndarray

from digitnn.engines.find import find_engine
from digitnn.errors import ExportError, FormatError
from digitnn.export.c_header import header_source
from digitnn.export.c_program import find_compiler
from digitnn.export.formats import FORMATS
from digitnn.export.onnx_graph import write_onnx
from digitnn.export.protocol import Options
from digitnn.export.pytorch_state import pytorch_source
from digitnn.export.verification import require_passed, verify
from digitnn.network.layers import BatchNorm, Conv2d, Dense, Flatten, MaxPool2d, Relu, Sigmoid
from digitnn.network.network import DIGITS, Network, Standardise
from digitnn.pickles.loading import load_pickle
from digitnn.runs.ensembles import Ensemble
from digitnn.runs.run import Run

ODD_NAMES = ("Ä b", 'quote " and \\', "??=1*/%d")
LETTERS = tuple(chr(ord("a") + i) for i in range(26)) + tuple(map(str, range(14)))
NETWORKS = {
    "wide": Network(
        (Conv2d(4, 3, padding=1), BatchNorm(), Relu(), MaxPool2d(2), Flatten(), Dense(3)),
        input=(1, 11, 18),
        labels=ODD_NAMES,
    ),
    "letters": Network((Flatten(), Dense(9), Sigmoid(), Dense(40)), labels=LETTERS),
    "features": Network(
        (Flatten(), Dense(8), BatchNorm(), Relu(), Dense(2)),
        standardise=Standardise(0.5, 2.0),
        input=(7,),
        labels=("no", "yes"),
    ),
}
GENERAL = [name for name in FORMATS if name != "html"]
every_network = pytest.mark.parametrize("kind", NETWORKS)


def run_of(kind: str, seed: int = 4) -> Run:
    """A run of the network with random parameters that answers variously."""
    network, rng = NETWORKS[kind], np.random.default_rng(seed)
    params = {
        name: rng.uniform(0.5, 2, shape).astype(np.float32)
        if name.endswith("running_var")
        else rng.normal(0, 0.4, shape).astype(np.float32)
        for name, shape in network.state_shapes().items()
    }
    last = f"{len(network.layers) - 1}.bias"
    given = find_engine("scratch").classifier(network, params).logits(samples(kind))
    params[last] -= given.mean(axis=0)
    about = {"recipe": {"name": kind, "l2": 0.0}, "seed": 0, "engine": "scratch"}
    return Run(Path("runs") / kind, network, params, about, ())


def samples(kind: str, n: int = 40) -> ndarray:
    rng, shape = np.random.default_rng(6), NETWORKS[kind].input
    if len(shape) == 1:
        return rng.normal(0.5, 2, (n, *shape)).astype(np.float32)
    return rng.integers(0, 256, (n, *shape[1:]), np.uint8)


def logits(run: Run, images: ndarray) -> ndarray:
    return find_engine("pytorch").classifier(run.network, run.params).logits(images)


@every_network
@pytest.mark.parametrize("name", GENERAL)
def test_every_format_but_html_holds_any_input_and_classes(
    name: str, kind: str, tmp_path: Path
) -> None:
    run, images, path = run_of(kind), samples(kind), tmp_path / f"net.{name}"
    path.write_bytes(FORMATS[name].write(run, Options()))
    loaded = FORMATS[name].load(path, run)
    expected = logits(loaded.stored or run, images)
    assert len(set(expected.argmax(axis=1))) >= 2
    np.testing.assert_allclose(loaded.run(images).logits, expected, rtol=1e-5, atol=1e-4)
    found = verify(loaded, run, images, path, name)
    # int8 may change the answers of random weights, so the run itself is not compared
    require_passed(replace(found, rounding=None), name)


@every_network
def test_onnx_declares_the_input_and_names_the_classes(kind: str) -> None:
    run, images = run_of(kind), samples(kind, 3)
    content = write_onnx(run, Options(probabilities=True))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    [given] = session.get_inputs()
    is_vector = kind == "features"
    assert (given.name, given.type) == (
        ("features", "tensor(float)") if is_vector else ("images", "tensor(uint8)")
    )
    assert tuple(given.shape) == ("n", *images.shape[1:])
    found, p = session.run(["logits", "probabilities"], {given.name: images})
    expected = torch.softmax(torch.tensor(logits(run, images)), 1).numpy()
    assert found.shape == p.shape == (3, len(run.network.labels))
    np.testing.assert_allclose(p, expected, rtol=0, atol=1e-5)
    about = {p.key: p.value for p in onnx.load_from_string(content).metadata_props}
    assert json.loads(about["digitnn.labels"]) == list(run.network.labels)
    assert about["digitnn.input"].startswith("float32, 7 features" if is_vector else "raw uint8")


@every_network
def test_probabilities_are_verified_for_any_classes(kind: str, tmp_path: Path) -> None:
    path, run, images = tmp_path / "a.onnx", run_of(kind), samples(kind)
    warmer = replace(run, network=replace(run.network, temperature=1.5))
    for written, passes in ((run, True), (warmer, False)):
        path.write_bytes(write_onnx(written, Options(probabilities=True)))
        found = verify(FORMATS["onnx"].load(path, run), run, images, path, "onnx")
        assert found.probabilities is not None
        assert found.passed == passes


@every_network
def test_an_ensemble_of_other_classes_is_one_graph(kind: str, tmp_path: Path) -> None:
    members = (run_of(kind, 1), run_of(kind, 2))
    both = Ensemble(Path("both"), members, {"recipe": {"name": "2 x"}, "engine": "scratch"})
    path = tmp_path / "a.onnx"
    path.write_bytes(write_onnx(both, Options(probabilities=True)))
    found = verify(FORMATS["onnx"].load(path, both), both, samples(kind), path, "onnx")
    assert found.passed
    assert found.probabilities is not None


def test_an_onnx_file_of_another_input_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(write_onnx(run_of("wide"), Options()))
    with pytest.raises(
        FormatError,
        match=r"expected one input, features tensor\(float\) \(n, 7\), "
        r"got images tensor\(uint8\) \(n, 11, 18\)",
    ):
        FORMATS["onnx"].load(path, run_of("features"))


@every_network
def test_html_is_refused_with_the_reason(kind: str, tmp_path: Path) -> None:
    message = rf"reads digits from images of 28 x 28 pixels, and runs/{kind} takes .*: export to"
    with pytest.raises(ExportError, match=message):
        FORMATS["html"].write(run_of(kind), Options())
    with pytest.raises(ExportError, match=message):
        FORMATS["html"].load(tmp_path / "missing.html", run_of(kind))


@every_network
def test_the_lines_of_pytorch_name_the_classes(kind: str, tmp_path: Path) -> None:
    run, path = run_of(kind), tmp_path / "a.pt"
    path.write_bytes(FORMATS["pt"].write(run, Options()))
    names: dict[str, object] = {}
    exec(pytorch_source(run.network, path, "pt"), names)
    assert names["labels"] == list(run.network.labels)
    digits = replace(run.network, labels=DIGITS, layers=(*run.network.layers[:-1], Dense(10)))
    assert "labels" not in pytorch_source(digits, path, "pt")


@every_network
def test_a_pickle_names_input_and_classes(kind: str, tmp_path: Path) -> None:
    run, path = run_of(kind), tmp_path / "a.pickle"
    path.write_bytes(FORMATS["pickle"].write(run, Options()))
    value = load_pickle(path)
    assert value["labels"] == list(run.network.labels)
    assert ("features" in value["input"]) == (kind == "features")


MAIN = """
#include <stdio.h>
#include "digits.h"
int main(void) {
    for (unsigned i = 0; i < sizeof digitnn_labels / sizeof digitnn_labels[0]; ++i) {
        fputs(digitnn_labels[i], stdout);
        fputc('\\n', stdout);
    }
    return 0;
}
"""


@pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler")
@pytest.mark.parametrize(
    ("compiler", "file"), [("gcc -std=c99", "main.c"), ("g++ -std=c++11", "main.cpp")]
)
@every_network
def test_the_header_names_the_classes_and_the_input(
    kind: str, compiler: str, file: str, tmp_path: Path
) -> None:
    program, *options = compiler.split()
    if shutil.which(program) is None:
        pytest.skip(f"there is no {program}")
    run = run_of(kind)
    text = header_source(run, "int8")
    (tmp_path / "digits.h").write_text(text)
    (tmp_path / file).write_text(MAIN)
    strict = ["-Wall", "-Wextra", "-Werror", "-pedantic"]
    command = [program, *options, *strict, file, "-o", "names", "-lm"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stderr == ""
    done = subprocess.run([tmp_path / "names"], capture_output=True)
    assert done.stdout.decode().splitlines() == list(run.network.labels)
    given = {
        "wide": "const uint8_t image[198], float logits[3]",
        "letters": "const uint8_t image[784], float logits[40]",
        "features": "const float features[7], float logits[2]",
    }
    comment = text[: text.index("*/")]
    assert given[kind] in comment
    assert text.count(f"digitnn_logits({given[kind]})") == 2
