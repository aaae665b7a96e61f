"""A file that is named where a run is expected."""

from pathlib import Path

import pytest

from digitnn.errors import RunError
from digitnn.export.formats import FORMATS
from digitnn.network.storage.not_runs import KINDS
from digitnn.network.storage.saved_network import load_network
from digitnn.runs.ensembles import load_run

LOADERS = pytest.mark.parametrize("load", [load_run, load_network])


@LOADERS
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.onnx", "is an ONNX file, not a run: .*onnxruntime runs such files"),
        ("A.ONNX", "is an ONNX file"),
        ("a.safetensors", "is a file of parameters without their network, not a run"),
        ("a.pt", "is a PyTorch state_dict, not a run"),
        ("a.npz", "is a file of NumPy arrays, not a run"),
        ("a.html", "is an HTML page, not a run"),
        ("a.h", "is a C header, not a run"),
        ("a.txt", r"is a file, not a run: name the folder that `digitnn train` wrote$"),
    ],
)
def test_its_kind_and_the_remedy_are_named_in_one_line(load, name, words, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(b"anything")
    with pytest.raises(RunError, match=words) as caught:
        load(path)
    assert "name the folder that `digitnn train` wrote" in str(caught.value)
    assert "\n" not in str(caught.value)


@LOADERS
@pytest.mark.parametrize("name", ["params.safetensors", "recipe.json"])
def test_a_file_of_a_run_names_the_folder(load, name, tmp_path: Path) -> None:
    for file in ("params.safetensors", "recipe.json"):
        (tmp_path / file).write_bytes(b"")
    with pytest.raises(RunError, match=rf"not a run: name the run's folder, {tmp_path}"):
        load(tmp_path / name)


def test_every_format_of_export_is_known() -> None:
    assert {f".{name}" for name in FORMATS} <= KINDS.keys()
