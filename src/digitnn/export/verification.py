"""Compare what an exported file computes with the logits of the run itself.

The reference is the from-scratch engine. One function verifies all formats; the result is a table.
Axes: n images, k classes.
"""

from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from digitnn.errors import ExportError
from digitnn.evaluation.evaluation import log_softmax
from digitnn.export.protocol import LoadedExport, Outputs
from digitnn.network.network import Network, Samples
from digitnn.runs.ensembles import Ensemble, Trained
from digitnn.wording import percent

TOLERANCE = 1e-4
"""The largest difference of logits and probabilities that summing in another order explains."""
TOLERATED_UP_TO = 100.0
"""Beyond this size of the logits the tolerance grows with them, as float32's rounding does."""
MIN_EQUAL_WHEN_ROUNDED = 0.99
"""The share of answers that must survive the rounding of the weights."""
BLOCK_NUMBERS = 500 * 784
"""Pixels or features computed at once: the activations of larger blocks would take a gigabyte."""


@dataclass(frozen=True)
class Agreement:
    """How two classifiers agree: equal answers, and the largest difference of their logits."""

    equal: int
    largest_difference: float


@dataclass(frozen=True)
class Conformance:
    """The result of a verification over n images.

    agreement: with the network whose weights are as the file holds them; rounding: that network's
    with the run, if its weights are rounded; probabilities: the largest difference of
    probabilities, if the file computes them; tolerance: the largest difference allowed;
    file_bytes, sizes: in bytes.
    """

    format: str
    runtime: str
    n: int
    agreement: Agreement
    tolerance: float
    file_bytes: int
    images_per_second: float
    rounding: Agreement | None = None
    probabilities: float | None = None
    sizes: dict[str, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether all answers are equal and all differences within the tolerance."""
        differences = [self.agreement.largest_difference, self.probabilities or 0.0]
        enough = self.rounding is None or self.rounding.equal >= MIN_EQUAL_WHEN_ROUNDED * self.n
        # not of NaN
        close = all(difference <= self.tolerance for difference in differences)
        return self.agreement.equal == self.n and close and enough

    def rows(self) -> list[tuple[str, str]]:
        """Return the table: what was measured, and the value."""
        n, found = self.n, self.agreement
        rows = [
            ("format", self.format),
            ("run by", self.runtime),
            ("answers equal", f"{found.equal:,} of {n:,}"),
            (
                "largest difference of logits",
                f"{found.largest_difference:.1e} (at most {self.tolerance:.1e})",
            ),
        ]
        if self.probabilities is not None:
            rows.append(("largest difference of probabilities", f"{self.probabilities:.1e}"))
        if (rounded := self.rounding) is not None:
            rows += [
                ("answers equal before and after rounding", f"{rounded.equal:,} of {n:,}"),
                ("largest difference by rounding", f"{rounded.largest_difference:.1e}"),
            ]
        rows += [(f"{name}, bytes", f"{size:,}") for name, size in self.sizes.items()]
        return [
            *rows,
            ("size, bytes", f"{self.file_bytes:,}"),
            ("images a second", f"{self.images_per_second:,.0f}"),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the values of the table for programs."""
        return {
            "runtime": self.runtime,
            "n": self.n,
            "equal": self.agreement.equal,
            "largest_difference": self.agreement.largest_difference,
            "tolerance": self.tolerance,
            "probabilities_difference": self.probabilities,
            "rounding": vars(self.rounding) if self.rounding else None,
            "bytes": self.file_bytes,
            "memory_bytes": self.sizes,
            "images_per_second": self.images_per_second,
        }


def verify(
    loaded: LoadedExport,
    trained: Trained,
    images: Samples,
    path: Path,
    format_name: str,
) -> Conformance:
    """Run the exported file at `path` over `images` and compare it with `trained`.

    Raises `ExportError` for outputs of other shapes.
    """
    stored = loaded.stored or trained
    expected = stored.classifier("scratch").logits(images)
    found, seconds = _run(loaded, images)
    _check_shape(f"{path}: logits", found.logits, expected)
    rounding = None
    if loaded.stored:
        rounding = _agreement(expected, trained.classifier("scratch").logits(images))
    return Conformance(
        format_name,
        loaded.runtime,
        len(images),
        _agreement(found.logits, expected),
        TOLERANCE * max(1.0, float(np.abs(expected).max()) / TOLERATED_UP_TO),
        path.stat().st_size,
        len(images) / seconds,
        rounding,
        _probability_difference(path, found.probabilities, trained, images),
        dict(loaded.sizes),
    )


def require_passed(conformance: Conformance, name: str) -> None:
    """Raise `ExportError`, with the figures, unless the verification passed."""
    if conformance.passed:
        return
    found = conformance.agreement
    parts = [
        f"{found.equal:,} of {conformance.n:,} answers are equal",
        f"logits differ by up to {found.largest_difference:.1e} "
        f"({conformance.tolerance:.1e} allowed)",
    ]
    if conformance.probabilities is not None:
        parts.append(f"probabilities by up to {conformance.probabilities:.1e}")
    if conformance.rounding is not None:
        share = percent(conformance.rounding.equal / conformance.n)
        parts.append(f"rounding the weights keeps {share} of the answers")
    raise ExportError(f"{name} does not compute what the run computes: {', '.join(parts)}")


def _run(loaded: LoadedExport, images: Samples) -> tuple[Outputs, float]:
    """Return the outputs, block by block, and the seconds that they took."""
    start = perf_counter()
    size = max(1, BLOCK_NUMBERS // prod(images.shape[1:]))
    blocks = [loaded.run(images[at : at + size]) for at in range(0, len(images), size)]
    seconds = perf_counter() - start
    logits = np.concatenate([block.logits for block in blocks])
    probabilities = [block.probabilities for block in blocks if block.probabilities is not None]
    return Outputs(logits, np.concatenate(probabilities) if probabilities else None), seconds


def _check_shape(what: str, found: ndarray, expected: ndarray) -> None:
    if found.shape != expected.shape:
        raise ExportError(f"{what} must have the shape {expected.shape}, got {found.shape}")


def _agreement(found: Float32[ndarray, "n k"], expected: Float32[ndarray, "n k"]) -> Agreement:
    equal = int((found.argmax(axis=1) == expected.argmax(axis=1)).sum())
    return Agreement(equal, float(np.abs(found - expected).max()))


def _probabilities(
    network: Network, logits: Float32[ndarray, "n k"], rejects: bool
) -> Float32[ndarray, "n c"]:
    """Return softmax(z / T), with rejects softmax([z / T, 0]) for a network that rejects.

    One that does not gives the last class, "no digit", probability 0 then.
    """
    z = logits / np.float32(network.temperature)
    if rejects:
        fill = np.float32(0 if network.rejects else -np.inf)
        z = np.pad(z, ((0, 0), (0, 1)), constant_values=fill)
    return np.exp(log_softmax(z))


def _probability_difference(
    path: Path,
    found: Float32[ndarray, "n c"] | None,
    trained: Trained,
    images: Samples,
) -> float | None:
    """Return the largest difference from the run's probabilities; None if there are none."""
    if found is None:
        return None
    runs = trained.members if isinstance(trained, Ensemble) else (trained,)
    rejects = any(run.network.rejects for run in runs)
    each = [
        _probabilities(run.network, run.classifier("scratch").logits(images), rejects)
        for run in runs
    ]
    expected = np.mean(each, axis=0)
    _check_shape(f"{path}: probabilities", found, expected)
    return float(np.abs(found - expected).max())
