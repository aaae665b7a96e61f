"""The networks that are served: those of the package, and runs of the user's own.

Axes: n images, k digits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float32, UInt8
from numpy import ndarray

from digitnn.analysis.explain.stages import stage_shapes
from digitnn.data.dataset import NON_DIGIT
from digitnn.engines.find import engines_installed, find_engine
from digitnn.errors import RunError
from digitnn.network.network import Classifier, Network
from digitnn.network.storage.saved_network import load_network
from digitnn.reader.digit_classifier import SHIPPED_FOLDER as READER_FOLDER
from digitnn.reader.digit_classifier import (
    ClassifyImages,
    image_classifier,
    probabilities,
    require_digits,
)
from digitnn.runs.run import load_single_run

SHIPPED_FOLDER = Path(__file__).parent / "shipped"
"""Small networks that are served without training; written by `tools.ship_served`."""

SHIPPED = (
    ("reader", READER_FOLDER, "reads real pictures and rejects what is not a digit"),
    ("classic", SHIPPED_FOLDER / "classic", "one hidden layer of 100 sigmoid units"),
    ("cnn", SHIPPED_FOLDER / "cnn", "two convolutions with ReLU and max-pooling, 128 units"),
)
"""Name, folder and summary of the networks of the package."""


@dataclass(frozen=True)
class Source:
    """Where a served network lies, and what it is called."""

    name: str
    folder: Path
    summary: str

    def to_json(self) -> dict[str, str]:
        """Return the fields as JSON values."""
        return {"name": self.name, "folder": str(self.folder), "summary": self.summary}

    @classmethod
    def from_json(cls, value: Mapping[str, str]) -> "Source":
        """Return the source that `to_json` described."""
        return cls(value["name"], Path(value["folder"]), value["summary"])


def find_sources(runs: Sequence[Path]) -> tuple[Source, ...]:
    """Return the networks of the package, then the runs, each with a name of its own.

    Raises `RunError` for what is no run of one network.
    """
    found = [Source(*shipped) for shipped in SHIPPED]
    for run in runs:
        load_single_run(run)  # says what is wrong; each worker loads it again
        found.append(source_of(run, [source.name for source in found]))
    return tuple(found)


def source_of(run: Path, taken: Sequence[str]) -> Source:
    """Return a run as a source; its name is that of its folder, numbered if it is taken."""
    base = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in run.name)
    base = base.strip(".") or "run"
    names = [base, *(f"{base}-{n}" for n in range(2, len(taken) + 3))]
    name = next(name for name in names if name not in taken)
    return Source(name, run, f"a run in {run}")


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A network and its classifier on each engine."""

    source: Source
    network: Network
    params: Mapping[str, ndarray]
    classifiers: Mapping[str, Classifier]

    @classmethod
    def load(cls, source: Source) -> "ServedModel":
        """Load a network. Raises `RunError`."""
        network, params = load_network(source.folder)
        require_digits(network)
        engines = {
            name: find_engine(name).classifier(network, params) for name in engines_installed()
        }
        return cls(source, network, params, engines)

    def logits(
        self, images: UInt8[ndarray, "n 28 28"], engine: str = "scratch"
    ) -> Float32[ndarray, "n k"]:
        """Return a row of logits per image. Raises `RunError` for an engine not installed."""
        if engine not in self.classifiers:
            known = ", ".join(self.classifiers)
            raise RunError(f"engine {engine!r} is not available; available: {known}")
        return self.classifiers[engine].logits(images)

    @property
    def classify(self) -> ClassifyImages:
        """What the reader takes: images to probabilities, by the from-scratch engine."""
        return image_classifier(self.network, self.classifiers["scratch"])

    def probabilities(self, logits: Float32[ndarray, "n k"]) -> Float32[ndarray, "n p"]:
        """Return the probabilities of the digits, and last of "no digit" if it rejects."""
        p = probabilities(self.network, logits)
        return p if self.network.rejects else p[:, :NON_DIGIT]


def describe(source: Source) -> dict[str, Any]:
    """Return what the page and the API tell of a served network. Raises `RunError`."""
    network, _ = load_network(source.folder)
    require_digits(network)
    return {
        "name": source.name,
        "summary": source.summary,
        "parameters": network.parameter_count(),
        "engines": list(engines_installed()),
        "rejects": network.rejects,
        "stages": [{"name": name, "shape": list(shape)} for name, shape in stage_shapes(network)],
    }
