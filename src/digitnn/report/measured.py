"""What the page is made of: all that was measured of one run, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digitnn.analysis.comparison.leaderboard import SplitName, Standing
from digitnn.analysis.explain.first_layer import FirstLayer
from digitnn.analysis.explain.maps import ImageMap
from digitnn.analysis.explain.neighbours import Neighbours
from digitnn.analysis.explain.over_epochs import OverEpochs
from digitnn.analysis.explain.saliency import Saliency
from digitnn.analysis.explain.stages import Stages
from digitnn.analysis.robustness.measure import RobustnessResult
from digitnn.data.dataset import Dataset
from digitnn.evaluation.seed_variance import SeedVariance
from digitnn.evaluation.summary import EvaluationSummary
from digitnn.runs.histories import History
from digitnn.runs.protocol import Trained


@dataclass(frozen=True, eq=False)
class Insight:
    """One network looked into. index: of the image that is followed; wrong: whether it is misread.

    weights: None where the first of them see no pixels; hidden: None without a dense layer;
    layout: None where `no_map` says why; over_epochs: likewise, or where no snapshot was kept.
    """

    index: int
    label: int
    wrong: bool
    weights: FirstLayer | None
    stages: Stages
    saliency: Saliency
    hidden: Neighbours | None
    pixels: Neighbours
    layout: ImageMap | None
    no_map: str
    over_epochs: OverEpochs | None
    no_epochs: str


@dataclass(frozen=True)
class SeedResult:
    """One of several runs that differ by seed alone; the one that the page is about or another."""

    path: str
    seeds: str
    n: int
    errors: int
    accuracy: float
    interval: tuple[float, float]
    own: bool


@dataclass(frozen=True)
class Siblings:
    """Runs of the same recipe with other seeds, on the same images."""

    seeds: tuple[SeedResult, ...]
    standing: Standing
    variance: SeedVariance


@dataclass(frozen=True, eq=False)
class Measurements:
    """All of it. reads, test_reads: how often this run has read this split, and the test split.

    robustness: None if it was not asked for; insight: None for an ensemble; siblings: None where
    there are none, left_out: (run, why) of those that were named. command, when, seconds, machine:
    of the making of this page.
    """

    run: Trained
    split: SplitName
    dataset: Dataset
    evaluation_summary: EvaluationSummary
    reads: int
    test_reads: int
    robustness: RobustnessResult | None
    insight: Insight | None
    histories: tuple[History, ...]
    siblings: Siblings | None
    left_out: tuple[tuple[str, str], ...]
    command: str
    when: str
    seconds: float
    machine: Mapping[str, Any]


@dataclass(frozen=True)
class PageRequest:
    """What a user asks of a page. robustness_images: 0 for none; beside: other runs, or folders of
    runs; command: as it was typed."""

    split: SplitName
    data_dir: Path | None
    robustness_images: int
    beside: Sequence[Path]
    command: str
