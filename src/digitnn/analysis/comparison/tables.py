"""Format a comparison as Markdown and a leaderboard as text."""

from collections.abc import Mapping, Sequence
from typing import Any

from digitnn.analysis.comparison import lockstep
from digitnn.analysis.comparison.leaderboard import Leaderboard, Standing
from digitnn.wording import count, percent, percent_range


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
        "| recipe | engine | seeds | mean | 95 % interval, these images | 95 % interval, any "
        "images | deviation over seeds | deviation over images |",
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


HEADS = (
    *("", "recipe", "mean", "95 % over seeds", "seeds"),
    *("best of n", "best - mean", "epoch chosen on", "tested"),
)


def leaderboard_to_text(board: Leaderboard) -> str:
    """Return aligned columns for a terminal, one line per recipe.

    epoch chosen on: the split that decided which epoch was kept; "nothing" if it is the last.
    """
    rows = [HEADS, *(_cells(standing, board.standings) for standing in board.standings)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADS))]
    table = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    lines = [f"accuracy on the {board.split} split {board.sha256[:12]}", "", *table, ""]
    lines += [f"not ranked: {run}: {reason}" for run, reason in board.unranked]
    return "\n".join(line.rstrip() for line in [*lines, *_cautions(board)])


def _cells(row: Standing, all_rows: Sequence[Standing]) -> tuple[str, ...]:
    name = f"{row.recipe} ({row.engine})"
    twins = [r for r in all_rows if (r.recipe, r.engine) == (row.recipe, row.engine)]
    low_high = " to ".join(f"{100 * bound:.2f}" for bound in row.interval) if row.interval else "-"
    return (
        str(row.rank),
        name + (f" {row.settings}" if len(twins) > 1 else ""),
        percent(row.mean),
        low_high,
        str(row.n),
        percent(row.best) if row.n > 1 else "-",
        f"{100 * row.excess:.2f}" if row.n > 1 else "-",
        row.chosen_on or "nothing",
        count(row.test_reads, "time"),
    )


def _cautions(board: Leaderboard) -> list[str]:
    lines = []
    if board.split == "valid":
        lines.append(
            "Recipes and epochs are chosen on these images, so they are optimistic: quote test "
            "accuracy."
        )
    if any(row.interval is None for row in board.standings):
        lines.append("One seed has no interval: train more seeds before trusting the ranking.")
    often = [row for row in board.standings if row.test_reads > row.n]
    if often:
        names = ", ".join(f"{row.recipe} ({row.engine})" for row in often)
        lines.append(
            f"Evaluated more than once per run on test: {names}. What changed in between may have "
            "been chosen on it."
        )
    return lines
