"""The summary and the provenance: the main numbers, what the run is, and how to reproduce them."""

from collections.abc import Mapping
from typing import Any

from digitnn.analysis.robustness.adversarial import ATTACK_SEED
from digitnn.analysis.robustness.corrupted import CORRUPTION_SEED
from digitnn.data.fetch.catalogue import collection_named
from digitnn.report.elements import Table
from digitnn.report.measured import Measurements
from digitnn.runs.run import Run
from digitnn.wording import SPLIT_TITLES, count, percent, percent_range


def summary_section(measured: Measurements) -> dict[str, Any]:
    """Return the summary section. readings: what earlier evaluations imply."""
    run, evaluation_summary = measured.run, measured.evaluation_summary
    evaluation, split = evaluation_summary.evaluation, SPLIT_TITLES[measured.split]
    lead = (
        f"The network classifies {percent(evaluation.accuracy)} of "
        f"{count(evaluation.n, f'{split} image')} correctly and makes "
        f"{count(evaluation.errors, 'error')}. Its accuracy on all images of this kind lies "
        f"between {percent_range(evaluation.interval).replace(' to ', ' and ')} (95 % Wilson "
        "interval)."
    )
    return {
        "title": f"{run.recipe}, {_seeds(run.about)}",
        "lead": lead,
        "figures": _figures(measured),
        "facts": _facts(measured),
        "readings": _readings(measured),
    }


def _seeds(about: Mapping[str, Any]) -> str:
    seeds = about.get("seeds")
    return f"seeds {', '.join(map(str, seeds))}" if seeds else f"seed {about['seed']}"


def _figures(measured: Measurements) -> list[tuple[str, str, str]]:
    """Return the headline numbers as (value, name, note in small type below it)."""
    evaluation = measured.evaluation_summary.evaluation
    points = measured.evaluation_summary.risk_coverage.points
    surest = next(point for point in points if point.coverage >= 0.9)
    found = [
        (
            percent(evaluation.accuracy),
            f"{SPLIT_TITLES[measured.split]} accuracy",
            percent_range(evaluation.interval),
        ),
        (f"{evaluation.errors:,}", "misclassified", f"of {evaluation.n:,}"),
        (
            percent(surest.error),
            "error rate where confident",
            f"of the most confident {100 * surest.coverage:.0f} %",
        ),
    ]
    if measured.robustness and (corrupted := measured.robustness.corruptions):
        note = f"mean of {len(corrupted.rows)} corruptions, {measured.robustness.n:,} images"
        found.append((percent(corrupted.mean), "accuracy on corrupted images", note))
    return found


def _facts(measured: Measurements) -> list[tuple[str, str]]:
    """Return the (name, value) of what the run is."""
    run, about = measured.run, measured.run.about
    data, machine = about["data"], about.get("machine") or {}
    split = data.get(measured.split) if measured.split == "valid" else None
    return [
        ("Run", str(run.path)),
        ("Recipe", _recipe(measured)),
        ("Engine", _engine(about, run.engine)),
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


def _engine(about: Mapping[str, Any], name: str) -> str:
    return f"{name}, products in {about['precision']}" if "precision" in about else name


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


def _readings(measured: Measurements) -> list[str]:
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
    return words


def provenance_section(measured: Measurements) -> dict[str, Any]:
    """Return command, commit, machine, versions, n, seeds and date.

    when, seconds: the only parts in which two pages about equal runs differ; scopes: the images
    behind each number.
    """
    machine, run = measured.machine, measured.run
    data = run.about["data"]
    reads = f"{count(measured.reads, 'time')}, this one included"
    return {
        "command": measured.command,
        "when": measured.when,
        "seconds": f"{measured.seconds:.0f}",
        "facts": (
            ("Commit", str(machine.get("commit") or "an installed package, no commit")),
            ("Machine", machine_words(machine)),
            ("Versions", versions_words(machine)),
            ("Data", f"{data['collection']}, {SPLIT_TITLES[measured.split]} split"),
            ("By", collection_named(data["collection"]).credit),
            ("Fingerprint (SHA-256)", measured.dataset.fingerprint()),
            (f"Evaluations of this run on the {SPLIT_TITLES[measured.split]} split", reads),
            ("Intervals", "95 %: Wilson for shares, Student for means over seeds"),
        ),
        "scopes": _scopes(measured),
    }


def _scopes(measured: Measurements) -> Table:
    split = SPLIT_TITLES[measured.split]
    n = f"{measured.evaluation_summary.evaluation.n:,}"
    after = "on the same" if measured.evaluation_summary.tempered.in_sample else "on validation"
    rows = [
        ("Accuracy, confidence", f"all {n} {split} images", "none"),
        ("Temperature", f"fitted {after} images", "none"),
    ]
    if found := measured.robustness:
        part = f"the first {found.n:,} {split} images"
        rows += [
            ("Corruptions", part, f"seed {CORRUPTION_SEED}"),
            ("Shifts, rotations, sizes, thicknesses", part, "none"),
        ]
        if found.attacks:
            rows.append(
                (
                    "Adversarial attacks",
                    f"the first {found.attacks[0].n:,} {split} images",
                    f"seed {ATTACK_SEED}, for PGD's start",
                )
            )
    if measured.insight and measured.insight.layout:
        mapped = len(measured.insight.layout.labels)
        rows.append(("Map", f"the first {mapped:,} {split} images", "t-SNE, seed 0"))
    if measured.siblings:
        seeds = ", ".join(sorted(seed.seeds for seed in measured.siblings.seeds))
        rows.append(("Other seeds", f"all {n} {split} images", f"trained with seeds {seeds}"))
    return Table("Images and seeds behind each number", ("number", "images", "seed"), rows, True)
