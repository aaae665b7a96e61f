"""The section on provenance: what is needed to reproduce the page's numbers."""

from dataclasses import dataclass

from digitnn.analysis.robustness.adversarial import ATTACK_SEED
from digitnn.analysis.robustness.corrupted import CORRUPTION_SEED
from digitnn.data.fetch.catalogue import collection_named
from digitnn.report.elements import Table, table
from digitnn.report.measured import Measurements
from digitnn.report.summary import machine_words, versions_words
from digitnn.wording import SPLIT_TITLES, count


@dataclass(frozen=True)
class ProvenanceSection:
    """command: as typed; facts: (name, value); scopes: the images behind each number; when,
    seconds: the only parts in which two pages about equal runs differ."""

    command: str
    when: str
    seconds: str
    facts: tuple[tuple[str, str], ...]
    scopes: Table


def provenance_section(measured: Measurements) -> ProvenanceSection:
    """Return command, commit, machine, versions, n, seeds and date."""
    machine, run = measured.machine, measured.run
    data = run.about["data"]
    reads = f"{count(measured.reads, 'time')}, this one included"
    return ProvenanceSection(
        command=measured.command,
        when=measured.when,
        seconds=f"{measured.seconds:.0f}",
        facts=(
            ("Commit", str(machine.get("commit") or "an installed package, no commit")),
            ("Machine", machine_words(machine)),
            ("Versions", versions_words(machine)),
            ("Data", f"{data['collection']}, {SPLIT_TITLES[measured.split]} split"),
            ("By", collection_named(data["collection"]).credit),
            ("Fingerprint (SHA-256)", measured.dataset.fingerprint()),
            (f"Evaluations of this run on the {SPLIT_TITLES[measured.split]} split", reads),
            ("Intervals", "95 %: Wilson for shares, Student for means over seeds"),
        ),
        scopes=_scopes(measured),
    )


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
    return table("Images and seeds behind each number", ("number", "images", "seed"), rows, True)
