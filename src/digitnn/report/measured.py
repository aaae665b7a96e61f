"""The measurements that a page shows, as values."""

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
from digitnn.evaluation.evaluation import Evaluation
from digitnn.evaluation.seed_variance import SeedVariance
from digitnn.evaluation.summary import EvaluationSummary
from digitnn.runs.ensembles import Trained
from digitnn.runs.histories import History


@dataclass(frozen=True, eq=False)
class Insight:
    """What one network has learned, and how it classifies one example image.

    index, label, wrong: the example's position, label, and whether it is misclassified; weights:
    None if the first weights see no pixels; hidden: None without a dense layer; layout: None with
    the reason in `no_map`; over_epochs: None with the reason in `no_epochs`, or without snapshots.
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
    """One of several runs that differ only in the seed. own: the run that the page is about."""

    path: str
    seeds: str
    evaluation: Evaluation
    own: bool


@dataclass(frozen=True)
class Siblings:
    """Runs of the same recipe with other seeds, evaluated on the same images."""

    seeds: tuple[SeedResult, ...]
    standing: Standing
    variance: SeedVariance


@dataclass(frozen=True, eq=False)
class Measurements:
    """Everything that was measured for a page.

    reads, test_reads: how often this run has been evaluated on this split and on the test split;
    robustness: None if not asked for; insight: None for an ensemble; siblings: None if there are
    none; left_out: (run, reason) of named runs that are no siblings; command, when, seconds,
    machine: how the page was made.
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
    """What a user asks for. robustness_images: 0 for none; beside: other runs or folders of runs;
    command: as it was typed."""

    split: SplitName
    data_dir: Path | None
    robustness_images: int
    beside: Sequence[Path]
    command: str
