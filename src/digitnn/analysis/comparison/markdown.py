"""A comparison as a page of Markdown: the tables, the pairs, the machine."""

from collections.abc import Mapping, Sequence
from typing import Any

from digitnn.analysis.comparison import lockstep
from digitnn.wording import percent, percent_range


def comparison_to_markdown(comparison: Mapping[str, Any]) -> str:
    """The object of `make_comparison` as a page."""
    heads = (
        "recipe",
        "engine",
        "test accuracy",
        "95 % interval",
        "training",
        "reading",
        "parameters",
    )
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for row in comparison["rows"]:
        spread = f" ± {100 * row['spread']:.2f}" if "spread" in row else ""
        lines.append(
            f"| `{row['recipe']}` | {row['engine']} | **{percent(row['accuracy'])}**{spread} | "
            f"{percent_range(row['interval'])} | {row['train_seconds']:.1f} s | "
            f"{row['predict_seconds']:.2f} s | {row['parameters']:,} |"
        )
    for row in comparison["reported"]:
        lines.append(
            f"| {row['recipe']} | *as reported* | {percent(row['accuracy'])} | | "
            f"{row['train_seconds']:.0f} s | | |"
        )
    lines += ["", *_describe_seeds(comparison["rows"])]
    lines += [*_describe_pairs(comparison["paired"]["pairs"]), ""]
    if "grid" in comparison:
        lines += [lockstep.gaps_to_markdown(comparison["grid"])]
    return "\n".join([*lines, describe_conditions(comparison), ""])


def _describe_seeds(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table of the rows that have several seeds: how sure the mean is, and what moves it."""
    several = [row for row in rows if "variance" in row]
    if not several:
        return []
    lines = [
        "| recipe | engine | seeds | mean | 95 % over seeds, these digits | 95 % over seeds and "
        "digits | another seed | other digits |",
        "|---" * 8 + "|",
    ]
    for row in several:
        variance = row["variance"]
        lines.append(
            f"| `{row['recipe']}` | {row['engine']} | {variance['m']} | {percent(row['accuracy'])} "
            f"| {percent_range(row['seeds_interval'])} | {percent_range(variance['interval'])} "
            f"| ± {100 * variance['other_seed']:.2f} | ± {100 * variance['other_digits']:.2f} |"
        )
    return [*lines, ""]


def _describe_pairs(pairs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence for one pair, a table for several."""
    if len(pairs) <= 1:
        return [describe_pair(pair) for pair in pairs]
    rows = [
        f"| {pair['first']} | {pair['second']} | {pair['only_first']} | {pair['only_second']} | "
        f"{pair['both_wrong']} | {_p_value(pair['p_value']).removeprefix('= ')} | "
        f"{_p_value(pair['holm']).removeprefix('= ')} |"
        for pair in pairs
    ]
    return [
        "| of two networks, the first | the second | digits only the first reads | only the second "
        "| neither | exact McNemar p | after Holm |",
        "|---" * 7 + "|",
        *rows,
    ]


def _p_value(p: float) -> str:
    return f"= {p:.2g}" if p >= 1e-4 else "< 0.0001"


def describe_pair(pair: Mapping[str, Any]) -> str:
    """One sentence about two networks on the same digits."""
    seeds = " and ".join(str(seed) for seed in sorted(set(pair["seeds"])))
    return (
        f"On the same test digits (seed {seeds}), {pair['second']} alone reads "
        f"{pair['only_second']}, {pair['first']} alone {pair['only_first']}, neither "
        f"{pair['both_wrong']}: exact McNemar test, p {_p_value(pair['p_value'])}."
    )


def describe_conditions(comparison: Mapping[str, Any]) -> str:
    """One line that says on what, from what and from which seeds it was measured."""
    machine, rows = comparison["machine"], comparison["rows"]
    seeds = ", ".join(str(seed) for seed in rows[0].get("seeds", [rows[0]["seed"]]))
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores; {versions}; "
        f"commit {machine['commit']}; seeds {seeds}. Intervals are Wilson's, for the "
        f"{rows[0]['n']:,} test digits; ± is the standard deviation over seeds. "
        "Training time runs from arrays in memory to the trained network, validation included."
    )
