"""Every format: its files compute what the run computes, and a changed file is found out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy import ndarray

from digitnn.data.dataset import Dataset
from digitnn.engines.find import find_engine
from digitnn.errors import ExportError, FormatError, UsageError
from digitnn.export.formats import FORMATS, check_options, find_format
from digitnn.export.protocol import LoadedExport, Options, Outputs
from digitnn.export.verification import (
    TOLERANCE,
    Agreement,
    Conformance,
    require_passed,
    verify,
)
from digitnn.network.layers import LAYER_KINDS
from digitnn.network.network import Network, Standardise
from digitnn.runs.ensembles import Ensemble
from digitnn.runs.run import Run

VARIANTS = [
    *(pytest.param(name, Options(), id=name) for name in FORMATS),
    pytest.param("h", Options(weights="float32"), id="h-float32"),
    pytest.param("onnx", Options(probabilities=True), id="onnx-probabilities"),
]
every_variant = pytest.mark.parametrize(("name", "options"), VARIANTS)


def written(run: Run, name: str, options: Options, folder: Path) -> Path:
    path = folder / f"digits.{name}"
    path.write_bytes(FORMATS[name].write(run, options))
    return path


def conformance_of(path: Path, run: Run, name: str, images: ndarray) -> Conformance:
    return verify(FORMATS[name].load(path, run), run, images, path, name)


def pytorch_logits(run: Run, images: ndarray) -> ndarray:
    """The oracle: the engine that no export and no verification uses."""
    return find_engine("pytorch").classifier(run.network, run.params).logits(images)


def test_the_networks_have_every_kind_of_layer(runs: dict[str, Run]) -> None:
    kinds = {type(layer) for run in runs.values() for layer in run.network.layers}
    assert kinds == set(LAYER_KINDS.values())


@every_variant
def test_a_file_computes_the_logits_of_the_run(
    name: str, options: Options, run: Run, digits: Dataset, tmp_path: Path
) -> None:
    path = written(run, name, options, tmp_path)
    loaded = FORMATS[name].load(path, run)
    expected = pytorch_logits(loaded.stored or run, digits.images)
    assert np.ptp(expected, axis=0).min() > 100 * TOLERANCE
    assert len(set(expected.argmax(axis=1))) > 2
    found = loaded.run(digits.images).logits
    assert (found.dtype, found.shape) == (np.float32, (600, 10))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    conformance = conformance_of(path, run, name, digits.images)
    assert conformance.agreement.equal == conformance.n == 600
    assert conformance.agreement.largest_difference <= TOLERANCE
    assert conformance.file_bytes == path.stat().st_size
    np.testing.assert_array_equal(loaded.run(digits.images[:1]).logits.shape, (1, 10))


@every_variant
def test_one_changed_number_anywhere_fails_the_verification(
    name: str, options: Options, runs: dict[str, Run], digits: Dataset, tmp_path: Path
) -> None:
    run, images = runs["planes"], digits.images[:50]
    compiled = ["1.weight", "2.running_var", "10.bias", "13.weight"]  # each takes a second
    for key in compiled if name == "h" else run.params:
        changed = run.params[key].copy()
        # in the middle, since the corner of a kernel may see padding only
        changed[tuple(length // 2 for length in changed.shape)] += 0.25
        other = replace(run, params={**run.params, key: changed})
        path = written(other, name, options, tmp_path)
        with pytest.raises(ExportError, match="digits does not compute what the run computes"):
            require_passed(conformance_of(path, run, name, images), "digits")


@every_variant
def test_other_standardisation_fails_the_verification(
    name: str, options: Options, runs: dict[str, Run], digits: Dataset, tmp_path: Path
) -> None:
    run = runs["planes"]
    for pixels in (Standardise(30, 61.25), Standardise(20.5, 75)):
        other = replace(run, network=replace(run.network, standardise=pixels))
        path = written(other, name, options, tmp_path)
        try:
            assert not conformance_of(path, run, name, digits.images[:100]).passed
        except FormatError as error:  # constants of the C code are part of the code
            assert name == "h"
            assert "its code is not" in str(error)


@every_variant
def test_a_file_of_another_network_is_refused(
    name: str, options: Options, runs: dict[str, Run], digits: Dataset, tmp_path: Path
) -> None:
    path = written(runs["classic"], name, options, tmp_path)
    with pytest.raises((FormatError, ExportError), match=r"digits\.") as caught:
        require_passed(conformance_of(path, runs["rejects"], name, digits.images), str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("content", [b"", b"no such format", b"PK\x03\x04", b"\x80\x04K\x01."])
def test_a_damaged_file_is_refused_by_its_path(
    name: str, content: bytes, runs: dict[str, Run], tmp_path: Path
) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="damaged: ") as caught:
        FORMATS[name].load(path, runs["classic"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", FORMATS)
def test_a_truncated_file_is_refused(name: str, runs: dict[str, Run], tmp_path: Path) -> None:
    path = written(runs["planes"], name, Options(), tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FormatError, match=r"digits\."):
        FORMATS[name].load(path, runs["planes"])


@pytest.mark.parametrize("name", [name for name in FORMATS if not FORMATS[name].ensembles])
def test_formats_of_one_network_refuse_an_ensemble(
    name: str, ensemble: Ensemble, tmp_path: Path
) -> None:
    message = f"^{name} holds one network, and runs/together is an ensemble of 3: export to onnx"
    with pytest.raises(ExportError, match=message):
        FORMATS[name].write(ensemble, Options())
    with pytest.raises(ExportError, match=message):
        FORMATS[name].load(tmp_path / "missing", ensemble)


@pytest.mark.parametrize("name", ["onnx", "h"])
def test_an_unknown_layer_is_named_with_the_format(name: str, runs: dict[str, Run]) -> None:
    @dataclass(frozen=True)
    class Cube:
        def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
            return shape

        def parameter_shapes(self, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
            return {}

        buffer_shapes = parameter_shapes

    run = runs["classic"]
    layers = (*run.network.layers, Cube())
    strange = replace(run, network=Network(layers))
    with pytest.raises(ExportError, match=rf"^layer 4: .*Cube\(\) cannot be exported to {name}$"):
        FORMATS[name].write(strange, Options())


def fixed(change: Callable[[ndarray], ndarray], run: Run) -> LoadedExport:
    """A file that gives the run's logits after `change`."""
    classifier = run.classifier("scratch")
    return LoadedExport(lambda images: Outputs(change(classifier.logits(images))), "a test")


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        (lambda z: z, True),
        (lambda z: z + np.float32(0.9e-4), True),
        (lambda z: z + np.float32(1.1e-4), False),
        (lambda z: z * np.where(np.arange(len(z)) == 7, np.nan, 1)[:, None], False),
        (lambda z: np.where(np.arange(len(z)) == 7, z[:, ::-1].T, z.T).T, False),
    ],
)
def test_the_tolerance_and_nan(
    change: Callable[[ndarray], ndarray],
    passes: bool,
    runs: dict[str, Run],
    digits: Dataset,
    tmp_path: Path,
) -> None:
    path, run = tmp_path / "file", runs["classic"]
    path.write_bytes(b"1234")
    found = verify(fixed(change, run), run, digits.images[:100], path, "x")
    assert found.passed == passes
    assert (found.n, found.file_bytes, found.runtime) == (100, 4, "a test")


