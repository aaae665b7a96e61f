"""Measure all that a page shows: accuracy, robustness, what the network learned, other seeds."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray
from threadpoolctl import threadpool_limits

from digitnn.analysis.comparison.leaderboard import (
    RunSummary,
    SplitName,
    find_runs,
    rank,
    summarise_run,
)
from digitnn.analysis.explain.first_layer import first_layer
from digitnn.analysis.explain.maps import ImageMap, map_images
from digitnn.analysis.explain.neighbours import nearest_by_features, nearest_by_pixels
from digitnn.analysis.explain.over_epochs import has_snapshots, weights_over_epochs
from digitnn.analysis.explain.saliency import saliency
from digitnn.analysis.explain.stages import stages_of
from digitnn.analysis.robustness.corruptions.suite import CORRUPTIONS
from digitnn.analysis.robustness.measure import Record, StageStart, measure_robustness
from digitnn.data.dataset import Dataset
from digitnn.engines.scratch.engine import hidden_features
from digitnn.errors import DataError, MissingExtraError, NetworkError, RunError
from digitnn.evaluation.evaluation import Evaluation, evaluate
from digitnn.evaluation.seed_variance import partition_variance
from digitnn.evaluation.summary import EvaluationSummary
from digitnn.machine.blas import one_core_blas
from digitnn.machine.describe import describe_machine
from digitnn.report.measured import Insight, Measurements, PageRequest, SeedResult, Siblings
from digitnn.runs.ensembles import Trained, load_run
from digitnn.runs.evaluate_run import evaluate_and_record, evaluate_run, load_split_of
from digitnn.runs.experiment import load_training_data_of
from digitnn.runs.histories import History, read_histories
from digitnn.runs.run import Run
from digitnn.wording import Notify, count

MAX_MAP_IMAGES_ON_PAGE = 1000
"""t-SNE takes three seconds for this many images on one core."""


def measure_run(run: Trained, wanted: PageRequest, notify: Notify) -> Measurements:
    """Measure everything that the page about `run` shows; the evaluation is recorded in the run.

    notify: gets a line before each part of the work. Raises as `evaluate` does, and `RunError`.
    """
    start = perf_counter()
    others, left_out = find_siblings(run, wanted.beside)
    classifier = run.classifier()
    dataset = load_split_of(run, wanted.split, wanted.data_dir)
    notify(f"evaluating {count(len(dataset), 'image')} of the {wanted.split} split")
    recorded = evaluate_run(run, wanted.split, dataset, classifier, wanted.data_dir)
    evaluation_summary = recorded.summary
    robustness = None
    if wanted.robustness_images:
        part = dataset[: min(wanted.robustness_images, len(dataset))]
        unchanged = evaluate(classifier, part)
        robustness = measure_robustness(
            run, classifier, part, unchanged, lambda record: _announce(record, notify)
        )
    insight = _insight(run, dataset, evaluation_summary, wanted, notify)
    siblings = measure_siblings(run, others, recorded.evaluation, dataset, wanted.split, notify)
    return Measurements(
        run=run,
        split=wanted.split,
        dataset=dataset,
        evaluation_summary=evaluation_summary,
        reads=recorded.reads,
        test_reads=recorded.test_reads,
        robustness=robustness,
        insight=insight,
        histories=_histories(run),
        siblings=siblings,
        left_out=left_out,
        command=wanted.command,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=perf_counter() - start,
        machine=describe_machine(),
    )


def _announce(record: Record, notify: Notify) -> None:
    """Print a line when a part of the robustness measurement starts."""
    if isinstance(record, StageStart):
        n = count(record.n, "image")
        notify(
            {
                "corruptions": f"{len(CORRUPTIONS)} corruptions of {n}",
                "sweeps": f"shifts, rotations, sizes and thicknesses of {n}",
                "attacks": f"adversarial attacks on {n}",
            }[record.stage]
        )


def _insight(
    run: Trained,
    dataset: Dataset,
    evaluation_summary: EvaluationSummary,
    wanted: PageRequest,
    notify: Notify,
) -> Insight | None:
    """Examine the network with its most confident mistake as an example; None for an ensemble."""
    if not isinstance(run, Run):
        return None
    data, network, params = run.about["data"], run.network, run.params
    notify("examining the network")
    train = load_training_data_of(data, wanted.data_dir).learned
    predictions = evaluation_summary.evaluation.predictions
    mistakes = evaluation_summary.most_wrong
    index = mistakes[0].index if mistakes else 0
    image, label = dataset.images[index], int(dataset.labels[index])
    part = slice(MAX_MAP_IMAGES_ON_PAGE)
    layout, no_map = _map(run, dataset[part], predictions[part])
    weights, hidden, over_epochs, no_epochs = None, None, None, ""
    with suppress(NetworkError):
        weights = first_layer(network, params)
    with suppress(NetworkError):
        one = hidden_features(network, params, image[None])[0]
        hidden = nearest_by_features(hidden_features(network, params, train.images), one, train)
    if has_snapshots(run):
        try:
            over_epochs = weights_over_epochs(run)
        except RunError as error:
            no_epochs = f"No weights over the epochs: {error}."
    return Insight(
        index=index,
        label=label,
        wrong=bool(predictions[index] != label),
        weights=weights,
        stages=stages_of(network, params, image),
        saliency=saliency(network, params, image),
        hidden=hidden,
        pixels=nearest_by_pixels(image, train),
        layout=layout,
        no_map=no_map,
        over_epochs=over_epochs,
        no_epochs=no_epochs,
    )


def _histories(run: Trained) -> tuple[History, ...]:
    """Return the histories that can be drawn; without any if one is damaged."""
    try:
        found = read_histories(run.path)
    except RunError:
        return ()
    return tuple(history for history in found if history.records)


def _map(run: Run, some: Dataset, predictions: UInt8[ndarray, " n"]) -> tuple[ImageMap | None, str]:
    """Return the map of the last hidden layer's features, or the reason why there is none."""
    try:
        features = hidden_features(run.network, run.params, some.images)
        if not np.ptp(features, axis=0).any():
            return None, "No map: the last hidden layer gives every image the same features."
        # t-SNE runs a thousand short parallel loops, which take a minute on two busy cores
        with one_core_blas, threadpool_limits(1, user_api="openmp"):
            return map_images(features, some.labels, predictions, "t-SNE"), ""
    except (NetworkError, DataError, MissingExtraError) as error:
        return None, f"No map: {error}."


