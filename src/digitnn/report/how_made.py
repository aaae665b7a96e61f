"""How these figures were made: enough to make them again."""

from dataclasses import dataclass

from digitnn.analysis.robustness.adversarial import ATTACK_SEED
from digitnn.analysis.robustness.corrupted import CORRUPTION_SEED
from digitnn.data.fetch.catalogue import collection_named
from digitnn.report.elements import Table, table
from digitnn.report.measured import Measurements
from digitnn.report.summary import machine_words, versions_words
from digitnn.wording import SPLIT_TITLES, count


@dataclass(frozen=True)
class HowMade:
    """command: as it was typed; facts: name and value; scopes: which figure stands on how many
    images. when, seconds: the only two that differ between equal pages."""

    command: str
    when: str
    seconds: str
    facts: tuple[tuple[str, str], ...]
    scopes: Table


def how_made(measured: Measurements) -> HowMade:
    """Command, commit, machine, versions, n, seeds, date."""
    machine, run = measured.machine, measured.run
    data = run.about["data"]
    reads = f"{count(measured.reads, 'time')}, this one included"
    return HowMade(
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
            (f"Readings of the {SPLIT_TITLES[measured.split]} split by this run", reads),
            ("Intervals", "95 %: Wilson for shares, Student for means over seeds"),
        ),
        scopes=_scopes(measured),
    )


def _scopes(measured: Measurements) -> Table:
    split = SPLIT_TITLES[measured.split]
    n = f"{measured.evaluation_summary.evaluation.n:,}"
    after = "on the same" if measured.evaluation_summary.tempered.in_sample else "on validation"
    rows = [
        ("How good, how sure", f"all {n} {split} images", "none"),
        ("Temperature", f"fitted {after} images", "none"),
    ]
    if found := measured.robustness:
        part = f"the first {found.n:,} {split} images"
        rows += [
            ("Corruptions", part, f"seed {CORRUPTION_SEED}"),
            ("Shifts, turns, sizes, thicknesses", part, "none"),
        ]
        if found.attacks:
            rows.append(
                (
                    "Adversarial steps",
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
    return table("What each figure was measured on", ("figure", "images", "chance"), rows, True)
