"""The summary section: the main numbers, what the run is, and how often it was tested."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digitnn.report.measured import Measurements
from digitnn.runs.run import Run
from digitnn.wording import SPLIT_TITLES, count, percent, percent_range


@dataclass(frozen=True)
class Figure:
    """A headline number. note: in small type below it."""

    value: str
    name: str
    note: str


@dataclass(frozen=True)
class SummarySection:
    """facts: (name, value) about the run; readings: what earlier evaluations imply."""

    title: str
    lead: str
    figures: tuple[Figure, ...]
    facts: tuple[tuple[str, str], ...]
    readings: tuple[str, ...]


def summary_section(measured: Measurements) -> SummarySection:
    """Return the summary section."""
    run, evaluation_summary = measured.run, measured.evaluation_summary
    evaluation, split = evaluation_summary.evaluation, SPLIT_TITLES[measured.split]
    lead = (
        f"The network classifies {percent(evaluation.accuracy)} of "
        f"{count(evaluation.n, f'{split} image')} correctly and makes "
        f"{count(evaluation.errors, 'error')}. Its accuracy on all images of this kind lies "
        f"between {percent_range(evaluation.interval).replace(' to ', ' and ')} (95 % Wilson "
        "interval)."
    )
    return SummarySection(
        title=f"{run.recipe}, {_seeds(run.about)}",
        lead=lead,
        figures=_figures(measured),
        facts=_facts(measured),
        readings=_readings(measured),
    )


def _seeds(about: Mapping[str, Any]) -> str:
    seeds = about.get("seeds")
    return f"seeds {', '.join(map(str, seeds))}" if seeds else f"seed {about['seed']}"


def _figures(measured: Measurements) -> tuple[Figure, ...]:
    evaluation_summary, split = measured.evaluation_summary, SPLIT_TITLES[measured.split]
    evaluation = evaluation_summary.evaluation
    surest = next(
        point for point in evaluation_summary.risk_coverage.points if point.coverage >= 0.9
    )
    found = [
        Figure(
            percent(evaluation.accuracy), f"{split} accuracy", percent_range(evaluation.interval)
        ),
        Figure(f"{evaluation.errors:,}", "misclassified", f"of {evaluation.n:,}"),
        Figure(
            percent(surest.error),
            "error rate where confident",
            f"of the most confident {100 * surest.coverage:.0f} %",
        ),
    ]
    if measured.robustness and measured.robustness.corruptions:
        corrupted = measured.robustness.corruptions
        found.append(
            Figure(
                percent(corrupted.mean),
                "accuracy on corrupted images",
                f"mean of {len(corrupted.rows)} corruptions, {measured.robustness.n:,} images",
            )
        )
    return tuple(found)


def _facts(measured: Measurements) -> tuple[tuple[str, str], ...]:
    run, about = measured.run, measured.run.about
    data, machine = about["data"], about.get("machine") or {}
    split = data.get(measured.split) if measured.split == "valid" else None
    facts = [
        ("Run", str(run.path)),
        ("Recipe", _recipe(measured)),
        ("Engine", run.engine),
        ("Seed", _seeds(about)),
        ("Parameters", f"{run.parameter_count():,}"),
        ("Training", _training(measured)),
        ("Data", f"{data['collection']}, {_split_seed(data['split_seed'])}"),
        (
            f"Fingerprint of the {SPLIT_TITLES[measured.split]} images",
            split["sha256"] if split else measured.dataset.fingerprint(),
        ),
        ("Commit at training", str(machine.get("commit") or "not known")),
        ("Machine", machine_words(machine)),
        ("Versions", versions_words(machine)),
    ]
    return tuple(facts)


def _recipe(measured: Measurements) -> str:
    text = measured.run.about["recipe"].get("summary")
    return f"{measured.run.recipe}: {text}" if text else measured.run.recipe


def _training(measured: Measurements) -> str:
    run, about = measured.run, measured.run.about
    full_batch = any(history.recipe.is_full_batch for history in measured.histories)
    rounds = "iteration" if full_batch else "epoch"
    words = f"{count(about['epochs'], rounds)} in {about['seconds']:,.1f} s"
    if not isinstance(run, Run):
        words += f", {about['members']} members in total"
    if not about.get("complete", True):
        words += "; ended early"
    return words


def _split_seed(seed: int | None) -> str:
    return "split in the file's order" if seed is None else f"split by seed {seed}"


def machine_words(machine: Mapping[str, Any]) -> str:
    """Return processor, cores and system from `describe_machine`."""
    known = [str(machine[key]) for key in ("processor", "system") if machine.get(key)]
    if machine.get("cores"):
        known.insert(1, f"{machine['cores']} cores, {machine.get('threads') or 'all'} threads")
    return "; ".join(known) or "not known"


def versions_words(machine: Mapping[str, Any]) -> str:
    """Return the library versions from `describe_machine`."""
    versions = machine.get("versions") or {}
    return ", ".join(f"{name} {version}" for name, version in versions.items()) or "not known"


def _readings(measured: Measurements) -> tuple[str, ...]:
    about, times = measured.run.about, measured.test_reads
    words = []
    if measured.split == "valid":
        stopping = about.get("stopping") or {}
        chosen = stopping.get("keep") == "best" or stopping.get("patience") is not None
        words.append(
            "The validation images were held out of training. "
            + (
                "They decided which epoch was kept, so this accuracy is slightly optimistic."
                if chosen
                else "They decided nothing in this run, but the recipe may have been chosen on "
                "them."
            )
        )
    if times == 0:
        words.append(
            "This run has never been evaluated on the test split, so it was not chosen by its test "
            "accuracy. `digitnn report --split test` evaluates it there and records it."
        )
    elif times == 1:
        words.append(
            "This run has been evaluated on the test split once, so nothing was changed because of "
            "the result."
        )
    else:
        words.append(
            f"This run has been evaluated on the test split {count(times, 'time')}. The network "
            "did not change in between, but every evaluation is an opportunity to keep the run "
            "because it did well: the more evaluations, the more optimistic the test accuracy."
        )
    return tuple(words)
