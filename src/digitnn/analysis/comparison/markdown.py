"""Format a comparison as Markdown: tables, paired tests, machine."""

from collections.abc import Mapping, Sequence
from typing import Any

from digitnn.analysis.comparison import lockstep
from digitnn.wording import percent, percent_range


def comparison_to_markdown(comparison: Mapping[str, Any]) -> str:
    """Return the object of `make_comparison` as a Markdown page."""
    lines = [
        "| recipe | engine | test accuracy | 95 % interval | training time | inference time "
        "| parameters |",
        "|---" * 7 + "|",
    ]
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
    """Return a table of the rows with several seeds: the interval and variance of the mean."""
    several = [row for row in rows if "variance" in row]
    if not several:
        return []
    lines = [
        "| recipe | engine | seeds | mean | 95 % over seeds, these images | 95 % over seeds and "
        "images | another seed | other images |",
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
    """Return a sentence for one pair, or a table for several."""
    if len(pairs) <= 1:
        return [describe_pair(pair) for pair in pairs]
    rows = [
        f"| {pair['first']} | {pair['second']} | {pair['only_first']} | {pair['only_second']} | "
        f"{pair['both_wrong']} | {_p_value(pair['p_value']).removeprefix('= ')} | "
        f"{_p_value(pair['holm']).removeprefix('= ')} |"
        for pair in pairs
    ]
    return [
        "| first network | second network | correct only by the first | only by the second "
        "| by neither | exact McNemar p | after Holm |",
        "|---" * 7 + "|",
        *rows,
    ]


def _p_value(p: float) -> str:
    return f"= {p:.2g}" if p >= 1e-4 else "< 0.0001"


def describe_pair(pair: Mapping[str, Any]) -> str:
    """Return a sentence about two networks on the same test images."""
    seeds = " and ".join(str(seed) for seed in sorted(set(pair["seeds"])))
    return (
        f"On the same test images (seed {seeds}), {pair['only_second']} are correct only by "
        f"{pair['second']}, {pair['only_first']} only by {pair['first']}, {pair['both_wrong']} by "
        f"neither: exact McNemar test, p {_p_value(pair['p_value'])}."
    )


def describe_conditions(comparison: Mapping[str, Any]) -> str:
    """Return a line with the machine, versions, seeds and definitions behind the tables."""
    machine, rows = comparison["machine"], comparison["rows"]
    seeds = ", ".join(str(seed) for seed in rows[0].get("seeds", [rows[0]["seed"]]))
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores; {versions}; "
        f"commit {machine['commit']}; seeds {seeds}. Intervals are Wilson's, for the "
        f"{rows[0]['n']:,} test images; ± is the standard deviation over seeds. Training time is "
        "measured from arrays in memory to the trained network, validation included."
    )
