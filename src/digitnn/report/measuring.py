"""All the work of a page: a network evaluated, changed images read, its inside looked at."""

from datetime import UTC, datetime
from time import perf_counter

from digitnn.analysis.robustness.corruptions.suite import CORRUPTIONS
from digitnn.analysis.robustness.measure import Record, StageStart, measure_robustness
from digitnn.data.dataset import Dataset
from digitnn.errors import RunError
from digitnn.evaluation.evaluation import evaluate
from digitnn.evaluation.summary import EvaluationSummary, summarise_evaluation
from digitnn.machine.describe import describe_machine
from digitnn.report.inside import look_inside
from digitnn.report.measured import Insight, Measurements, Wanted
from digitnn.report.siblings import find_siblings, measure_siblings
from digitnn.runs.experiment import load_split_of, load_training_data
from digitnn.runs.histories import History, read_histories
from digitnn.runs.protocol import Trained
from digitnn.runs.readings import count_readings, read_readings, record_reading
from digitnn.runs.run import Run
from digitnn.wording import Notify, count


def measure(run: Trained, wanted: Wanted, notify: Notify) -> Measurements:
    """All that a page says of `run`; the reading of the split is noted in it, as every other.

    notify: gets a line before each piece of work. Raises as `evaluate` does, and `RunError`.
    """
    start = perf_counter()
    others, left_out = find_siblings(run, wanted.beside)
    classifier = run.classifier()
    dataset = load_split_of(run, wanted.split, wanted.data_dir)
    notify(f"reading {count(len(dataset), 'image')} of the {wanted.split} split")
    evaluation = evaluate(classifier, dataset, str(run.path))
    validation = None
    if wanted.split == "test":  # the temperature is fitted where the test labels are not seen
        valid = load_split_of(run, "valid", wanted.data_dir)
        validation = evaluate(classifier, valid, str(run.path)), valid
    evaluation_summary = summarise_evaluation(evaluation, dataset, validation)
    reads = record_reading(run, wanted.split, evaluation, dataset)
    robustness = None
    if wanted.robustness_images:
        part = dataset[: min(wanted.robustness_images, len(dataset))]
        unchanged = evaluate(classifier, part)
        robustness = measure_robustness(
            run, classifier, part, unchanged, lambda record: _announce(record, notify)
        )
    insight = _insight(run, dataset, evaluation_summary, wanted, notify)
    siblings = measure_siblings(run, others, evaluation, dataset, wanted.split, notify)
    return Measurements(
        run=run,
        split=wanted.split,
        dataset=dataset,
        evaluation_summary=evaluation_summary,
        reads=reads,
        test_reads=count_readings(read_readings(run.path), "test"),
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
    wanted: Wanted,
    notify: Notify,
) -> Insight | None:
    if not isinstance(run, Run):
        return None
    data = run.about["data"]
    notify("looking into the network")
    train = load_training_data(data["collection"], wanted.data_dir, data["split_seed"]).train
    mistakes = evaluation_summary.most_wrong
    index = mistakes[0].index if mistakes else 0
    return look_inside(run, dataset, evaluation_summary.evaluation.predictions, train, index)


def _histories(run: Trained) -> tuple[History, ...]:
    """Those that can be drawn; a history that is damaged is no reason to withhold the rest."""
    try:
        found = read_histories(run.path)
    except RunError:
        return ()
    return tuple(history for history in found if history.records)
