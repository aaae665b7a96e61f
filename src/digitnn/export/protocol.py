"""What a format is: a function that writes a run as bytes, and one that loads the file again.

Every file takes raw pixels, uint8, 0 for paper to 255 for ink, or float32 features where the
network takes these. The standardisation is part of it.
Axes: n images, h w pixels, f features, k classes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from jaxtyping import Float32
from numpy import ndarray

from digitnn.errors import ExportError
from digitnn.network.layers import Layer
from digitnn.network.network import Network, Samples
from digitnn.runs.ensembles import Ensemble, Trained
from digitnn.runs.run import Run

Weights: TypeAlias = Literal["int8", "float32"]


@dataclass(frozen=True)
class Options:
    """Choices that only some formats offer.

    probabilities: whether the file computes probabilities too; weights: how weights are stored;
    unverified: whether to write a file that cannot be run here.
    """

    probabilities: bool = False
    weights: Weights | None = None
    unverified: bool = False


@dataclass(frozen=True, eq=False)
class Outputs:
    """What an exported file computes for n images; not every file computes probabilities."""

    logits: Float32[ndarray, "n k"]
    probabilities: Float32[ndarray, "n c"] | None = None


@dataclass(frozen=True, eq=False)
class LoadedExport:
    """An exported file, ready to run.

    run: computes the outputs of images (n, h, w) or features (n, f); runtime: the program that
    does it;
    stored: the run with its weights as the file holds them, if they are rounded;
    sizes: other sizes in bytes, by what they are the sizes of.
    """

    run: Callable[[Samples], Outputs]
    runtime: str
    stored: Run | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """A format. summary: what a file holds, for help and documentation.

    write: returns the file's content; load: reads a file as an export of that run, and raises
    `FormatError` for any other file; ensembles: whether it holds several networks; options: the
    fields of `Options` that it has; why_unverifiable: returns why no file can be run here, or None.
    """

    name: str
    summary: str
    write: Callable[[Trained, Options], bytes]
    load: Callable[[Path, Trained], LoadedExport]
    ensembles: bool = False
    options: tuple[str, ...] = ()
    why_unverifiable: Callable[[], str | None] = lambda: None


def takes_features(network: Network) -> bool:
    """Tell whether a network takes float32 features (n, f) rather than uint8 images (n, h, w)."""
    return len(network.input) == 1


def expected_input(network: Network) -> str:
    """Return what every export of `network` expects, in words."""
    if takes_features(network):
        return f"float32, {network.input[0]} features as in the data it was trained on"
    h, w = network.input[1:]
    return f"raw uint8, 0 for paper to 255 for ink, {h} x {w} row by row"


def single_network(trained: Trained, format_name: str) -> Run:
    """Return the run of one network. Raises `ExportError` for an ensemble."""
    if isinstance(trained, Ensemble):
        raise ExportError(
            f"{format_name} holds one network, and {trained.path} is an ensemble of "
            f"{len(trained.members)}: export to onnx, or one of {trained.path / 'members'}"
        )
    return trained


def unsupported(index: int, layer: Layer, format_name: str) -> ExportError:
    """Return the error for a layer that a format cannot hold."""
    return ExportError(f"layer {index}: {layer} cannot be exported to {format_name}")
