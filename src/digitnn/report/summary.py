"""The page in short: what the run is, how good, and how often the test split was read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from digitnn.report.measured import Measurements
from digitnn.runs.run import Run
from digitnn.wording import SPLIT_TITLES, count, percent, percent_range


@dataclass(frozen=True)
class Figure:
    """One number to remember. note: in small type below it."""

    value: str
    name: str
    note: str


@dataclass(frozen=True)
class Summary:
    """facts: name and value of what the run is; readings: what reading the splits means here."""

    title: str
    lead: str
    figures: tuple[Figure, ...]
    facts: tuple[tuple[str, str], ...]
    readings: tuple[str, ...]


def summary(measured: Measurements) -> Summary:
    """The first screen."""
    run, evaluation_summary = measured.run, measured.evaluation_summary
    evaluation, split = evaluation_summary.evaluation, SPLIT_TITLES[measured.split]
    lead = (
        f"Of {count(evaluation.n, f'{split} image')} this network reads "
        f"{percent(evaluation.accuracy)} rightly; {evaluation.errors:,} are wrong. "
        "Over all such images there could ever be, the "
        f"figure may well be anything from {percent_range(evaluation.interval)} (95 % Wilson interval)."
    )
    return Summary(
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
        Figure(f"{evaluation.errors:,}", "read wrongly", f"of {evaluation.n:,}"),
        Figure(
            percent(surest.error),
            "error where it is sure",
            f"of the surest {100 * surest.coverage:.0f} %",
        ),
    ]
    if measured.robustness and measured.robustness.corruptions:
        corrupted = measured.robustness.corruptions
        found.append(
            Figure(
                percent(corrupted.mean),
                "accuracy on corrupted images",
                f"mean of {len(corrupted.rows)} kinds, {measured.robustness.n:,} images",
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
        ("Numbers learned", f"{run.parameter_count():,}"),
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
        words += f", {about['members']} members together"
    if not about.get("complete", True):
        words += "; it was ended early"
    return words


def _split_seed(seed: int | None) -> str:
    return "split in the file's order" if seed is None else f"split by seed {seed}"


def machine_words(machine: Mapping[str, Any]) -> str:
    """What `describe_machine` says of processor, cores and system."""
    known = [str(machine[key]) for key in ("processor", "system") if machine.get(key)]
    if machine.get("cores"):
        known.insert(1, f"{machine['cores']} cores, {machine.get('threads') or 'all'} threads")
    return "; ".join(known) or "not known"


def versions_words(machine: Mapping[str, Any]) -> str:
    """What it says of the libraries."""
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
                "They decided which epoch was kept, so this figure flatters a little."
                if chosen
                else "They decided nothing in this run; people may have chosen the recipe by them."
            )
        )
    if times == 0:
        words.append(
            "This run has never read the test split: nobody can have chosen it by its test figure. "
            "`digitnn report --split test` would read it, and note that it did."
        )
    elif times == 1:
        words.append(
            "This run has read the test split once, so nothing can have been changed in the light "
            "of what came out."
        )
    else:
        words.append(
            f"This run has read the test split {count(times, 'time')}. The network did not change "
            "in between, but each look is a chance to keep this run because it did well: the more "
            "looks, the more a test figure flatters."
        )
    return tuple(words)