LeftOut = tuple[tuple[str, str], ...]


def find_siblings(run: Trained, beside: Sequence[Path]) -> tuple[list[RunSummary], LeftOut]:
    """Return the siblings of `run` among runs and folders of runs, each seed once, and the rest.

    The rest are (run, reason). Raises `RunError` for a path that is neither, or a damaged run: call
    it before evaluating anything.
    """
    siblings: list[RunSummary] = []
    left_out = []
    own = summarise_run(run.path)
    taken = set(own.seeds)
    for path in find_runs(beside) if beside else ():
        if path.resolve() == own.path.resolve():
            continue
        entry = summarise_run(path)
        if reason := _reason_against(entry, own, taken):
            left_out.append((str(path), reason))
        else:
            siblings.append(entry)
            taken |= set(entry.seeds)
    return siblings, tuple(left_out)


def measure_siblings(
    run: Trained,
    others: Sequence[RunSummary],
    evaluation: Evaluation,
    dataset: Dataset,
    split: SplitName,
    notify: Notify,
) -> Siblings | None:
    """Compare `run` with its siblings `others`; None if there are none.

    evaluation: of `run` on `dataset`; the siblings are evaluated on it too, which each records.
    """
    if not others:
        return None
    own = summarise_run(run.path)
    seeds, right = [_seed_result(own, evaluation, True)], [evaluation.predictions == dataset.labels]
    for other in others:
        notify(f"evaluating {other.path} on the same images")
        found = evaluate_and_record(load_run(other.path), split, dataset)
        seeds.append(_seed_result(other, found, False))
        right.append(found.predictions == dataset.labels)
    noted = [own, *(summarise_run(other.path) for other in others)]
    answers: Bool[ndarray, "m n"] = np.array(right)
    return Siblings(
        seeds=tuple(sorted(seeds, key=lambda seed: -seed.evaluation.accuracy)),
        standing=rank(noted, split).standings[0],
        variance=partition_variance(answers),
    )


def _reason_against(entry: RunSummary, own: RunSummary, taken: set[int]) -> str | None:
    if entry.recipe != own.recipe or entry.engine != own.engine:
        return f"its recipe is {entry.recipe}, on {entry.engine}"
    if entry.settings != own.settings:
        return "it was trained with other settings or on other data"
    if not (entry.complete and own.complete):
        return "one of the two was not trained to the end"
    if shared := taken & set(entry.seeds):
        return f"seed {min(shared)} is already included"
    return None


def _seed_result(entry: RunSummary, evaluation: Evaluation, own: bool) -> SeedResult:
    return SeedResult(str(entry.path), ", ".join(map(str, entry.seeds)), evaluation, own)
