"""Format a leaderboard as text: a table with cautions below it."""

from collections.abc import Sequence

from digitnn.analysis.comparison.leaderboard import Leaderboard, Standing
from digitnn.wording import count, percent

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
