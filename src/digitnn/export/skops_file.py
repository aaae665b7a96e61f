"""A run as a fitted estimator of scikit-learn in a skops file, which holds no code.

skops writes an object as JSON and .npy files in a zip archive. Loading it makes objects only of
types that scikit-learn, NumPy or the caller vouches for; of digitnn's it needs one, `TRUSTED`.
Axes: n images, h w pixels, f features.
"""

import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

from digitnn.errors import FormatError, MissingExtraError, ShapeError
from digitnn.export.protocol import (
    LoadedExport,
    Options,
    Outputs,
    expected_input,
    single_network,
    takes_features,
)
from digitnn.machine.resources import threads
from digitnn.network.network import DIGITS, Network, Samples
from digitnn.runs.ensembles import Trained
from digitnn.wording import brief, count, error_text

TRUSTED = ("digitnn.estimators.classifiers.ScratchClassifier",)
"""The types that `skops.io.load` must be told to trust."""

MAX_EXTRA_BYTES = 16 << 20
"""More than the description, the classes and the losses of all epochs take."""


def write_skops(trained: Trained, options: Options) -> bytes:
    """Return the run as a fitted `ScratchClassifier`; any engine may have trained it."""
    run = single_network(trained, "skops")
    skops = _skops()
    from digitnn.estimators.from_run import classifier_of

    content: bytes = skops.dumps(classifier_of(run))
    return content


def load_skops(path: Path, trained: Trained) -> LoadedExport:
    """Return the estimator in a skops file; no type but `TRUSTED` is loaded besides plain ones.

    Raises `FormatError` for a file that holds anything else, or a network of another input.
    """
    run = single_network(trained, "skops")
    skops = _skops()
    most = sum(4 * array.size for array in run.params.values()) + MAX_EXTRA_BYTES
    # skops and what it calls raise errors of any class for a damaged file
    try:
        with zipfile.ZipFile(path) as archive:
            if (size := sum(entry.file_size for entry in archive.infolist())) > most:
                raise ValueError(f"it holds {size:,} bytes, and the run needs {most:,} at most")
        estimator = skops.load(path, trusted=list(TRUSTED))
    except Exception as error:
        raise FormatError(
            f"{path}: not a skops file of a digitnn classifier, or a damaged one: "
            f"{error_text(error)}"
        ) from None
    _check_fits(estimator, run.network, path)

    def compute(images: Samples) -> Outputs:
        rows = images.reshape(len(images), -1)
        # of a network that rejects, the run has a probability more than the estimator
        probabilities = None if run.network.rejects else estimator.predict_proba(rows)
        return Outputs(estimator.logits(rows), probabilities)

    engine = f"digitnn's from-scratch engine, {count(threads(), 'thread')}"
    return LoadedExport(compute, f"scikit-learn's interface, {engine}")


def skops_source(network: Network, path: Path) -> str:
    """Return the lines of Python that load `path`, and what the estimator takes."""
    if takes_features(network):
        rows = f"X: (n, {network.input[0]}) features as in the data it was trained on"
    else:
        h, w = network.input[1:]
        rows = f"X: (n, {h * w}) raw pixels, 0 for paper to 255 for ink, {h} x {w} row by row"
    classes = "the digits 0 to 9" if network.labels == DIGITS else brief(list(network.labels))
    trusted = ", ".join(f'"{name}"' for name in TRUSTED)
    return (
        "# needs pip install 'digitnn[skops]'\n"
        "import skops.io\n\n"
        f"model = skops.io.load({str(path)!r}, trusted=[{trusted}])\n"
        f"# {rows}\n"
        f"# y = model.predict(X): {classes}\n"
    )


def _skops() -> Any:
    """Return the module `skops.io`. Raises `MissingExtraError`."""
    try:
        import skops.io
    except ImportError as error:
        missing = "scikit-learn" if error.name == "sklearn" else "skops"
        raise MissingExtraError(missing, "skops", "a skops file") from None
    module: ModuleType = skops.io
    return module


def _check_fits(estimator: Any, network: Network, path: Path) -> None:
    """Raise `FormatError` unless the estimator takes and answers what the run does."""
    from digitnn.estimators.classifiers import ScratchClassifier

    if type(estimator) is not ScratchClassifier:
        raise FormatError(
            f"{path}: expected a digitnn.ScratchClassifier, got {type(estimator).__name__}"
        )
    found: Any = vars(estimator).get("network_")
    if not isinstance(found, Network):
        raise FormatError(f"{path}: not an export of this run: the classifier is not fitted")
    if (found.input, found.labels, found.rejects) != (
        network.input,
        network.labels,
        network.rejects,
    ):
        raise FormatError(
            f"{path}: not an export of this run: expected {expected_input(network)}, classes "
            f"{brief(list(network.labels))}; got {expected_input(found)}, classes "
            f"{brief(list(found.labels))}"
        )
    try:
        found.check(vars(estimator).get("params_", {}))
    except ShapeError as error:
        raise FormatError(f"{path}: not an export of this run: {error}") from None
