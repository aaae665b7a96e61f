"""Evaluate a run on images, and record the evaluation in its report.json.

Every evaluation that a user sees is made here, so report.json counts all evaluations on the test
split.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from digitnn.atomic_files import write_text
from digitnn.data.dataset import Dataset
from digitnn.data.fetch.sources import load
from digitnn.data.formats.labelled import read_labelled
from digitnn.data.formats.picture_options import options_from_json
from digitnn.errors import DataError, RunError
from digitnn.evaluation.evaluation import Evaluation, evaluate
from digitnn.evaluation.summary import EvaluationSummary, summarise_evaluation
from digitnn.network.network import Classifier
from digitnn.runs.ensembles import Trained
from digitnn.runs.experiment import TrainingData, load_training_data_of
from digitnn.runs.run import REPORT, read_evaluations
from digitnn.wording import SPLIT_TITLES


@dataclass(frozen=True, eq=False)
class RecordedEvaluation:
    """One recorded evaluation of a run.

    split: "valid", "test", or the name of external data in report.json; reads: the number of
    evaluations of the run on these images, this one included; test_reads: the number of its
    evaluations on the test split.
    """

    split: str
    dataset: Dataset
    summary: EvaluationSummary
    reads: int
    test_reads: int

    @property
    def evaluation(self) -> Evaluation:
        """The evaluation that the summary describes."""
        return self.summary.evaluation


def load_split_of(run: Trained, split_name: str, data_dir: Path | None = None) -> Dataset:
    """Return the split "valid" or "test" that belongs to `run`.

    Raises `DataError` if "valid" is not the split that the run was validated on: in data of
    another origin it may contain images that the run was trained on. So it does if the run learned
    from all images.
    """
    data = run.about["data"]
    if split_name == "test":
        options = options_from_json(data.get("pictures"))
        return inputs_of(run, load(data["collection"], "test", data_dir, options=options))
    if data["valid"] is None:
        raise DataError(
            f"{run.path} has learned from the validation images too (--all-images), which so tell "
            "nothing about images that it has not seen: `digitnn evaluate` and `digitnn report` "
            "take --split test"
        )
    return inputs_of(run, _require_same(run, load_training_data_of(data, data_dir)).valid)


def load_images_to_check(run: Trained, data_dir: Path | None = None) -> Dataset:
    """Return the validation split, from which `run` may have learned.

    To check that two ways to compute its answers agree, not to score them. Raises as
    `load_split_of`.
    """
    data = load_training_data_of(run.about["data"], data_dir)
    return inputs_of(run, _require_same(run, data).valid)


def _require_same(run: Trained, data: TrainingData) -> TrainingData:
    """Return `data`. Raises `DataError` if they are not those that `run` was made with."""
    recorded = run.about["data"]
    part, key = (data.held_out, "valid") if data.held_out else (data.learned, "train")
    if part.fingerprint() != recorded[key]["sha256"]:
        raise DataError(
            f"the {SPLIT_TITLES[key]} images are not those of {run.path} (fingerprints differ): "
            "name the data it was trained on with --data-dir"
        )
    return data


def inputs_of(run: Trained, dataset: Dataset) -> Dataset:
    """Return `dataset` with its labels as `run` numbers them, matched by name.

    Raises `DataError` for images of another size than the run takes, or of other classes.
    """
    network = run.network
    dataset.require_shape(network.input, str(run.path))
    return dataset.with_classes(network.labels, str(run.path))


def read_external(run: Trained, path: Path, labels: Path | None = None) -> Dataset:
    """Return other labelled images, fitted and with labels as those of `run`.

    path, labels: see `read_labelled`. Raises like it and `inputs_of`.
    """
    options = options_from_json(run.about["data"].get("pictures"))
    return inputs_of(run, read_labelled(path, labels, options))


def evaluate_and_record(
    run: Trained, split: str, dataset: Dataset, classifier: Classifier | None = None
) -> Evaluation:
    """Evaluate `run` on `dataset`, which is its split `split`, and record the evaluation.

    No temperature is fitted. classifier: that of the run, if the caller has it already.
    """
    evaluation = evaluate(classifier or run.classifier(), dataset, str(run.path))
    record_evaluation(run, split, evaluation, dataset)
    return evaluation


def evaluate_run(
    run: Trained,
    split: str,
    dataset: Dataset,
    classifier: Classifier,
    data_dir: Path | None = None,
    shared: Mapping[str, int] | None = None,
) -> RecordedEvaluation:
    """Evaluate `run` on `dataset`, compute all scores, and record the evaluation.

    The temperature is fitted on the validation split; fitted on `dataset`, as for a run without
    such a split, it is optimistic, and said to be so.

    classifier: that of the run, on any engine; shared: see `record_evaluation`.
    """
    evaluation = evaluate(classifier, dataset, str(run.path))
    validation = None
    if split != "valid" and run.about["data"]["valid"] is not None:
        valid = load_split_of(run, "valid", data_dir)
        validation = evaluate(classifier, valid, str(run.path)), valid
    summary = summarise_evaluation(evaluation, dataset, validation)
    reads = record_evaluation(run, split, evaluation, dataset, shared)
    test_reads = count_evaluations(read_evaluations(run.path), "test")
    return RecordedEvaluation(split, dataset, summary, reads, test_reads)


def record_evaluation(
    run: Trained,
    split: str,
    evaluation: Evaluation,
    dataset: Dataset,
    shared: Mapping[str, int] | None = None,
) -> int:
    """Add an evaluation to the run's report.json; return the number of evaluations on that data.

    That number counts every evaluation on the split or, for external data, on the same images.

    dataset: the images, whose fingerprint is recorded too; shared: for external data, the number
    of its images that are also in each split of the run.
    """
    path = run.path / REPORT
    evaluations = list(read_evaluations(run.path))
    evaluations.append(
        {
            "split": split,
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "data": {"name": dataset.name, "sha256": dataset.fingerprint()},
            **({"shared": dict(shared)} if shared else {}),
            **evaluation.to_json(),
        }
    )
    try:
        text = json.dumps({"schema": 1, "readings": evaluations}, indent=2, allow_nan=False)
        write_text(path, text + "\n")
    except OSError as error:
        raise RunError(
            f"cannot record the evaluation on {split} in {path} ({error.strerror}), so its result "
            "is not shown: make the run writable, or copy it"
        ) from None
    if split in ("valid", "test"):
        return count_evaluations(evaluations, split)
    data = evaluations[-1]["data"]["sha256"]
    return sum(one["split"] == split and one["data"]["sha256"] == data for one in evaluations)


def count_evaluations(evaluations: Sequence[Mapping[str, Any]], split: str) -> int:
    """Count the evaluations on `split`."""
    return sum(one["split"] == split for one in evaluations)
