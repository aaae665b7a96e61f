"""`digitnn leaderboard`: recipes in order, by what their runs have noted."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from digitnn.cli.console import print_json, print_text
from digitnn.cli.options import AsJson


def leaderboard(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Runs, or folders of them; runs/ if absent.")
    ] = None,
    split: Annotated[
        Literal["valid", "test"],
        typer.Option("--split", help="Which accuracy to rank by; test must have been read before."),
    ] = "valid",
    as_json: AsJson = False,
) -> None:
    """Rank recipes by the mean over their seeds, and tell what best-of-n would have claimed."""
    from digitnn.analysis.comparison.leaderboard import find_runs, rank, read_entry
    from digitnn.analysis.comparison.leaderboard_text import leaderboard_to_text

    board = rank([read_entry(path) for path in find_runs(runs or [Path("runs")])], split)
    if as_json:
        print_json({"schema": 1} | board.to_json())
    else:
        print_text(leaderboard_to_text(board))