def test_equal_answers_are_required_even_within_the_tolerance() -> None:
    found = Conformance("h", "a test", 100, Agreement(99, 1e-6), 1e-4, 1, 1.0)
    assert not found.passed
    assert replace(found, agreement=Agreement(100, 1e-6)).passed
    rounded = replace(found, agreement=Agreement(100, 1e-6), rounding=Agreement(98, 3.0))
    assert not rounded.passed
    with pytest.raises(ExportError, match=r"rounding the weights keeps 98\.00 % of the answers"):
        require_passed(rounded, "x")
    assert replace(rounded, rounding=Agreement(99, 3.0)).passed


@pytest.mark.parametrize(
    ("path", "to", "name"),
    [("a.onnx", None, "onnx"), ("a.H", None, "h"), ("a.b", "pt", "pt"), ("a.h", ".npz", "npz")],
)
def test_the_format_follows_from_the_suffix(path: str, to: str | None, name: str) -> None:
    assert find_format(Path(path), to).name == name


@pytest.mark.parametrize(
    ("path", "to", "message"),
    [
        ("a.onx", None, "unknown format 'onx'; known: .*; did you mean 'onnx'"),
        ("a.h", "safetensor", "unknown format 'safetensor'; .*; did you mean 'safetensors'"),
        ("a", None, "a: its name has no suffix; name the format with --to"),
    ],
)
def test_an_unknown_format_is_refused_with_a_suggestion(path, to, message) -> None:
    with pytest.raises(UsageError, match=message):
        find_format(Path(path), to)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("npz", Options(probabilities=True)),
        ("onnx", Options(weights="int8")),
        ("pt", Options(unverified=True)),
    ],
)
def test_options_of_another_format_are_refused(name: str, options: Options) -> None:
    with pytest.raises(UsageError, match=rf"belongs to [\w, ]+, not to {name}$"):
        check_options(FORMATS[name], options)
