"""The state_dict, the arrays and the pickle, read as a program without digitnn reads them."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy import ndarray
from safetensors.numpy import load as load_safetensors

from digitnn.data.dataset import Dataset
from digitnn.errors import FormatError
from digitnn.export.formats import FORMATS
from digitnn.export.protocol import Options
from digitnn.export.pytorch_state import pytorch_source
from digitnn.network.layers import Crop, Flatten
from digitnn.network.network import Network
from digitnn.pickles.loading import load_pickle, save_pickle
from digitnn.runs.run import Run

STATE_FORMATS = pytest.mark.parametrize("name", ["pt", "safetensors"])


def write(run: Run, name: str, path: Path) -> Path:
    path.write_bytes(FORMATS[name].write(run, Options()))
    return path


def logits_of_scratch(run: Run, images: ndarray) -> ndarray:
    return run.classifier("scratch").logits(images)


@STATE_FORMATS
@pytest.mark.parametrize("file", ["digits", "it's", 'a "b"', "back\\slash"])
def test_the_printed_lines_of_pytorch_compute_the_logits(
    name: str, file: str, run: Run, digits: Dataset, tmp_path: Path
) -> None:
    path = write(run, name, tmp_path / file)
    source = pytorch_source(run.network, path, name)
    assert "digitnn" not in source.replace(str(path), "").replace(repr(str(path)), "")
    names: dict[str, torch.nn.Module] = {}
    exec(source, names)
    with torch.inference_mode():
        found = names["model"](torch.tensor(digits.images)).numpy()
    expected = logits_of_scratch(run, digits.images)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_the_lines_are_plain(runs: dict[str, Run]) -> None:
    lines = pytorch_source(runs["planes"].network, Path("digits.pt"), "pt").splitlines()
    modules = [line.strip() for line in lines if line.strip().startswith('("')]
    assert modules == [
        '("standardise", Standardise()),',
        '("0", nn.ZeroPad2d(-2)),',
        '("1", nn.Conv2d(1, 5, 5, stride=2, padding=1)),',
        '("2", nn.BatchNorm2d(5, eps=1e-05, momentum=0.1)),',
        '("3", nn.ReLU()),',
        '("4", nn.AvgPool2d(2)),',
        '("5", nn.Conv2d(5, 6, 3, stride=1, padding=1)),',
        '("6", nn.Tanh()),',
        '("7", nn.MaxPool2d(2)),',
        '("8", nn.Flatten()),',
        '("9", nn.Dropout(0.3)),',
        '("10", nn.Linear(24, 9)),',
        '("11", nn.BatchNorm1d(9, eps=0.001, momentum=0.1)),',
        '("12", nn.Sigmoid()),',
        '("13", nn.Linear(9, 10)),',
    ]
    assert 'model.load_state_dict(torch.load("digits.pt", weights_only=True))' in lines


def test_pt_and_safetensors_hold_the_parameters_by_pytorchs_names(run: Run, tmp_path: Path) -> None:
    state = torch.load(write(run, "pt", tmp_path / "a.pt"), weights_only=True)
    arrays = load_safetensors(FORMATS["safetensors"].write(run, Options()))
    assert set(state) == set(arrays) == {"standardise.mean", "standardise.std", *run.params}
    for name, array in run.params.items():
        np.testing.assert_array_equal(state[name].numpy(), array)
        np.testing.assert_array_equal(arrays[name], array)
    assert state["standardise.mean"] == np.float32(run.network.standardise.mean)


def test_parameters_in_other_memory_orders_and_precisions_are_written_as_float32(
    runs: dict[str, Run], digits: Dataset, tmp_path: Path
) -> None:
    run = runs["classic"]
    odd = {name: np.asfortranarray(p.astype(np.float64)) for name, p in run.params.items()}
    for name in ("safetensors", "pt", "npz", "pickle", "onnx", "h"):
        expected = FORMATS[name].write(run, Options())
        assert FORMATS[name].write(replace(run, params=odd), Options()) == expected


def test_an_npz_file_holds_plain_arrays_and_the_description(
    run: Run, digits: Dataset, tmp_path: Path
) -> None:
    with np.load(write(run, "npz", tmp_path / "a.npz"), allow_pickle=False) as file:
        arrays = dict(file)
    assert Network.from_json(json.loads(str(arrays.pop("network")))) == run.network
    assert set(arrays) == {"standardise.mean", "standardise.std", *run.params}
    assert all(array.dtype == np.float32 for array in arrays.values())


def sigmoid(x: ndarray) -> ndarray:
    return 1 / (1 + np.exp(-x))


def test_a_pickle_of_one_hidden_layer_has_the_layout_of_the_course(
    runs: dict[str, Run], digits: Dataset, tmp_path: Path
) -> None:
    blind = {**runs["classic"].params}
    blind["1.weight"] = blind["1.weight"] * (np.arange(784) % 5 > 0)
    run = replace(runs["classic"], params=blind)
    p = load_pickle(write(run, "pickle", tmp_path / "a.pickle"))
    x = (digits.images.reshape(600, 784) - p["standardise"]["mean"]) / p["standardise"]["std"]
    seen = x[:, p["selected_features"]]
    assert (seen.shape, p["n_hidden"], p["lambda"]) == ((600, 627), 12, 0.5)
    ones = np.ones((600, 1))
    hidden = sigmoid(np.hstack([seen, ones]) @ p["w1"].T)
    found = np.hstack([hidden, ones]) @ p["w2"].T
    np.testing.assert_allclose(found, logits_of_scratch(run, digits.images), rtol=0, atol=1e-4)


def test_a_pickle_holds_only_arrays_and_built_in_types(run: Run, tmp_path: Path) -> None:
    value = pickle.loads(write(run, "pickle", tmp_path / "a.pickle").read_bytes())
    for name, array in run.params.items():
        np.testing.assert_array_equal(value["parameters"][name], array)
    assert ("w1" in value) == (run.recipe == "classic")
    assert Network.from_json(value["network"]) == run.network


@pytest.mark.parametrize("name", ["w1", "w2", "selected_features"])
def test_a_pickle_that_contradicts_itself_is_refused(
    name: str, runs: dict[str, Run], tmp_path: Path
) -> None:
    path = write(runs["classic"], "pickle", tmp_path / "a.pickle")
    value = load_pickle(path)
    value[name] = value[name] + 1
    save_pickle(path, value)
    with pytest.raises(FormatError, match=f"'{name}' contradicts 'parameters'"):
        FORMATS["pickle"].load(path, runs["classic"])


@pytest.mark.parametrize(
    "value",
    [
        [1, 2],
        {},
        {"standardise": {"mean": "0", "std": 1.0}, "parameters": {}},
        {"standardise": {"mean": 1, "std": 2.0}, "parameters": {"0.weight": 3}},
        {"standardise": {"mean": 1, "std": 2.0}, "parameters": {0: np.ones(2)}},
        {"standardise": {"mean": 1, "std": 2.0}, "parameters": {"0.weight": np.ones(2)}},
    ],
)
def test_pickles_of_other_values_are_refused(value, runs: dict[str, Run], tmp_path: Path) -> None:
    path = tmp_path / "other.pickle"
    save_pickle(path, value)
    with pytest.raises(FormatError, match=r"other\.pickle: "):
        FORMATS["pickle"].load(path, runs["classic"])


class Harmful:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["pickle", "pt", "npz"])
def test_code_in_a_file_is_not_run(name: str, runs: dict[str, Run], tmp_path: Path) -> None:
    path, trace = tmp_path / f"harmful.{name}", tmp_path / "trace"
    if name == "npz":
        with path.open("wb") as file:
            np.savez(file, **{"1.weight": np.array([Harmful(trace)], object)})
    elif name == "pt":
        torch.save({"1.weight": Harmful(trace)}, path)
    else:
        path.write_bytes(pickle.dumps(Harmful(trace)))
    with pytest.raises(FormatError, match=r"harmful\."):
        FORMATS[name].load(path, runs["classic"])
    assert not trace.exists()


def test_an_npz_file_that_unpacks_to_far_more_is_refused_unread(
    runs: dict[str, Run], tmp_path: Path
) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, **{"1.weight": np.zeros(10**7)})
    assert path.stat().st_size < 200_000
    with pytest.raises(FormatError, match=r"it holds 80,000,\d+ bytes, and the run needs"):
        FORMATS["npz"].load(path, runs["classic"])


@pytest.mark.parametrize("kind", ["pt", "safetensors", "npz"])
def test_a_missing_or_odd_array_is_named(kind: str, runs: dict[str, Run], tmp_path: Path) -> None:
    run = runs["classic"]
    other = replace(run, network=Network((Crop(2), *run.network.layers)))
    lacking = {name: p for name, p in run.params.items() if name != "3.bias"}
    path = write(replace(run, params=lacking), kind, tmp_path / "a")
    with pytest.raises(FormatError, match=r"/a: not an export of this run: .*3\.bias"):
        FORMATS[kind].load(path, run)
    with pytest.raises(FormatError, match=r"/a: not an export of this run: .*"):
        FORMATS[kind].load(path, other)
    assert isinstance(run.network.layers[0], Flatten)
