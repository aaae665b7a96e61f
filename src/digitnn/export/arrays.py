"""Parameters as plain arrays by name, together with the standardisation: .npz and .pickle.

    standardise.mean, standardise.std    () float32, in units of a pixel or feature
    0.weight, 0.bias, ...                float32, named and shaped as in PyTorch
    network                              the description, as JSON text

The pickle holds the same in the layout of `params.pickle` (see `run_to_plain`), where a network
with one hidden layer of sigmoid units also has w1, w2 and selected_features.
"""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy import ndarray

from digitnn.analysis.comparison.results_folder import run_to_plain
from digitnn.engines.find import find_engine
from digitnn.errors import FormatError, NetworkError
from digitnn.export.protocol import (
    LoadedExport,
    Options,
    Outputs,
    expected_input,
    single_network,
)
from digitnn.machine.resources import threads
from digitnn.network.network import Network, Standardise
from digitnn.pickles.loading import load_pickle, save_pickle
from digitnn.runs.ensembles import Trained
from digitnn.runs.run import Run
from digitnn.wording import count, error_text

MEAN, STD = "standardise.mean", "standardise.std"
DESCRIPTION = "network"
MAX_EXTRA_BYTES = 1 << 20
"""More than the description and the headers of the arrays take."""


def named_arrays(run: Run) -> dict[str, ndarray]:
    """Return the standardisation and the parameters by name, as float32 in C order."""
    standard = {MEAN: run.network.standardise.mean, STD: run.network.standardise.std}
    return {
        name: np.array(value, np.float32, order="C")
        for name, value in {**standard, **run.params}.items()
    }


def split_arrays(
    arrays: Mapping[str, ndarray], network: Network, path: Path
) -> tuple[Network, dict[str, ndarray]]:
    """Return `network` with the standardisation in `arrays`, and the parameters.

    Raises `FormatError` if they are not those of the network's description.
    """
    try:
        params = {name: value for name, value in arrays.items() if name not in (MEAN, STD)}
        network.check(params)
        for name in (MEAN, STD):
            if name not in arrays or arrays[name].shape != () or arrays[name].dtype.kind != "f":
                raise NetworkError(f"it lacks the number {name}")
        pixels = Standardise(float(arrays[MEAN]), float(arrays[STD]))
    except NetworkError as error:
        raise FormatError(f"{path}: not an export of this run: {error}") from None
    return replace(network, standardise=pixels), params


def write_npz(trained: Trained, options: Options) -> bytes:
    """Return the arrays as an uncompressed .npz file."""
    run = single_network(trained, "npz")
    arrays: dict[str, Any] = dict(named_arrays(run))
    arrays[DESCRIPTION] = np.array(json.dumps(run.network.to_json()))
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def load_npz(path: Path, trained: Trained) -> LoadedExport:
    """Return the network in an .npz file, on the from-scratch engine."""
    run = single_network(trained, "npz")
    expected = set(named_arrays(run))
    most = sum(4 * array.size for array in named_arrays(run).values()) + MAX_EXTRA_BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            if (size := sum(entry.file_size for entry in archive.infolist())) > most:
                raise ValueError(f"it holds {size:,} bytes, and the run needs {most:,} at most")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name != DESCRIPTION}
    except (ValueError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile, KeyError) as error:
        raise FormatError(
            f"{path}: not an .npz file of plain arrays, or a damaged one: {error_text(error)}"
        ) from None
    if odd := sorted(expected ^ arrays.keys()):
        what = "lacks" if odd[0] in expected else "has the unknown array"
        raise FormatError(f"{path}: not an export of this run: it {what} {odd[0]!a}")
    return _on_scratch(*split_arrays(arrays, run.network, path))


def write_pickle(trained: Trained, options: Options) -> bytes:
    """Return the run as a pickle of NumPy arrays and built-in types."""
    run = single_network(trained, "pickle")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "params.pickle"
        about = {"input": expected_input(run.network), "labels": list(run.network.labels)}
        save_pickle(path, _plain(run) | about | {DESCRIPTION: run.network.to_json()})
        return path.read_bytes()


def load_pickle_export(path: Path, trained: Trained) -> LoadedExport:
    """Return the network in a pickle, on the from-scratch engine; w1 and w2 must agree with it."""
    run = single_network(trained, "pickle")
    value = load_pickle(path)
    match value:
        case {
            "standardise": {"mean": int() | float() as mean, "std": int() | float() as std},
            "parameters": dict(params),
        }:
            pixels = {MEAN: np.array(float(mean)), STD: np.array(float(std))}
        case _:
            raise FormatError(f"{path}: expected a dictionary with 'standardise' and 'parameters'")
    if not all(type(key) is str and type(array) is ndarray for key, array in params.items()):
        raise FormatError(f"{path}: 'parameters' must map names to arrays")
    network, params = split_arrays({**params, **pixels}, run.network, path)
    again = _plain(replace(run, network=network, params=params))
    for name in ("w1", "w2", "selected_features"):
        if name in again and not np.array_equal(again[name], value.get(name)):
            raise FormatError(f"{path}: {name!r} contradicts 'parameters'")
    return _on_scratch(network, params)


def _plain(run: Run) -> dict[str, Any]:
    params = {name: array for name, array in named_arrays(run).items() if name not in (MEAN, STD)}
    return run_to_plain(replace(run, params=params))


def _on_scratch(network: Network, params: Mapping[str, ndarray]) -> LoadedExport:
    classifier = find_engine("scratch").classifier(network, params)
    runtime = f"digitnn's from-scratch engine, {count(threads(), 'thread')}"
    return LoadedExport(lambda images: Outputs(classifier.logits(images)), runtime)
