"""`digitnn leaderboard`: recipes ranked by the evaluations that their runs have recorded."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from digitnn.cli.console import print_json, print_text
from digitnn.cli.options import AsJson


def leaderboard(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Runs, or folders of runs. Default: runs/.")
    ] = None,
    split: Annotated[
        Literal["valid", "test"],
        typer.Option(
            "--split",
            help="Rank by the recorded accuracy on this split. Runs are not evaluated again.",
        ),
    ] = "valid",
    as_json: AsJson = False,
) -> None:
    """Rank recipes by their mean accuracy over seeds.

    The table also shows the accuracy of the best seed, and how much it exceeds the mean.
    """
    from digitnn.analysis.comparison.leaderboard import find_runs, rank, summarise_run
    from digitnn.analysis.comparison.tables import leaderboard_to_text

    board = rank([summarise_run(path) for path in find_runs(runs or [Path("runs")])], split)
    if as_json:
        print_json({"schema": 1} | board.to_json())
    else:
        print_text(leaderboard_to_text(board))
